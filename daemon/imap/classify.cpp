#include "daemon/imap/classify.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/text.hpp"
#include "daemon/imap/session.hpp"

namespace imapcopy::imap {
namespace {

/// A set of occasions.
using Mask = std::uint8_t;
constexpr Mask at(Occasion occasion) {
    return static_cast<Mask>(1U << static_cast<unsigned>(occasion));
}
constexpr Mask anywhere = 0x7f;
constexpr Mask signing_in = at(Occasion::greeting) | at(Occasion::login);
constexpr Mask signed_in =
    at(Occasion::open) | at(Occasion::command) | at(Occasion::append) | at(Occasion::create);
constexpr Mask storing = at(Occasion::append) | at(Occasion::create);
constexpr std::uint32_t bandwidth_pause_seconds = 3600;
constexpr std::uint32_t connections_pause_seconds = 60;
constexpr std::uint32_t in_use_pause_seconds = 15;
constexpr std::uint32_t pause_seconds_max = 24 * 3600;

/// A piece of text that a server is known to say, in lower case.
struct TextRule {
    std::string_view text;
    Mask occasions;
    ErrorCode code;
    std::uint32_t pause_seconds = 0;
};

// The first that fits wins. Looked at before the codes: some servers say AUTHENTICATIONFAILED or ALERT for
// everything.
constexpr std::array text_rules = {
    TextRule{"suggested backoff time", anywhere, ErrorCode::throttled},  // Exchange, also BAD
    TextRule{"command or bandwidth limits", anywhere, ErrorCode::daily_limit_reached,
             bandwidth_pause_seconds},  // Gmail
    TextRule{"bandwidth limit", anywhere, ErrorCode::daily_limit_reached, bandwidth_pause_seconds},
    TextRule{"too many simultaneous connections", anywhere, ErrorCode::too_many_connections,
             connections_pause_seconds},  // Gmail
    TextRule{"maximum number of connections", anywhere, ErrorCode::too_many_connections,
             connections_pause_seconds},  // Dovecot, Courier
    TextRule{"too many connections", anywhere, ErrorCode::too_many_connections, connections_pause_seconds},
    TextRule{"connection limit", anywhere, ErrorCode::too_many_connections, connections_pause_seconds},
    TextRule{"request is throttled", anywhere, ErrorCode::throttled},
    TextRule{"rate limit", anywhere, ErrorCode::throttled},
    TextRule{"session expired, please login again", at(Occasion::bye), ErrorCode::throttled,
             bandwidth_pause_seconds},                                                        // Gmail
    TextRule{"application-specific password", signing_in, ErrorCode::app_password_required},  // Gmail
    TextRule{"app-specific password", signing_in, ErrorCode::app_password_required},          // iCloud
    TextRule{"app password", signing_in, ErrorCode::app_password_required},          // Fastmail, Yandex
    TextRule{"application password", signing_in, ErrorCode::app_password_required},  // Mail.ru
    TextRule{"imap access is disabled", signing_in, ErrorCode::imap_disabled},       // Zoho, Yandex
    TextRule{"imap is disabled", signing_in, ErrorCode::imap_disabled},
    TextRule{"not enabled for imap", signing_in, ErrorCode::imap_disabled},  // Gmail
    TextRule{"enable imap", signing_in, ErrorCode::imap_disabled},
    TextRule{"basicauthblocked", signing_in, ErrorCode::oauth_consent_required},  // Exchange
    TextRule{"basic authentication is disabled", signing_in, ErrorCode::oauth_consent_required},
    TextRule{"web login required", signing_in, ErrorCode::account_locked},           // Gmail
    TextRule{"log in via your web browser", signing_in, ErrorCode::account_locked},  // Gmail
    TextRule{"temporarily locked", signing_in, ErrorCode::account_locked},
    TextRule{"account is locked", signing_in, ErrorCode::account_locked},
    TextRule{"account is disabled", signing_in, ErrorCode::account_locked},
    TextRule{"too many login failures", signing_in, ErrorCode::account_locked},
    TextRule{"too many failed", signing_in, ErrorCode::account_locked},
    TextRule{"too many invalid", signing_in, ErrorCode::account_locked},
    TextRule{"authenticated but not connected", anywhere, ErrorCode::unavailable},   // Exchange
    TextRule{"temporarily unavailable", anywhere, ErrorCode::unavailable},           // iCloud
    TextRule{"temporary authentication failure", anywhere, ErrorCode::unavailable},  // Dovecot
    TextRule{"temporary system", anywhere, ErrorCode::unavailable},                  // Gmail
    TextRule{"server busy", anywhere, ErrorCode::unavailable},
    TextRule{"server is unavailable", anywhere, ErrorCode::unavailable},  // Exchange
    TextRule{"try again later", anywhere, ErrorCode::unavailable},
    TextRule{"maximum size of appendable message", at(Occasion::append),
             ErrorCode::message_too_large},  // Mailutils
    TextRule{"message too large", at(Occasion::append), ErrorCode::message_too_large},
    TextRule{"message size exceeds", at(Occasion::append), ErrorCode::message_too_large},
    TextRule{"mail size is larger", at(Occasion::append), ErrorCode::message_too_large},  // Dovecot
    TextRule{"literal size exceeds", at(Occasion::append), ErrorCode::message_too_large},
    TextRule{"[trycreate]", at(Occasion::append),
             ErrorCode::folder_vanished},  // Mailutils: not where codes stand
    TextRule{"over quota", storing, ErrorCode::over_quota},
    TextRule{"quota exceeded", storing, ErrorCode::over_quota},  // Dovecot
    TextRule{"exceeded quota", storing, ErrorCode::over_quota},
    TextRule{"mailbox is full", storing, ErrorCode::over_quota},
};

/// How servers say that they count the connections of each login, in lower case.
constexpr std::array<std::string_view, 4> one_login_texts = {"user+ip", "per user", "for this user",
                                                             "simultaneous connections"};  // The last: Gmail

struct CodeRule {
    std::string_view name;
    Mask occasions;
    ErrorCode code;
    std::uint32_t pause_seconds = 0;
};

// The first that fits wins. A code without a rule is decided by the occasion.
constexpr std::array code_rules = {
    CodeRule{"UNAVAILABLE", anywhere, ErrorCode::unavailable},
    CodeRule{"TEMPFAIL", anywhere, ErrorCode::unavailable},
    CodeRule{"AUTHENTICATIONFAILED", anywhere, ErrorCode::auth_rejected},
    CodeRule{"AUTHORIZATIONFAILED", anywhere, ErrorCode::auth_rejected},
    CodeRule{"EXPIRED", anywhere, ErrorCode::auth_rejected},
    CodeRule{"PRIVACYREQUIRED", anywhere, ErrorCode::tls_required},
    CodeRule{"WEBALERT", signing_in, ErrorCode::account_locked},
    CodeRule{"CONTACTADMIN", signing_in | at(Occasion::bye), ErrorCode::account_locked},
    CodeRule{"REFERRAL", signing_in | at(Occasion::bye), ErrorCode::imap_disabled},  // RFC 2221; not followed
    CodeRule{"THROTTLED", anywhere, ErrorCode::throttled},
    CodeRule{"INUSE", anywhere, ErrorCode::in_use, in_use_pause_seconds},
    CodeRule{"LIMIT", signing_in | at(Occasion::bye), ErrorCode::too_many_connections,
             connections_pause_seconds},
    CodeRule{"LIMIT", at(Occasion::append), ErrorCode::message_limit},
    CodeRule{"LIMIT", at(Occasion::open) | at(Occasion::command), ErrorCode::throttled},
    CodeRule{"MESSAGELIMIT", anywhere, ErrorCode::message_limit},
    CodeRule{"TOOBIG", anywhere, ErrorCode::message_too_large},
    CodeRule{"NONEXISTENT", signed_in, ErrorCode::folder_vanished},
    CodeRule{"TRYCREATE", signed_in, ErrorCode::folder_vanished},
    CodeRule{"READ-ONLY", signed_in, ErrorCode::read_only},
    CodeRule{"SERVERBUG", signed_in, ErrorCode::server_bug},
    CodeRule{"SERVERBUG", signing_in, ErrorCode::unavailable},
    CodeRule{"CORRUPTION", signed_in, ErrorCode::server_bug},
    CodeRule{"CORRUPTION", signing_in, ErrorCode::unavailable},
    CodeRule{"CLIENTBUG", signing_in, ErrorCode::server_bug},
};

ErrorCode fallback(Occasion occasion, response::StatusKind kind) {
    switch (occasion) {
        case Occasion::greeting: return ErrorCode::unavailable;
        // BAD is about the command. A password is refused with NO.
        case Occasion::login:
            return kind == response::StatusKind::no ? ErrorCode::auth_rejected : ErrorCode::server_bug;
        case Occasion::open:
            return kind == response::StatusKind::no ? ErrorCode::folder_vanished : ErrorCode::server_bug;
        case Occasion::command: return ErrorCode::server_bug;
        case Occasion::append: return ErrorCode::append_rejected;
        case Occasion::create: return ErrorCode::folder_create_refused;
        case Occasion::bye: return ErrorCode::connection_lost;
    }
    return ErrorCode::internal;
}

struct Verdict {
    ErrorCode code;
    std::uint32_t pause_seconds = 0;
};

/// OVERQUOTA means a full mailbox only where something is stored at the destination. Elsewhere it limits
/// traffic.
Verdict over_quota(Side side, Occasion occasion) {
    if (side == Side::destination && (at(occasion) & signed_in) != 0) return {ErrorCode::over_quota};
    return {ErrorCode::throttled, bandwidth_pause_seconds};
}

Verdict decide(Reply const& reply, Side side, Occasion occasion) {
    auto const text = ascii_lower(reply.text);
    auto const said = [&](TextRule const& rule) {
        return (rule.occasions & at(occasion)) != 0 && text.find(rule.text) != std::string::npos;
    };
    auto const by_text = std::ranges::find_if(text_rules, said);
    if (by_text != text_rules.end()) return {by_text->code, by_text->pause_seconds};
    if (reply.code.name == "OVERQUOTA") return over_quota(side, occasion);
    auto const coded = [&](CodeRule const& rule) {
        return (rule.occasions & at(occasion)) != 0 && reply.code.name == rule.name;
    };
    auto const by_code = std::ranges::find_if(code_rules, coded);
    if (by_code != code_rules.end()) return {by_code->code, by_code->pause_seconds};
    return {fallback(occasion, reply.kind)};
}

std::string words_of(Reply const& reply) {
    if (reply.code.name.empty()) return printable(reply.text);
    auto const arguments = reply.code.arguments.empty() ? "" : " " + reply.code.arguments;
    return printable("[" + reply.code.name + arguments + "] " + reply.text);
}

}  // namespace

bool counts_one_login(Error const& error) {
    auto const text = ascii_lower(error.server_text);
    return std::ranges::any_of(one_login_texts, [&](auto words) { return text.find(words) != text.npos; });
}

std::uint32_t suggested_pause_seconds(std::string_view text) {
    constexpr std::string_view marker = "suggested backoff time:";
    auto const lower = ascii_lower(text);
    auto const place = lower.find(marker);
    if (place == std::string::npos) return 0;
    auto const rest = trim(std::string_view(lower).substr(place + marker.size()));
    auto const digits = rest.substr(0, rest.find_first_not_of("0123456789"));
    auto const milliseconds = parse_number(digits.substr(0, 12));
    if (!milliseconds) return 0;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>((*milliseconds + 999) / 1000, pause_seconds_max));
}

Error classify(Reply const& reply, std::string what, Side side, Occasion occasion) {
    auto const verdict = decide(reply, side, occasion);
    return {.code = verdict.code,
            .message = std::move(what),
            .server_text = words_of(reply),
            .side = side,
            .pause_seconds = std::max(suggested_pause_seconds(reply.text), verdict.pause_seconds)};
}

Error refusal(Reply const& reply, std::string what, Side side) {
    return classify(reply, std::move(what), side, Occasion::command);
}

}  // namespace imapcopy::imap
