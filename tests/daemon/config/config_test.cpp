#include "daemon/config/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "common/text.hpp"
#include "tests/support/places.hpp"

namespace imapcopy::config {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

std::string shipped_file() {
    std::ifstream stream(test::in_source("config/imapcopyd.toml"));
    return {std::istreambuf_iterator<char>(stream), {}};
}

bool is_commented_key(std::string_view line) {
    return line.size() > 1 && line[0] == '#' && line[1] >= 'a' && line[1] <= 'z';
}

/// The shipped file with the "#" taken away in front of every key.
std::string uncommented() {
    std::string out;
    auto const text = shipped_file();
    for (auto const line : split(text, '\n')) {
        out += is_commented_key(line) ? line.substr(1) : line;
        out += '\n';
    }
    return out;
}

/// "table.key" of every key that the shipped file shows.
std::set<std::string> shown_keys() {
    std::set<std::string> keys;
    std::string table;
    auto const text = shipped_file();
    for (auto const line : split(text, '\n')) {
        if (line.starts_with('[')) table = std::string(line.substr(1, line.find(']') - 1)) + '.';
        if (is_commented_key(line)) keys.insert(table + std::string(line.substr(1, line.find(' ') - 1)));
    }
    return keys;
}

/// "table.key" of every key that the parser knows, as it says itself beside an unknown one.
std::set<std::string> known_keys() {
    std::set<std::string> keys;
    std::set<std::string> const tables = {"", "limits", "timeouts", "retry", "security", "secrets", "log"};
    for (auto const& table : tables) {
        auto const text = table.empty() ? std::string("zzz = 1\n") : "[" + table + "]\nzzz = 1\n";
        auto const message = parse(text, "f").error().message;
        auto const list = message.substr(message.rfind(": ") + 2);
        for (auto const key : split(list, ',')) {
            auto const name = std::string(trim(key));
            if (!tables.contains(name)) keys.insert(table.empty() ? name : table + '.' + name);
        }
    }
    return keys;
}

std::string mistakes(std::string_view text) {
    auto const config = parse(text, "f.toml");
    return config.has_error() ? config.error().message : "";
}

TEST(Config, EmptyFileGivesTheDefaults) {
    EXPECT_EQ(parse("", "f").value(), Config{});
}

TEST(Config, ShippedFileGivesTheDefaults) {
    EXPECT_EQ(parse(shipped_file(), "f").value(), Config{});
}

TEST(Config, ShippedFileShowsEveryKeyAtItsDefault) {
    EXPECT_EQ(parse(uncommented(), "f").value(), Config{});
    EXPECT_EQ(shown_keys(), known_keys());
    EXPECT_GT(known_keys().size(), 20U);
}

TEST(Config, ReadsEveryKey) {
    auto const config = parse(R"(
providers_dir = "/p"
labels = "every"
completion_mail = false
language = "fr"
[limits]
max_jobs = 1
connections_per_host = 2
connections_per_account = 3
lanes_per_job = 9
jobs_total = 4
jobs_per_user = 5
memory = "6MiB"
message = 7000
compress_below = 8000
[timeouts]
connect = 1
greeting = "2s"
login = "3min"
idle = "4h"
command = "1d"
stop = "0s"
[retry]
delay_min = "6s"
delay_max = "7s"
attempts_max = 8
[security]
cleartext_hosts = ["Old.example.org:143"]
ca_file = "/ca.pem"
deny_networks = ["10.0.0.0/8"]
allow_networks = ["192.0.2.0/24"]
[secrets]
key_file = "/k"
keep_max = "9d"
[log]
level = "debug"
)",
                              "f")
                            .value();
    Config expected;
    expected.providers_dir = "/p";
    expected.labels = LabelPolicy::every;
    expected.completion_mail = false;
    expected.language = "fr";
    expected.limits = {1, 2, 3, 9, 4, 5, 6ULL << 20U, 7000, 8000};
    expected.timeouts = {seconds(1), seconds(2), seconds(180), seconds(14400), seconds(86400), seconds(0)};
    expected.retry = {seconds(6), seconds(7), 8};
    expected.security = {{"old.example.org:143"}, "/ca.pem", {"10.0.0.0/8"}, {"192.0.2.0/24"}};
    expected.secrets = {"/k", seconds(9 * 86400)};
    expected.log_level = LogLevel::debug;
    EXPECT_EQ(config, expected);
}

