#pragma once

// TLS over a non-blocking socket, without waiting: each call does what it can now and says what it needs
// next. The only door to OpenSSL in this folder.

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/result.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace imapcopy::net {

/// What an operation that could not go on is waiting for.
enum class Wants { nothing, readable, writable };

/// What one attempt to read, write or shake hands achieved.
struct IoStep {
    std::size_t bytes = 0;  ///< Moved in this step.
    Wants wants = Wants::nothing;
    bool ended = false;  ///< The peer has closed in an orderly way.
};

class TlsSessions;

/// Whom to trust: the system's certificates and those of one more file; and the sessions that servers offer
/// to resume. A cheap handle; copies share the store.
class TlsContext {
 public:
    /// `ca_file` may be empty. Errors: invalid_argument where it cannot be read or holds no certificate.
    static Result<TlsContext> make(std::string const& ca_file);
    ssl_ctx_st* get() const { return context_.get(); }
    std::shared_ptr<TlsSessions> const& sessions() const { return sessions_; }

 private:
    explicit TlsContext(std::shared_ptr<ssl_ctx_st> context);
    // OpenSSL counts the references of every connection by itself; ours are counted the same way.
    std::shared_ptr<ssl_ctx_st> context_;
    std::shared_ptr<TlsSessions> sessions_;
};

/// The name that the certificate must carry, or the key that is trusted instead of chain and name.
struct TlsPeer {
    std::string host;  ///< DNS name or address literal.
    std::uint16_t port = 0;
    std::string pin;  ///< Hex SHA-256 of the SubjectPublicKeyInfo, or empty.
};

/// One TLS connection, client side, TLS 1.2 or later. One read and one write may be half done at the same
/// time.
class TlsChannel {
 public:
    /// `socket` is in non-blocking mode and outlives the channel.
    TlsChannel(TlsContext const& context, boost::asio::ip::tcp::socket& socket, TlsPeer peer);
    ~TlsChannel();
    TlsChannel(TlsChannel const&) = delete;
    TlsChannel& operator=(TlsChannel const&) = delete;

    /// Repeat until nothing is wanted. Errors: tls_untrusted, tls_name_mismatch, tls_handshake,
    /// connection_lost; the message names host, reason and way out.
    Result<IoStep> handshake();
    /// Errors: connection_lost.
    Result<IoStep> read(std::span<char> buffer);
    /// May take only a part. A repeated call offers the same bytes again. Errors: connection_lost.
    Result<IoStep> write(std::string_view bytes);
    /// Sends close_notify; does not wait for the peer's. Errors: connection_lost.
    Result<IoStep> shut_down();
    /// True once the handshake is complete and the peer is trusted.
    bool established() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace imapcopy::net
