#pragma once

// SASL without waiting: which mechanism, and its bytes.

#include <string>

#include "daemon/imap/session.hpp"

namespace imapcopy::imap {

/// AUTHENTICATE PLAIN (RFC 4616) or XOAUTH2, or LOGIN where the server offers no PLAIN, nothing forbids it
/// and nobody else's mailbox is asked for. Errors: auth_mechanism_unavailable with the way out,
/// oauth_consent_required where only tokens are taken, invalid_argument for a NUL.
Result<command::Command> sign_in_command(Credentials const& credentials, Capabilities const& capabilities);

/// "authzid NUL authcid NUL password".
Result<Secret> plain_response(Credentials const& credentials);
/// "user=… ^A auth=Bearer … ^A ^A" of Google and Microsoft; the user is the mailbox, so authorize_as if there
/// is one.
Result<Secret> xoauth2_response(Credentials const& credentials);

/// The line that answers a "+" after everything was said: XOAUTH2 explains its refusal in a challenge, which
/// wants an empty answer before the tagged NO comes; any other mechanism is broken off (RFC 9051 §6.2.2).
std::string answer_to_challenge(std::string_view mechanism);

}  // namespace imapcopy::imap
