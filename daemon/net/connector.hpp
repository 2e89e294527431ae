#pragma once

// Connector: makes Streams. An interface, so that a test decides what answers.

#include <memory>
#include <string>

#include "common/job.hpp"
#include "daemon/net/stream.hpp"

namespace imapcopy::net {

/// Where to connect and how far to trust it.
struct Target {
    std::string host;
    std::uint16_t port = 0;
    TlsMode tls = TlsMode::implicit;
    std::string tls_pin;  ///< See AccountSpec::tls_pin.
};

class Connector {
 public:
    virtual ~Connector() = default;
    /// Resolves, checks each address against the egress policy, connects (all addresses in turn), and, for
    /// implicit TLS, completes the handshake. Throws Failure: name_not_found, address_not_allowed,
    /// connection_refused, connection_lost, timed_out, tls_untrusted, tls_name_mismatch, tls_handshake,
    /// tls_required (cleartext host that the administrator has not listed).
    virtual Task<std::unique_ptr<Stream>> connect(Target target, TimePoint deadline) = 0;
};

}  // namespace imapcopy::net
