#pragma once

// From a host name to a logged-in connection.

#include <memory>

#include "daemon/imap/connection.hpp"

namespace imapcopy::imap {

/// Ends the connection when it goes, whatever is under way.
class ConnectionOwner {
 public:
    explicit ConnectionOwner(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
    ~ConnectionOwner();
    ConnectionOwner(ConnectionOwner&&) noexcept = default;
    ConnectionOwner& operator=(ConnectionOwner&&) = delete;
    std::shared_ptr<Connection> const& get() const { return connection_; }

 private:
    std::shared_ptr<Connection> connection_;
};

/// Greeting, STARTTLS, capabilities, sign-in, capabilities again, ID. As few round trips as the server
/// allows: one for a server that greets with its capabilities over implicit TLS, takes SASL-IR and tells its
/// capabilities with the OK. Throws Failure; see Session::open. `connector` outlives the call.
Task<ConnectionOwner> log_in(Context context, net::Connector& connector, net::Target target,
                             Credentials credentials, Side side, SessionTimeouts timeouts);

}  // namespace imapcopy::imap
