#include "daemon/imap/classify.hpp"

#include <gtest/gtest.h>

#include <array>

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

constexpr std::size_t occasions = 7;
constexpr std::array<std::string_view, occasions> occasion_names = {"greeting", "login",  "open", "command",
                                                                    "append",   "create", "bye"};

/// What a refusal means on each occasion, in the order of Occasion, on both sides.
struct Row {
    std::string code;
    std::string text;
    std::array<ErrorCode, occasions> expected;
    std::uint32_t pause_seconds = 0;  ///< On every occasion on which it is no mere "no".
};

using enum ErrorCode;

/// A "no" that says nothing we know.
constexpr std::array<ErrorCode, occasions> plain_no = {unavailable,    auth_rejected,   folder_vanished,
                                                       server_bug,     append_rejected, folder_create_refused,
                                                       connection_lost};

constexpr std::array<ErrorCode, occasions> everywhere(ErrorCode code) {
    std::array<ErrorCode, occasions> all{};
    all.fill(code);
    return all;
}

/// `code` after the login, otherwise as a plain "no".
constexpr std::array<ErrorCode, occasions> signed_in(ErrorCode code) {
    return {unavailable, auth_rejected, code, code, code, code, connection_lost};
}

/// `code` before the login, otherwise as a plain "no".
constexpr std::array<ErrorCode, occasions> signing_in(ErrorCode code) {
    return {code, code, folder_vanished, server_bug, append_rejected, folder_create_refused, connection_lost};
}

constexpr std::array<ErrorCode, occasions> at_append(ErrorCode code) {
    auto row = plain_no;
    row[static_cast<std::size_t>(Occasion::append)] = code;
    return row;
}

std::vector<Row> const rows = {
    // RFC 5530.
    {"UNAVAILABLE", "", everywhere(unavailable)},
    {"AUTHENTICATIONFAILED", "", everywhere(auth_rejected)},
    {"AUTHORIZATIONFAILED", "", everywhere(auth_rejected)},
    {"EXPIRED", "", everywhere(auth_rejected)},
    {"PRIVACYREQUIRED", "", everywhere(tls_required)},
    {"CONTACTADMIN",
     "",
     {account_locked, account_locked, folder_vanished, server_bug, append_rejected, folder_create_refused,
      account_locked}},
    {"NOPERM", "", plain_no},
    {"INUSE", "", everywhere(in_use), 15},
    {"EXPUNGEISSUED", "", plain_no},
    {"CORRUPTION",
     "",
     {unavailable, unavailable, server_bug, server_bug, server_bug, server_bug, connection_lost}},
    {"SERVERBUG",
     "",
     {unavailable, unavailable, server_bug, server_bug, server_bug, server_bug, connection_lost}},
    {"CLIENTBUG", "", signing_in(server_bug)},
    {"CANNOT", "", plain_no},
    {"LIMIT",
     "",
     {too_many_connections, too_many_connections, throttled, throttled, message_limit, folder_create_refused,
      too_many_connections}},
    {"ALREADYEXISTS", "", plain_no},
    {"NONEXISTENT", "", signed_in(folder_vanished)},
    // RFC 3501 and 9051.
    {"ALERT", "", plain_no},
    {"BADCHARSET", "", plain_no},
    {"CAPABILITY", "", plain_no},
    {"PARSE", "", plain_no},
    {"PERMANENTFLAGS", "", plain_no},
    {"READ-ONLY", "", signed_in(read_only)},
    {"READ-WRITE", "", plain_no},
    {"TRYCREATE", "", signed_in(folder_vanished)},
    {"UIDNEXT", "", plain_no},
    {"UIDVALIDITY", "", plain_no},
    {"UNSEEN", "", plain_no},
    {"HASCHILDREN", "", plain_no},
    {"UNKNOWN-CTE", "", plain_no},
    // Others.
    {"UIDNOTSTICKY", "", plain_no},
    {"TOOBIG", "", everywhere(message_too_large)},
    {"HIGHESTMODSEQ", "", plain_no},
    {"NOMODSEQ", "", plain_no},
    {"TEMPFAIL", "", everywhere(unavailable)},
    {"REFERRAL",
     "",
     {imap_disabled, imap_disabled, folder_vanished, server_bug, append_rejected, folder_create_refused,
      imap_disabled}},
    {"USEATTR", "", plain_no},
    {"METADATA", "TOOMANY", plain_no},
    {"DOWNGRADED", "", plain_no},
    {"INPROGRESS", "", plain_no},
    {"UIDREQUIRED", "", plain_no},
    {"MESSAGELIMIT", "", everywhere(message_limit)},
    {"WEBALERT", "", signing_in(account_locked)},
    {"THROTTLED", "", everywhere(throttled)},
    {"X-UNHEARD-OF", "", plain_no},
    // Words without a code.
    {"", "", plain_no},
    {"", "Request is throttled. Suggested Backoff Time: 299961 milliseconds", everywhere(throttled), 300},
    {"", "Account exceeded command or bandwidth limits.", everywhere(daily_limit_reached), 3600},
    {"", "Maximum number of connections from user+IP exceeded", everywhere(too_many_connections), 60},
    {"", "Too many simultaneous connections. (Failure)", everywhere(too_many_connections), 60},
    {"", "Too many connections from your host", everywhere(too_many_connections), 60},
    {"",
     "Session expired, please login again.",
     {unavailable, auth_rejected, folder_vanished, server_bug, append_rejected, folder_create_refused,
      throttled}},
    {"", "User is authenticated but not connected.", everywhere(unavailable)},
    {"", "Maximum size of appendable message has been exceeded", at_append(message_too_large)},
    {"", "Message contains NUL characters", plain_no},
    {"", "Message contains invalid header", plain_no},
};

