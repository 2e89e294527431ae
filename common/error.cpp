#include "common/error.hpp"

#include <algorithm>
#include <array>

namespace imapcopy {
namespace {

using enum ErrorCode;
constexpr auto never = RetryClass::never;
constexpr auto backoff = RetryClass::backoff;
constexpr auto credentials = RetryClass::credentials;
constexpr auto quota = RetryClass::quota;

// In the order of the enum; error_test walks it.
constexpr std::array table = {
    ErrorInfo{invalid_argument, "InvalidArgument", never, 2, 2},
    ErrorInfo{invalid_address, "InvalidAddress", never, 2, 2},
    ErrorInfo{unknown_provider, "UnknownProvider", never, 10, 10},
    ErrorInfo{no_such_job, "NoSuchJob", never, 10, 10},
    ErrorInfo{no_such_batch, "NoSuchBatch", never, 10, 10},
    ErrorInfo{job_exists, "JobExists", never, 11, 11},
    ErrorInfo{not_authorized, "NotAuthorized", never, 9, 9},
    ErrorInfo{wrong_state, "WrongState", never, 1, 1},
    ErrorInfo{nothing_to_do, "NothingToDo", never, 7, 7},
    ErrorInfo{queue_full, "QueueFull", backoff, 75, 75},
    ErrorInfo{name_not_found, "NameNotFound", backoff, 14, 14},
    ErrorInfo{connection_refused, "ConnectionRefused", backoff, 14, 14},
    ErrorInfo{connection_lost, "ConnectionLost", backoff, 14, 14},
    ErrorInfo{timed_out, "TimedOut", backoff, 14, 14},
    ErrorInfo{address_not_allowed, "AddressNotAllowed", never, 14, 14},
    ErrorInfo{tls_untrusted, "TlsUntrusted", never, 14, 14},
    ErrorInfo{tls_name_mismatch, "TlsNameMismatch", never, 14, 14},
    ErrorInfo{tls_required, "TlsRequired", never, 14, 14},
    ErrorInfo{tls_handshake, "TlsHandshake", backoff, 14, 14},
    ErrorInfo{auth_rejected, "AuthRejected", credentials, 12, 13},
    ErrorInfo{auth_mechanism_unavailable, "AuthMechanismUnavailable", never, 12, 13},
    ErrorInfo{app_password_required, "AppPasswordRequired", credentials, 12, 13},
    ErrorInfo{oauth_consent_required, "OAuthConsentRequired", credentials, 12, 13},
    ErrorInfo{imap_disabled, "ImapDisabled", credentials, 12, 13},
    ErrorInfo{account_locked, "AccountLocked", credentials, 12, 13},
    ErrorInfo{credentials_missing, "CredentialsMissing", credentials, 12, 13},
    ErrorInfo{throttled, "Throttled", RetryClass::throttled, 75, 75},
    ErrorInfo{too_many_connections, "TooManyConnections", backoff, 75, 75},
    ErrorInfo{daily_limit_reached, "DailyLimitReached", RetryClass::throttled, 75, 75},
    ErrorInfo{unavailable, "Unavailable", backoff, 75, 75},
    ErrorInfo{in_use, "InUse", backoff, 75, 75},
    ErrorInfo{message_limit, "MessageLimit", never, 1, 1},
    ErrorInfo{over_quota, "OverQuota", quota, 75, 75},
    ErrorInfo{message_too_large, "MessageTooLarge", never, 1, 1},
    ErrorInfo{append_rejected, "AppendRejected", never, 1, 1},
    ErrorInfo{attribute_refused, "AttributeRefused", never, 1, 1},
    ErrorInfo{folder_create_refused, "FolderCreateRefused", never, 1, 1},
    ErrorInfo{folder_name_collision, "FolderNameCollision", never, 1, 1},
    ErrorInfo{read_only, "ReadOnly", never, 1, 1},
    ErrorInfo{message_unreadable, "MessageUnreadable", never, 1, 1},
    ErrorInfo{folder_vanished, "FolderVanished", backoff, 1, 1},
    ErrorInfo{uid_validity_changed, "UidValidityChanged", backoff, 1, 1},
    ErrorInfo{server_bug, "ServerBug", backoff, 1, 1},
    ErrorInfo{same_mailbox, "SameMailbox", never, 2, 2},
    ErrorInfo{verification_failed, "VerificationFailed", never, 6, 6},
    ErrorInfo{cancelled, "Cancelled", never, 4, 4},
    ErrorInfo{store_full, "StoreFull", backoff, 75, 75},
    ErrorInfo{store_corrupt, "StoreCorrupt", never, 1, 1},
    ErrorInfo{internal, "Internal", never, 1, 1},
};

}  // namespace

std::string_view const error_name_prefix = "org.imapcopyd1.Error.";

std::string_view to_string(Side side) {
    return side == Side::source ? "source" : "destination";
}

ErrorInfo const& info(ErrorCode code) {
    return table.at(static_cast<std::size_t>(code));
}

std::optional<ErrorCode> error_code_from_name(std::string_view name) {
    auto const row = std::ranges::find(table, name, &ErrorInfo::name);
    if (row == table.end()) return std::nullopt;
    return row->code;
}

std::string to_string(Error const& error) {
    if (error.server_text.empty()) return error.message;
    return error.message + ": server said: " + error.server_text;
}

int exit_status(Error const& error) {
    auto const& row = info(error.code);
    return error.side == Side::destination ? row.exit_status_destination : row.exit_status_source;
}

}  // namespace imapcopy
