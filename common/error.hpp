#pragma once

// What can go wrong, in one table: every code with its D-Bus name, its retry class and its exit status.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace imapcopy {

/// One value per name below org.imapcopyd1.Error; the names themselves stand in the table of error.cpp.
enum class ErrorCode : std::uint8_t {
    // The request itself.
    invalid_argument,
    invalid_address,
    unknown_provider,
    no_such_job,
    no_such_batch,
    job_exists,
    not_authorized,
    wrong_state,
    nothing_to_do,
    queue_full,
    // Network.
    name_not_found,
    connection_refused,
    connection_lost,
    timed_out,
    address_not_allowed,
    // TLS.
    tls_untrusted,
    tls_name_mismatch,
    tls_required,
    tls_handshake,
    // Login.
    auth_rejected,
    auth_mechanism_unavailable,
    app_password_required,
    oauth_consent_required,
    imap_disabled,
    account_locked,
    credentials_missing,
    // Limits of the servers.
    throttled,
    too_many_connections,
    daily_limit_reached,
    unavailable,
    in_use,
    message_limit,
    // Destination.
    over_quota,
    message_too_large,
    append_rejected,
    attribute_refused,
    folder_create_refused,
    folder_name_collision,
    read_only,
    // Source.
    message_unreadable,
    folder_vanished,
    uid_validity_changed,
    server_bug,
    // Safety.
    same_mailbox,
    verification_failed,
    // Ours.
    cancelled,
    store_full,
    store_corrupt,
    internal,
};

/// Which account an error belongs to; decides the exit status of a refused login.
enum class Side : std::uint8_t { source, destination };
std::string_view to_string(Side side);

/// What the job does after the error.
enum class RetryClass : std::uint8_t {
    never,        ///< The job ends in state error.
    backoff,      ///< Transient: try again after a capped exponential delay with jitter.
    credentials,  ///< The job parks until somebody gives a secret again.
    quota,        ///< The destination is full: parks, probes seldom.
    throttled,    ///< The server asked for a pause: waits at least as long as it said.
};

struct ErrorInfo {
    ErrorCode code;
    std::string_view name;  ///< Last part of the D-Bus name, e.g. "AuthRejected".
    RetryClass retry;
    int exit_status_source;       ///< Exit status of imapcopyctl where the source, or neither side, is meant.
    int exit_status_destination;  ///< The same for the destination.
};

/// The row of `code`. Every code has one.
ErrorInfo const& info(ErrorCode code);
/// The code whose ErrorInfo::name is `name`, or nothing.
std::optional<ErrorCode> error_code_from_name(std::string_view name);
/// Prefix of all our error names on the bus, with the final dot: "org.imapcopyd1.Error.".
extern std::string_view const error_name_prefix;

/// An error as a value. `message` is ours; `server_text` is a server's, so untrusted: cut and escaped by
/// text.hpp's `printable` before it is stored here. `side` is set where one account is meant.
struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;
    std::string server_text = {};
    std::optional<Side> side = {};
    /// Seconds that the server asked us to wait; 0 where it asked for nothing.
    std::uint32_t pause_seconds = 0;

    bool operator==(Error const&) const = default;
};

/// "message: server said: text", or only the message. For people and logs.
std::string to_string(Error const& error);
/// The exit status of imapcopyctl for `error`, by its side.
int exit_status(Error const& error);

}  // namespace imapcopy
