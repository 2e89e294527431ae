#pragma once

// What a server's refusal means: response codes (RFC 5530, 9051 and others) and known texts → Error. A table
// of data.

#include <cstdint>
#include <string>
#include <string_view>

#include "common/error.hpp"
#include "daemon/imap/reply.hpp"

namespace imapcopy::imap {

/// During what the server refused. The same words mean different things: OVERQUOTA at login is a limit on
/// traffic, at an append it is a full mailbox.
enum class Occasion : std::uint8_t {
    greeting,  ///< BYE instead of a greeting, or while nobody is logged in.
    login,     ///< LOGIN, AUTHENTICATE.
    open,      ///< SELECT, EXAMINE.
    command,   ///< Any other command after login.
    append,
    create,
    bye,  ///< BYE after login.
};

/// The refusal as an Error with the server's words, escaped and cut. `what` was attempted: `append to
/// "Archive"`.
Error classify(Reply const& reply, std::string what, Side side, Occasion occasion);

/// Whether a too_many_connections of classify() is about the connections of one login (Dovecot: "Maximum
/// number of connections from user+IP exceeded") and not about all of the host's.
bool counts_one_login(Error const& error);

/// "Request is throttled. Suggested Backoff Time: 299961 milliseconds" (Exchange) → 300; 0 if there is no
/// such hint. At most a day.
std::uint32_t suggested_pause_seconds(std::string_view text);

}  // namespace imapcopy::imap
