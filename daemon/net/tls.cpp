#include "daemon/net/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <new>
#include <optional>

#include "common/text.hpp"
#include "daemon/net/peer_cache.hpp"

namespace imapcopy::net {
namespace {

using boost::asio::ip::tcp;

/// Bytes that OpenSSL reads from the socket at once: four full records.
constexpr std::size_t read_ahead_bytes = 65536;
/// A certificate with more names than this is only described by the first ones.
constexpr std::size_t names_max = 5;
/// Sessions kept for the next connections: of one peer as many as a job opens lanes, and in all.
constexpr std::size_t sessions_per_peer_max = 8;
constexpr std::size_t sessions_max = 512;

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using SessionPtr = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;

template <class T>
T* allocated(T* object) {
    if (!object) throw std::bad_alloc();
    return object;
}

// The socket as OpenSSL's transport: by way of Asio, which never raises SIGPIPE.

tcp::socket& socket_of(BIO* bio) {
    return *static_cast<tcp::socket*>(BIO_get_data(bio));
}

int bio_result(BIO* bio, std::size_t bytes, boost::system::error_code const& error, int retry_flag) {
    BIO_clear_retry_flags(bio);
    if (!error) return static_cast<int>(bytes);
    if (error == boost::asio::error::eof) return 0;
    if (error == boost::asio::error::would_block || error == boost::asio::error::interrupted) {
        BIO_set_flags(bio, retry_flag | BIO_FLAGS_SHOULD_RETRY);
    }
    return -1;
}

int bio_read(BIO* bio, char* data, int size) {
    boost::system::error_code error;
    auto const bytes =
        socket_of(bio).read_some(boost::asio::buffer(data, static_cast<std::size_t>(size)), error);
    if (error == boost::asio::error::eof) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return bio_result(bio, bytes, error, BIO_FLAGS_READ);
}

int bio_write(BIO* bio, char const* data, int size) {
    boost::system::error_code error;
    auto const bytes =
        socket_of(bio).write_some(boost::asio::buffer(data, static_cast<std::size_t>(size)), error);
    return bio_result(bio, bytes, error, BIO_FLAGS_WRITE);
}

long bio_control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD const* socket_method() {
    static std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> const method = [] {
        auto* const made = allocated(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "asio socket"));
        BIO_meth_set_read(made, bio_read);
        BIO_meth_set_write(made, bio_write);
        BIO_meth_set_ctrl(made, bio_control);
        return std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)>(made, &BIO_meth_free);
    }();
    return method.get();
}

/// The first error of OpenSSL's queue; empties the queue.
unsigned long take_error() {
    auto const code = ERR_get_error();
    ERR_clear_error();
    return code;
}

std::string reason_text(unsigned long code) {
    auto const* const reason = ERR_reason_error_string(code);
    return reason ? reason : "unknown reason";
}

