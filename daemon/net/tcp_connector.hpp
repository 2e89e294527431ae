#pragma once

// TcpConnector: resolve, egress policy on the resolved address, connect, TLS policy.

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "daemon/net/connector.hpp"
#include "daemon/net/egress.hpp"
#include "daemon/net/resolver.hpp"
#include "daemon/net/tls.hpp"

namespace imapcopy::net {

/// What the administrator allows; the part of the configuration that concerns the network.
struct NetPolicy {
    std::vector<std::string> cleartext_hosts;  ///< "host" or "host:port"; may be spoken to without TLS.
    std::string ca_file;                       ///< Certificates trusted besides the system's, or empty.
    std::vector<std::string> deny_networks;    ///< CIDR.
    std::vector<std::string> allow_networks;   ///< CIDR; empty: all that is not denied.

    bool operator==(NetPolicy const&) const = default;
};

/// All mistakes of `policy` in one error (invalid_argument). Reads ca_file.
Result<> validate(NetPolicy const& policy);

/// True if `policy` lists `host`, alone or with `port`; letter case does not count.
bool allows_cleartext(NetPolicy const& policy, std::string_view host, std::uint16_t port);

class TcpConnector final : public Connector {
 public:
    /// Throws Failure(invalid_argument) where validate() refuses `policy`. `clock` outlives the connector.
    TcpConnector(boost::asio::any_io_executor executor, Clock& clock, NetPolicy policy,
                 Resolver::LookUp look_up = Resolver::system_look_up);

    /// For connections from now on. Throws like the constructor, and then nothing has changed.
    void set_policy(NetPolicy policy);
    Task<std::unique_ptr<Stream>> connect(Target target, TimePoint deadline) override;

 private:
    boost::asio::any_io_executor executor_;
    Clock& clock_;
    Resolver resolver_;
    NetPolicy policy_;
    EgressPolicy egress_;
    TlsContext tls_;
};

}  // namespace imapcopy::net
