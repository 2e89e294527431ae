#include "common/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace imapcopy {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

/// What a log of `level` writes to stderr, where that is not the journal.
template <class Action>
std::string written(LogLevel level, Action const& action) {
    ProcessLog log(level);
    testing::internal::CaptureStderr();
    action(log);
    return testing::internal::GetCapturedStderr();
}

TEST(ParseLogLevel, KnowsFourWords) {
    EXPECT_EQ(parse_log_level("debug"), LogLevel::debug);
    EXPECT_EQ(parse_log_level("info"), LogLevel::info);
    EXPECT_EQ(parse_log_level("warning"), LogLevel::warning);
    EXPECT_EQ(parse_log_level("error"), LogLevel::error);
    for (auto const* text : {"", "Info", "warn", "err"}) EXPECT_FALSE(parse_log_level(text)) << text;
}

TEST(ProcessLog, WritesOneLineWithItsFields) {
    auto const text = written(LogLevel::info, [](Log& log) {
        log.write(LogLevel::info, "job started", {{"job", "17"}, {"mailbox", "Sent Items"}, {"side", ""}});
    });
    EXPECT_THAT(text, HasSubstr("info: job started job=17 mailbox=\"Sent Items\" side=\"\"\n"));
    EXPECT_THAT(text, ContainsRegex("^[0-9]+-[0-9]+-[0-9]+T"));
}

TEST(ProcessLog, NothingCanBreakOutOfALine) {
    auto const text = written(LogLevel::info, [](Log& log) {
        log.write(LogLevel::error, "server said", {{"error", "x\r\ninfo: forged\x1b[31m a=\"b\""}});
    });
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, HasSubstr("\\\"b\\\""));
}

TEST(ProcessLog, LeavesOutWhatIsBelowItsLevel) {
    auto const text = written(LogLevel::warning, [](Log& log) {
        log.write(LogLevel::info, "quiet");
        log.write(LogLevel::warning, "loud");
    });
    EXPECT_THAT(text, Not(HasSubstr("quiet")));
    EXPECT_THAT(text, HasSubstr("loud"));
}

TEST(ProcessLog, ChangesItsLevel) {
    auto const text = written(LogLevel::error, [](ProcessLog& log) {
        log.set_level(LogLevel::debug);
        log.write(LogLevel::debug, "detail");
    });
    EXPECT_THAT(text, HasSubstr("detail"));
}

}  // namespace
}  // namespace imapcopy