std::string spki_sha256(X509* certificate) {
    unsigned char* der = nullptr;
    auto const length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (length <= 0) return {};
    std::array<char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    auto const done =
        EVP_Digest(der, static_cast<std::size_t>(length), reinterpret_cast<unsigned char*>(digest.data()),
                   &size, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    return done == 1 ? hex({digest.data(), size}) : std::string();
}

std::string_view text_of(ASN1_STRING const* string) {
    return {reinterpret_cast<char const*>(ASN1_STRING_get0_data(string)),
            static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string address_text(ASN1_OCTET_STRING const* octets) {
    auto const bytes = text_of(octets);
    if (bytes.size() == 4) {
        boost::asio::ip::address_v4::bytes_type v4{};
        std::copy(bytes.begin(), bytes.end(), v4.begin());
        return boost::asio::ip::address_v4(v4).to_string();
    }
    if (bytes.size() != 16) return hex(bytes);
    boost::asio::ip::address_v6::bytes_type v6{};
    std::copy(bytes.begin(), bytes.end(), v6.begin());
    return boost::asio::ip::address_v6(v6).to_string();
}

/// The subject alternative names, for people: "mail.example.org, 192.0.2.7".
std::string names_of(X509* certificate) {
    std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> const names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
        &GENERAL_NAMES_free);
    std::string text;
    std::size_t shown = 0;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        auto const* const name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
        if (++shown > names_max) return text + ", …";
        if (!text.empty()) text += ", ";
        text += name->type == GEN_DNS ? printable(text_of(name->d.dNSName), 100)
                                      : address_text(name->d.iPAddress);
    }
    return text.empty() ? "no host name at all" : text;
}

bool is_name_mismatch(long verify_error) {
    return verify_error == X509_V_ERR_HOSTNAME_MISMATCH || verify_error == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

/// What to try after a failed handshake, where the reason says so.
std::string_view handshake_hint(unsigned long code) {
    if (ERR_GET_LIB(code) != ERR_LIB_SSL) return {};
    switch (ERR_GET_REASON(code)) {
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_PACKET_LENGTH_TOO_LONG:
            return "; this port seems not to speak TLS: check it, or use imap:// for STARTTLS";
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return "; the server must offer TLS 1.2 or later";
        case SSL_R_DH_KEY_TOO_SMALL:
        case SSL_R_EE_KEY_TOO_SMALL: return "; the server must be given stronger keys";
        default: return {};  // OpenSSL has hundreds of reasons; its own words say the rest.
    }
}

/// Without a pin the certificate has to carry that name.
void set_expected_name(SSL* ssl, std::string const& host, bool required) {
    auto* const parameters = SSL_get0_param(ssl);
    boost::system::error_code not_literal;
    (void)boost::asio::ip::make_address(host, not_literal);
    // A name that is not set would let every certificate pass. OpenSSL knows no zones ("fe80::1%eth0").
    auto const require = [&](int set) {
        if (set != 1 && required)
            throw Failure(ErrorCode::invalid_argument, "no certificate can name \"" + printable(host) +
                                                           "\"; give the name of the server, or pin its key");
    };
    if (!not_literal) return require(X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()));
    X509_VERIFY_PARAM_set_hostflags(
        parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    require(X509_VERIFY_PARAM_set1_host(parameters, host.data(), host.size()));
    // The OpenSSL macro of the same purpose casts const away.
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
}

Error lost(std::string message) {
    return {ErrorCode::connection_lost, std::move(message)};
}

}  // namespace

/// Sessions to resume (RFC 8446 §2.2, RFC 5077), by the peer that was demanded when they were made: a session
/// proves no more than its first handshake did. Each serves once, as RFC 8446 §C.4 asks.
class TlsSessions {
 public:
    void keep(std::string const& peer, SessionPtr session) { kept_.keep(peer, std::move(session)); }
    SessionPtr take(std::string const& peer) {
        auto found = kept_.take(peer);
        return found ? std::move(*found) : SessionPtr(nullptr, &SSL_SESSION_free);
    }

 private:
    PeerCache<SessionPtr> kept_{{sessions_per_peer_max, sessions_max}};  // The oldest expire first.
};

struct TlsChannel::State {
    TlsPeer peer;
    std::shared_ptr<TlsSessions> sessions;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, &SSL_free};
    long verify_error = X509_V_OK;
    std::string seen_pin;    ///< Of the certificate that was refused.
    std::string seen_names;  ///< Of the certificate that was refused.
    bool trusted = false;

    std::string title() const {
        return "TLS with \"" + printable(peer.host, 255) + "\" port " + std::to_string(peer.port);
    }

    std::string session_key() const {
        return ascii_lower(peer.host) + '\n' + std::to_string(peer.port) + '\n' + peer.pin;
    }

    /// Called by OpenSSL when the server offers a session; TLS 1.3 does so after the handshake. 1: it is
    /// ours.
    static int on_session(SSL* ssl, SSL_SESSION* session) {
        auto& state = *static_cast<State*>(SSL_get_app_data(ssl));
        state.sessions->keep(state.session_key(), {session, &SSL_SESSION_free});
        return 1;
    }

    /// Called by OpenSSL for each certificate; remembers why and which one it is about to refuse.
    static int on_verify(int accepted, X509_STORE_CTX* store) {
        if (accepted == 1) return 1;
        auto const* const ssl =
            static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
        auto& state = *static_cast<State*>(SSL_get_app_data(ssl));
        state.verify_error = X509_STORE_CTX_get_error(store);
        if (auto* const certificate = X509_STORE_CTX_get0_cert(store)) {
            state.seen_pin = spki_sha256(certificate);
            state.seen_names = names_of(certificate);
        }
        return 0;
    }

    Error refused() const {
        auto const pin_hint = "pin its key if you know it: tls_pin " + seen_pin;
        if (is_name_mismatch(verify_error)) {
            return {ErrorCode::tls_name_mismatch,
                    title() + ": the certificate is for another host (" + seen_names +
                        "); use the name that the certificate carries, or " + pin_hint};
        }
        return {ErrorCode::tls_untrusted,
                title() + ": the certificate is not trusted: " + X509_verify_cert_error_string(verify_error) +
                    "; have the server's certificate renewed, add its issuer to [security] ca_file, or " +
                    pin_hint};
    }

    Error handshake_error(unsigned long code) const {
        if (verify_error != X509_V_OK) return refused();
        return {ErrorCode::tls_handshake,
                title() + ": handshake failed: " + reason_text(code) + std::string(handshake_hint(code))};
    }

    /// With a pin: does the peer own the pinned key? Chain, name and dates do not matter then.
    std::optional<Error> check_pin() const {
        X509Ptr const certificate(SSL_get1_peer_certificate(ssl.get()), &X509_free);
        auto const seen = certificate ? spki_sha256(certificate.get()) : std::string();
        if (!seen.empty() && ascii_iequals(seen, peer.pin)) return std::nullopt;
        return Error{ErrorCode::tls_untrusted,
                     title() + ": the server's key is not the pinned one: it has " + seen +
                         "; if the server was given a new key on purpose, pin that"};
    }

    /// What a call of OpenSSL that returned `result` has come to. The error queue is empty afterwards.
    Result<IoStep> step(int result, std::size_t bytes, std::string_view doing) const {
        if (result > 0) return IoStep{bytes};
        auto const code = take_error_after(result);
        switch (code.kind) {
            case SSL_ERROR_WANT_READ: return IoStep{0, Wants::readable};
            case SSL_ERROR_WANT_WRITE: return IoStep{0, Wants::writable};
            case SSL_ERROR_ZERO_RETURN: return IoStep{0, Wants::nothing, true};
            case SSL_ERROR_SSL:
                if (ERR_GET_REASON(code.reason) != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
                    return lost(title() + ": " + std::string(doing) + ": " + reason_text(code.reason));
                }
                [[fallthrough]];
            // SSL_ERROR_SYSCALL and whatever later versions add.
            default: return lost(title() + ": " + std::string(doing) + ": the connection broke off");
        }
    }

    struct Code {
        int kind;
        unsigned long reason;
    };
    Code take_error_after(int result) const {
        auto const kind = SSL_get_error(ssl.get(), result);
        return {kind, take_error()};
    }
};