TEST(Classify, FollowsTheTableOnEveryOccasion) {
    for (auto const& row : rows) {
        for (std::size_t i = 0; i < occasions; ++i) {
            for (auto const side : {Side::source, Side::destination}) {
                Reply const reply{response::StatusKind::no, {row.code, ""}, row.text};
                auto const error = classify(reply, "try", side, static_cast<Occasion>(i));
                EXPECT_EQ(info(error.code).name, info(row.expected.at(i)).name)
                    << '[' << row.code << "] " << row.text << " at " << occasion_names.at(i);
                if (row.pause_seconds > 0) {
                    EXPECT_EQ(error.pause_seconds, row.pause_seconds) << row.code << row.text;
                }
            }
        }
    }
}

TEST(Classify, TakesOverQuotaForAFullMailboxOnlyAtTheDestinationAfterTheLogin) {
    for (std::size_t i = 0; i < occasions; ++i) {
        auto const occasion = static_cast<Occasion>(i);
        bool const is_signed_in = i >= 2 && occasion != Occasion::bye;
        Reply const reply{response::StatusKind::no, {"OVERQUOTA", ""}, ""};
        auto const source = classify(reply, "try", Side::source, occasion);
        EXPECT_EQ(info(source.code).name, info(throttled).name) << occasion_names.at(i);
        EXPECT_EQ(source.pause_seconds, 3600U);
        auto const destination = classify(reply, "try", Side::destination, occasion);
        EXPECT_EQ(info(destination.code).name, info(is_signed_in ? over_quota : throttled).name)
            << occasion_names.at(i);
    }
}

/// What the job does follows from the code; a BAD is about our command and never about a password.
TEST(Classify, LeadsToTheRetryThatTheRefusalCallsFor) {
    auto const retry = [](std::string code, std::string text, Occasion occasion,
                          response::StatusKind kind = response::StatusKind::no) {
        Reply const reply{kind, {std::move(code), ""}, std::move(text)};
        return info(classify(reply, "try", Side::destination, occasion).code).retry;
    };
    using enum Occasion;
    EXPECT_EQ(retry("UNAVAILABLE", "", login), RetryClass::backoff);
    EXPECT_EQ(retry("AUTHENTICATIONFAILED", "", login), RetryClass::credentials);
    EXPECT_EQ(retry("EXPIRED", "", login), RetryClass::credentials);
    EXPECT_EQ(retry("CONTACTADMIN", "", login), RetryClass::credentials);
    EXPECT_EQ(retry("REFERRAL", "", login), RetryClass::credentials);
    EXPECT_EQ(retry("PRIVACYREQUIRED", "", login), RetryClass::never);
    EXPECT_EQ(retry("INUSE", "", open), RetryClass::backoff);
    EXPECT_EQ(retry("LIMIT", "", login), RetryClass::backoff);
    EXPECT_EQ(retry("LIMIT", "", command), RetryClass::throttled);
    EXPECT_EQ(retry("OVERQUOTA", "", append), RetryClass::quota);
    EXPECT_EQ(retry("OVERQUOTA", "", login), RetryClass::throttled);
    EXPECT_EQ(retry("CANNOT", "", create), RetryClass::never);
    EXPECT_EQ(retry("", "no", append), RetryClass::never);
    EXPECT_EQ(retry("", "Autologout", bye), RetryClass::backoff);
    EXPECT_EQ(retry("", "Error in command", login, response::StatusKind::bad), RetryClass::backoff);
    EXPECT_EQ(retry("", "Error in command", open, response::StatusKind::bad), RetryClass::backoff);
}

TEST(Classify, KnowsWhoseConnectionsAreCounted) {
    auto const counts = [](std::string text) {
        Reply const reply{response::StatusKind::no, {"", ""}, std::move(text)};
        return counts_one_login(classify(reply, "try", Side::source, Occasion::login));
    };
    EXPECT_TRUE(
        counts("Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)"));
    EXPECT_TRUE(counts("Too many simultaneous connections. (Failure)"));
    EXPECT_FALSE(counts("Too many connections from your host"));
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
