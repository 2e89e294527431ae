#include "daemon/net/peer_window.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace imapcopy::net {

Duration time_without_window(int descriptor) {
    tcp_info told{};
    socklen_t size = sizeof told;
    // A system that knows less fills less in.
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &told, &size) != 0) return {};
    return std::chrono::microseconds(told.tcpi_rwnd_limited);
}

}  // namespace imapcopy::net
