#include "ctl/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imapcopy::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Arguments accepted(std::vector<std::string> words, Environment const& environment = {}) {
    auto parsed = parse_command_line(std::move(words), environment);
    if (auto const* const ending = std::get_if<Ending>(&parsed)) {
        ADD_FAILURE() << ending->out << ending->err;
        return {};
    }
    return std::get<Arguments>(parsed);
}

Ending refused(std::vector<std::string> words) {
    auto parsed = parse_command_line(std::move(words), {});
    if (auto const* const ending = std::get_if<Ending>(&parsed)) return *ending;
    ADD_FAILURE() << "the command line was accepted";
    return {};
}

TEST(CommandLine, KnowsEveryVerb) {
    EXPECT_EQ(accepted({}).verb, Verb::overview);
    EXPECT_EQ(accepted({"list"}).verb, Verb::list);
    EXPECT_EQ(accepted({"provider", "detect", "a@b"}).verb, Verb::provider_detect);
    EXPECT_EQ(accepted({"daemon", "reload"}).verb, Verb::daemon_reload);
    EXPECT_EQ(accepted({"monitor"}).verb, Verb::monitor);
    EXPECT_EQ(accepted({"verify", "1", "--level=counts"}).level, VerifyLevel::counts);
    EXPECT_EQ(accepted({"verify", "1"}).level, VerifyLevel::index);
    EXPECT_EQ(refused({"verify", "1", "--level=all"}).status, 2);
    EXPECT_EQ(refused({"verify", "1", "2"}).status, 2);
    EXPECT_EQ(refused({"verify"}).status, 2);
    EXPECT_EQ(refused({"check", "1"}).status, 2);
}

TEST(CommandLine, TakesGlobalOptionsOnBothSidesOfTheVerb) {
    EXPECT_EQ(accepted({"-o", "json", "list"}).style.format, Format::json);
    EXPECT_EQ(accepted({"list", "-o", "json"}).style.format, Format::json);
    EXPECT_EQ(accepted({"provider", "list", "-o", "csv"}).style.format, Format::csv);
    EXPECT_THAT(accepted({"list", "-f", "id, state"}).style.fields, ElementsAre("id", "state"));
}

TEST(CommandLine, FolderOptionsDoNotSwallowAccounts) {
    auto const arguments = accepted({"submit", "--include", "INBOX", "a@b.c", "d@e.f", "--wait"});
    EXPECT_EQ(arguments.source.address, "a@b.c");
    EXPECT_EQ(arguments.destination.address, "d@e.f");
    EXPECT_TRUE(arguments.wait.wanted);
    EXPECT_FALSE(arguments.wait.limit);
    EXPECT_EQ(accepted({"submit", "a@b.c", "-w", "d@e.f"}).destination.address, "d@e.f");
    EXPECT_EQ(accepted({"submit", "a@b.c", "d@e.f", "--wait=90"}).wait.limit, std::chrono::seconds(90));
}

TEST(CommandLine, RefusesPasswordsWithoutRepeatingThem) {
    for (auto const* const word :
         {"--password=hunter2", "--source-password=hunter2", "--destination-password=hunter2"}) {
        auto const ending = refused({"submit", word, "a@b.c", "d@e.f"});
        EXPECT_EQ(ending.status, 2);
        EXPECT_THAT(ending.err, HasSubstr("--source-password-file"));
        EXPECT_THAT(ending.err, Not(HasSubstr("hunter2")));
    }
    EXPECT_EQ(refused({"test", "--source-password", "hunter2", "a@b.c", "d@e.f"}).status, 2);
}

TEST(CommandLine, ReportsEveryMistakeAtOnce) {
    auto const ending =
        refused({"submit", "a@b.c", "--output=xml", "--source-tls=maybe", "--destination-auth=none",
                 "--keep-secrets=long", "--rename=x", "--color=red"});
    EXPECT_EQ(ending.status, 2);
    for (auto const* const part :
         {"--output: \"xml\"", "--source-tls: \"maybe\"", "--destination-auth: \"none\"",
          "--keep-secrets: \"long\"", "--rename: \"x\"", "--color: \"red\"", "two accounts are needed"}) {
        EXPECT_THAT(ending.err, HasSubstr(part));
    }
}

TEST(CommandLine, HelpAndVersionEndWell) {
    EXPECT_EQ(refused({"--help"}).status, 0);
    EXPECT_THAT(refused({"--version"}).out, HasSubstr("imapcopyctl "));
    EXPECT_THAT(refused({"submit", "--help"}).out, HasSubstr("--keep-secrets"));
}

TEST(CommandLine, FollowsTheEnvironment) {
    Environment environment{
        .no_color = false, .out_is_terminal = true, .locale = "fi_FI.UTF-8", .bus = "unix:path=/x"};
    auto arguments = accepted({}, environment);
    EXPECT_TRUE(arguments.style.color);
    EXPECT_EQ(arguments.style.language, "fi");
    EXPECT_EQ(arguments.bus, "unix:path=/x");
    EXPECT_EQ(accepted({"--bus", "system"}, environment).bus, "system");
    EXPECT_EQ(accepted({"--language=fr"}, environment).style.language, "fr");
    environment.no_color = true;
    EXPECT_FALSE(accepted({}, environment).style.color);
    EXPECT_TRUE(accepted({"--color=always"}, environment).style.color);
}

TEST(LanguageOfLocale, IsTheFirstPart) {
    EXPECT_EQ(language_of_locale("pt_BR.UTF-8"), "pt");
    EXPECT_EQ(language_of_locale("C.UTF-8"), "en");
    EXPECT_EQ(language_of_locale("POSIX"), "en");
    EXPECT_EQ(language_of_locale(""), "en");
}

}  // namespace
}  // namespace imapcopy::ctl