Result<TlsContext> TlsContext::make(std::string const& ca_file) {
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> const context(allocated(SSL_CTX_new(TLS_client_method())), &SSL_CTX_free);
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    // A repeated write may come from another place and take a part; idle connections keep no buffers.
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_read_ahead(context.get(), 1);
    SSL_CTX_set_default_read_buffer_len(context.get(), read_ahead_bytes);
    SSL_CTX_set_default_verify_paths(context.get());
    if (!ca_file.empty() && SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1) {
        auto const reason = reason_text(take_error());
        return Error{ErrorCode::invalid_argument, "ca_file \"" + printable(ca_file, 255) +
                                                      "\": cannot be read as PEM certificates: " + reason};
    }
    return TlsContext(context);
}

TlsContext::TlsContext(std::shared_ptr<ssl_ctx_st> context)
    : context_(std::move(context)), sessions_(std::make_shared<TlsSessions>()) {}

TlsChannel::TlsChannel(TlsContext const& context, tcp::socket& socket, TlsPeer peer)
    : state_(std::make_unique<State>()) {
    state_->peer = std::move(peer);
    state_->ssl.reset(allocated(SSL_new(context.get())));
    auto* const ssl = state_->ssl.get();
    auto* const bio = allocated(BIO_new(socket_method()));
    BIO_set_data(bio, &socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, state_.get());
    if (state_->peer.pin.empty()) {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, &State::on_verify);
    } else {
        SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
    }
    set_expected_name(ssl, state_->peer.host, state_->peer.pin.empty());
    state_->sessions = context.sessions();
    SSL_CTX_sess_set_new_cb(context.get(), &State::on_session);
    // Where it cannot be used the handshake is a full one. The pin is compared each time, the chain once.
    if (auto const session = state_->sessions->take(state_->session_key()))
        SSL_set_session(ssl, session.get());
    SSL_set_connect_state(ssl);
}

TlsChannel::~TlsChannel() = default;

Result<IoStep> TlsChannel::handshake() {
    ERR_clear_error();
    auto const result = SSL_do_handshake(state_->ssl.get());
    if (result == 1) {
        if (!state_->peer.pin.empty()) {
            if (auto const error = state_->check_pin()) return *error;
        }
        state_->trusted = true;
        return IoStep{};
    }
    auto const code = state_->take_error_after(result);
    if (code.kind == SSL_ERROR_WANT_READ) return IoStep{0, Wants::readable};
    if (code.kind == SSL_ERROR_WANT_WRITE) return IoStep{0, Wants::writable};
    if (code.kind == SSL_ERROR_SSL && ERR_GET_REASON(code.reason) != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return state_->handshake_error(code.reason);
    }
    return lost(state_->title() + ": the server closed the connection during the handshake");
}

Result<IoStep> TlsChannel::read(std::span<char> buffer) {
    ERR_clear_error();
    std::size_t total = 0;
    Result<IoStep> result = IoStep{};
    do {
        std::size_t bytes = 0;
        auto const done =
            SSL_read_ex(state_->ssl.get(), buffer.data() + total, buffer.size() - total, &bytes);
        result = state_->step(done, bytes, "reading");
        total += bytes;
        // Records that are here already are taken along: the caller then has one large piece to work on.
    } while (result && result->bytes > 0 && total < buffer.size() && SSL_has_pending(state_->ssl.get()) == 1);
    // Whatever ended the loop after the first bytes shows itself again at the next call.
    if (total > 0) return IoStep{total};
    return result;
}

Result<IoStep> TlsChannel::write(std::string_view bytes) {
    ERR_clear_error();
    std::size_t written = 0;
    auto const done = SSL_write_ex(state_->ssl.get(), bytes.data(), bytes.size(), &written);
    return state_->step(done, written, "writing");
}

Result<IoStep> TlsChannel::shut_down() {
    ERR_clear_error();
    auto const result = SSL_shutdown(state_->ssl.get());
    // 0 says that ours is sent and the peer's not yet seen.
    return state_->step(result == 0 ? 1 : result, 0, "closing");
}

bool TlsChannel::established() const {
    return state_->trusted && SSL_is_init_finished(state_->ssl.get()) == 1;
}

}  // namespace imapcopy::net
