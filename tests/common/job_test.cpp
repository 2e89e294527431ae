#include "common/job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace imapcopy {
namespace {

using ::testing::HasSubstr;

TEST(JobState, TextFormsAreTheFourPublicWords) {
    EXPECT_EQ(to_string(JobState::not_started), "not started");
    EXPECT_EQ(to_string(JobState::in_progress), "in progress");
    EXPECT_EQ(to_string(JobState::finished), "finished");
    EXPECT_EQ(to_string(JobState::error), "error");
}

TEST(JobState, ReadsBackWithAnyBlank) {
    EXPECT_EQ(parse_job_state("not started"), JobState::not_started);
    EXPECT_EQ(parse_job_state("not-started"), JobState::not_started);
    EXPECT_EQ(parse_job_state("in_progress"), JobState::in_progress);
    EXPECT_FALSE(parse_job_state("Finished"));
    EXPECT_FALSE(parse_job_state(""));
}

TEST(Phase, EveryOneReadsBackAndBelongsToAState) {
    for (auto i = 0; i <= static_cast<int>(Phase::cancelled); ++i) {
        auto const phase = static_cast<Phase>(i);
        EXPECT_EQ(parse_phase(to_string(phase)), phase);
        EXPECT_FALSE(to_string(state_of(phase)).empty());
        EXPECT_TRUE(!holds_slot(phase) || state_of(phase) == JobState::in_progress);
    }
    EXPECT_EQ(to_string(Phase::complete_with_exceptions), "complete with exceptions");
    EXPECT_FALSE(holds_slot(Phase::waiting));
    EXPECT_EQ(state_of(Phase::scheduled), JobState::not_started);
    EXPECT_EQ(state_of(Phase::cancelled), JobState::error);
}

TEST(Enumerators, ReadBack) {
    for (auto i = 0; i <= static_cast<int>(WaitReason::store); ++i) {
        EXPECT_EQ(parse_wait_reason(to_string(static_cast<WaitReason>(i))), static_cast<WaitReason>(i));
    }
    for (auto i = 0; i <= static_cast<int>(Bound::us); ++i) {
        EXPECT_EQ(parse_bound(to_string(static_cast<Bound>(i))), static_cast<Bound>(i));
    }
    for (auto const mode : {TlsMode::implicit, TlsMode::starttls, TlsMode::cleartext}) {
        EXPECT_EQ(parse_tls_mode(to_string(mode)), mode);
    }
    for (auto const method : {AuthMethod::password, AuthMethod::xoauth2}) {
        EXPECT_EQ(parse_auth_method(to_string(method)), method);
    }
    for (auto const level : {VerifyLevel::counts, VerifyLevel::index, VerifyLevel::digest}) {
        EXPECT_EQ(parse_verify_level(to_string(level)), level);
    }
    for (auto const policy : {LabelPolicy::once, LabelPolicy::every}) {
        EXPECT_EQ(parse_label_policy(to_string(policy)), policy);
    }
    EXPECT_FALSE(parse_tls_mode("none"));
}

AccountSpec full_account() {
    return {.provider = "gmail",
            .host = "imap.gmail.com",
            .port = 993,
            .tls = TlsMode::starttls,
            .login = "anna@gmail.com",
            .address = "anna@gmail.com",
            .authorize_as = "boss",
            .auth = AuthMethod::xoauth2,
            .tls_pin = std::string(64, 'a')};
}

TEST(AccountDict, RoundTrips) {
    EXPECT_EQ(account_from_dict(to_dict(full_account()), "source").value(), full_account());
    AccountSpec least;
    least.login = "anna";
    EXPECT_EQ(account_from_dict(to_dict(least), "source").value(), least);
}

TEST(AccountDict, LowersTheHostAndAcceptsAWidePort) {
    Dict const dict = {
        {"login", std::string("a")}, {"host", std::string("IMAP.Example")}, {"port", std::uint64_t{143}}};
    auto const account = account_from_dict(dict, "source").value();
    EXPECT_EQ(account.host, "imap.example");
    EXPECT_EQ(account.port, 143);
}

TEST(AccountDict, ReportsEveryMistakeAtOnce) {
    Dict const dict = {{"port", std::uint32_t{70000}},
                       {"tls", std::string("maybe")},
                       {"auth", true},
                       {"password", std::string("hunter2")},
                       {"tls_pin", std::string("zz")}};
    auto const result = account_from_dict(dict, "source");
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    for (auto const* const part :
         {"source: ", "port must be a number up to 65535", "tls must be implicit", "auth must be a string",
          "password is not a known key", "login is missing", "tls_pin must be 64 hex"}) {
        EXPECT_THAT(result.error().message, HasSubstr(part));
    }
    EXPECT_EQ(result.error().message.find("hunter2"), std::string::npos);
}

TEST(AccountDict, RefusesControlCharactersAndFloods) {
    for (auto const& login :
         {std::string("a\r\nb"), std::string("a\0b", 3), std::string(2000, 'x'), std::string("\xff")}) {
        EXPECT_TRUE(account_from_dict({{"login", login}}, "source").has_error());
    }
}

JobSpec full_spec() {
    JobSpec spec;
    spec.folders = {.include = {"INBOX", "Work/*"},
                    .exclude = {"Trash"},
                    .rename = {{"Sent Items", "Sent"}, {"a", "b=c"}},
                    .below = "Old"};
    spec.label = "move 7";
    spec.language = "fi";
    spec.completion_mail = false;
    spec.hold = true;
    spec.keep_secrets_seconds = 86400;
    spec.not_before = WallTime{std::chrono::seconds(1'795'248'900)};
    return spec;
}

TEST(JobOptions, RoundTrip) {
    EXPECT_EQ(job_from_options(options_to_dict(full_spec())).value(), full_spec());
    EXPECT_EQ(job_from_options(options_to_dict(JobSpec{})).value(), JobSpec{});
    EXPECT_EQ(job_from_options({}).value(), JobSpec{});
}

TEST(JobOptions, ReportEveryMistakeAtOnce) {
    Dict const dict = {{"rename", std::vector<std::string>{"nothing", "=x", "x="}},
                       {"hold", std::string("yes")},
                       {"language", std::string("e1")},
                       {"keep_secrets", std::uint64_t{1} << 60U},
                       {"not_before", ~std::uint64_t{0}},
                       {"include", std::vector<std::string>(1001, "x")},
                       {"colour", std::string("red")}};
    auto const result = job_from_options(dict);
    ASSERT_TRUE(result.has_error());
    for (auto const* const part :
         {"rename must look like FROM=TO, not \"nothing\"", "not \"=x\"", "not \"x=\"",
          "hold must be true or false", "language must be", "keep_secrets must be", "not_before must be",
          "include has more than 1000", "colour is not a known key"}) {
        EXPECT_THAT(result.error().message, HasSubstr(part));
    }
}

}  // namespace
}  // namespace imapcopy
