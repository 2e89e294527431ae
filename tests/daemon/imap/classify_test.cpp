#include "daemon/imap/classify.hpp"

#include <gtest/gtest.h>

#include "daemon/imap/session.hpp"

namespace imapcopy::imap {
namespace {

struct Case {
    Occasion occasion;
    Side side;
    std::string code;
    std::string text;
    ErrorCode expected;
};

TEST(Classify, KnowsCodesAndWords) {
    using enum Occasion;
    using enum ErrorCode;
    constexpr auto source = Side::source;
    constexpr auto destination = Side::destination;
    std::vector<Case> const cases = {
        {login, source, "", "LOGIN failed.", auth_rejected},
        {login, source, "AUTHENTICATIONFAILED", "Invalid credentials (Failure)", auth_rejected},
        {login, source, "ALERT", "Application-specific password required", app_password_required},
        {login, source, "AUTHENTICATIONFAILED", "Use an app-specific password", app_password_required},
        {login, source, "UNAVAILABLE", "Temporary authentication failure.", unavailable},
        {login, source, "INUSE", "", in_use},
        {login, source, "LIMIT", "no more", too_many_connections},
        {login, source, "", "Maximum number of connections from user+IP exceeded", too_many_connections},
        {login, source, "ALERT", "Too many simultaneous connections. (Failure)", too_many_connections},
        {login, destination, "OVERQUOTA", "", throttled},
        {login, source, "PRIVACYREQUIRED", "", tls_required},
        {login, source, "EXPIRED", "", auth_rejected},
        {login, source, "CONTACTADMIN", "", account_locked},
        {login, source, "", "IMAP access is disabled for your domain.", imap_disabled},
        {login, source, "", "AUTHENTICATE failed. BasicAuthBlocked", oauth_consent_required},
        {greeting, source, "", "Server too busy", unavailable},
        {command, source, "", "Request is throttled. Suggested Backoff Time: 299961 milliseconds", throttled},
        {command, source, "OVERQUOTA", "", throttled},
        {command, source, "OVERQUOTA", "Account exceeded command or bandwidth limits.", daily_limit_reached},
        {command, source, "", "whatever", server_bug},
        {command, source, "SERVERBUG", "Internal error", server_bug},
        {open, source, "NONEXISTENT", "", folder_vanished},
        {open, source, "", "No such mailbox", folder_vanished},
        {append, destination, "OVERQUOTA", "Quota exceeded", over_quota},
        {append, destination, "", "Quota exceeded (mailbox for user is full)", over_quota},
        {append, destination, "TOOBIG", "", message_too_large},
        {append, destination, "", "Maximum size of appendable message has been exceeded", message_too_large},
        {append, destination, "TRYCREATE", "", folder_vanished},
        {append, destination, "NONEXISTENT", "", folder_vanished},
        {append, destination, "", "APPEND [TRYCREATE] failed", folder_vanished},
        {append, destination, "", "Message contains NUL characters", append_rejected},
        {append, destination, "UNAVAILABLE", "", unavailable},
        {create, destination, "CANNOT", "bad name", folder_create_refused},
        {create, destination, "NOPERM", "", folder_create_refused},
        {bye, source, "", "Session expired, please login again.", throttled},
        {bye, source, "", "Autologout", connection_lost},
    };
    for (auto const& row : cases) {
        Reply const reply{response::StatusKind::no, {row.code, ""}, row.text};
        auto const error = classify(reply, "try", row.side, row.occasion);
        EXPECT_EQ(info(error.code).name, info(row.expected).name) << '[' << row.code << "] " << row.text;
        EXPECT_EQ(error.side, row.side);
    }
}

TEST(Classify, KeepsThePauseThatTheServerAsksFor) {
    EXPECT_EQ(suggested_pause_seconds("Request is throttled. Suggested Backoff Time: 201317 milliseconds"),
              202U);
    EXPECT_EQ(suggested_pause_seconds("Suggested Backoff Time: soon"), 0U);
    EXPECT_EQ(suggested_pause_seconds("suggested backoff time: 99999999999999999999 milliseconds"),
              24U * 3600U);
    Reply const reply{
        response::StatusKind::bad, {}, "Request is throttled. Suggested Backoff Time: 5000 milliseconds"};
    EXPECT_EQ(classify(reply, "fetch", Side::source, Occasion::command).pause_seconds, 5U);
}

TEST(Classify, EscapesAndCutsTheServersWords) {
    Reply const reply{response::StatusKind::no, {"ALERT", ""}, "evil \x1b[31m" + std::string(5000, 'x')};
    auto const error = refusal(reply, "list", Side::source);
    EXPECT_EQ(error.message, "list");
    EXPECT_TRUE(error.server_text.starts_with("[ALERT] evil \\x1B[31m") ||
                error.server_text.starts_with("[ALERT] evil \\x1b[31m"))
        << error.server_text.substr(0, 40);
    EXPECT_LT(error.server_text.size(), 600U);
}

}  // namespace
}  // namespace imapcopy::imap