TEST(Config, ReportsAllMistakesAtOnceWithTheirPlaces) {
    auto const message = mistakes(
        "completion_mail = \"yes\"\n"
        "[limits]\n"
        "max_jobs = 0\n"
        "max_job = 8\n"
        "  memory = \"lots\"\n"
        "[timeouts]\n"
        "idle = -5\n"
        "[nonsense]\n");
    EXPECT_THAT(message, HasSubstr("f.toml:1:19: completion_mail must be true or false"));
    EXPECT_THAT(message, HasSubstr("f.toml:3:12: limits.max_jobs must be a whole number from 1 to 1000"));
    EXPECT_THAT(message, HasSubstr("f.toml:4:1: unknown key limits.max_job; known here: compress_below, "));
    EXPECT_THAT(message, HasSubstr("f.toml:5:12: limits.memory must be a size like"));
    EXPECT_THAT(message, HasSubstr("f.toml:7:8: timeouts.idle must be"));
    EXPECT_THAT(message, HasSubstr("f.toml:8:2: unknown key nonsense"));
    EXPECT_EQ(split(message, '\n').size(), 6U) << message;
}

struct Mistake {
    std::string text;
    std::string expected;
};

TEST(Config, SaysWhatIsWrongAndHowToMendIt) {
    std::vector<Mistake> const cases = {
        {"language = \"english\"", "1:12: language must be two letters"},
        {"providers_dir = \"providers.d\"", "1:17: providers_dir must be an absolute path"},
        {"providers_dir = \"\"", "1:17: providers_dir must be an absolute path"},
        {"[security]\nca_file = \"ca.pem\"", "2:11: security.ca_file must be an absolute path"},
        {"[security]\ndeny_networks = [\"10.0.0.1\"]",
         "security.deny_networks holds \"10.0.0.1\", which must be a network"},
        {"[security]\nallow_networks = \"10.0.0.0/8\"",
         "2:18: security.allow_networks must be a list of strings"},
        {"[security]\ncleartext_hosts = [\"imap://a\"]", "security.cleartext_hosts holds \"imap://a\""},
        {"[timeouts]\nidle = \"5m\"", "2:8: timeouts.idle must be a duration like"},
        {"[timeouts]\nidle = \"2d\"", "2:8: timeouts.idle must be from 1 to 86400 seconds"},
        {"[limits]\nmemory = \"1KiB\"", "2:10: limits.memory must be a size from"},
        {"[limits]\nmemory = 1.5", "2:10: limits.memory must be"},
        {"[retry]\ndelay_min = \"2h\"", "2:13: retry.delay_min must be at most delay_max"},
        {"[log]\nlevel = \"loud\"", "2:9: log.level must be"},
        {"log = 3", "1:7: log must be a table"},
        {"a = ", "f.toml:1:"},
        {"[.a]", "f.toml:1:"},
        {"language = \"en\"\nlanguage = \"fr\"", "f.toml:2:"},
    };
    for (auto const& [text, expected] : cases) EXPECT_THAT(mistakes(text), HasSubstr(expected)) << text;
}

TEST(Config, LoadNamesTheFileThatCannotBeRead) {
    auto const config = load("/nonexistent/imapcopyd.toml");
    ASSERT_TRUE(config.has_error());
    EXPECT_EQ(config.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(config.error().message, HasSubstr("/nonexistent/imapcopyd.toml"));
}

TEST(Config, LoadReadsTheShippedFile) {
    EXPECT_EQ(load(test::in_source("config/imapcopyd.toml")).value(), Config{});
}

}  // namespace
}  // namespace imapcopy::config
