#pragma once

// LoopbackServer: the far end of a script as a real server on 127.0.0.1, so that one conversation can be held
// with a ScriptedStream and with real sockets.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>

#include "common/job.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/scripted_stream.hpp"

namespace imapcopy::test {

class LoopbackServer {
 public:
    /// Plays `script` with every client. `key` is needed for implicit TLS and for scripts with start_tls.
    /// Blanks
    /// ("$1") are not understood; a `fail` step resets the connection.
    LoopbackServer(boost::asio::io_context& io, Script script, TlsMode tls,
                   std::optional<CertifiedKey> key = std::nullopt);
    /// Ends all connections. The io_context must run once more before it is destroyed.
    ~LoopbackServer();
    LoopbackServer(LoopbackServer const&) = delete;
    LoopbackServer& operator=(LoopbackServer const&) = delete;

    std::uint16_t port() const;
    /// Bytes after the handshake that clients have sent and that the script has read.
    std::string const& received() const;
    /// Connections whose script is over.
    std::size_t finished() const;
    /// Handshakes that resumed an earlier session.
    std::size_t resumed() const;
    /// How the last connection whose script is over ended for the server: "" while it goes on, "fin",
    /// "reset", ….
    std::string const& ending() const;

 private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace imapcopy::test
