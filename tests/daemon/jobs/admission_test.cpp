#include "daemon/jobs/admission.hpp"

#include <gtest/gtest.h>

namespace imapcopy::jobs {
namespace {

JobSpec sample() {
    JobSpec spec;
    spec.source.host = "old.example";
    spec.source.login = "anna@old.example";
    spec.destination.host = "new.example";
    spec.destination.login = "anna@new.example";
    return spec;
}

TEST(Admission, ResolvesBothSides) {
    auto spec = sample();
    spec.source.host = "OLD.example";
    Settings const settings;
    auto const result = resolved(spec, settings);
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ(result->source.host, "old.example");
    EXPECT_EQ(result->source.port, 993);
}

TEST(Admission, RefusesToKeepSecretsLongerThanAllowed) {
    auto spec = sample();
    Settings settings;
    settings.config.secrets.keep_max = std::chrono::hours(1);
    spec.keep_secrets_seconds = 3600;
    ASSERT_TRUE(resolved(spec, settings).has_value());
    spec.keep_secrets_seconds = 3601;
    auto const error = resolved(spec, settings).error();
    EXPECT_EQ(error.code, ErrorCode::invalid_argument);
    EXPECT_EQ(error.message, "keep the passwords for 3601 s: [secrets] keep_max allows 3600 s");
}

TEST(Admission, RefusesTheSameMailboxOnBothSides) {
    auto spec = sample();
    spec.destination = spec.source;
    spec.destination.login = "Anna@Old.example";
    EXPECT_EQ(resolved(spec, {}).error().code, ErrorCode::same_mailbox);
    spec.destination.login = "admin";
    spec.destination.authorize_as = spec.source.login;
    EXPECT_EQ(resolved(spec, {}).error().code, ErrorCode::same_mailbox);
}

TEST(Admission, RefusesStringsThatNoServerTakes) {
    auto spec = sample();
    spec.source.login = std::string(2000, 'x');
    EXPECT_EQ(resolved(spec, {}).error().code, ErrorCode::invalid_argument);
    spec = sample();
    spec.folders.below = "a\r\nb";
    EXPECT_EQ(resolved(spec, {}).error().code, ErrorCode::invalid_argument);
    spec = sample();
    spec.folders.include.assign(2000, "*");
    EXPECT_EQ(resolved(spec, {}).error().code, ErrorCode::invalid_argument);
}

TEST(Admission, NamesTheSideOfAMistake) {
    auto spec = sample();
    spec.destination.login.clear();
    auto const result = resolved(spec, {});
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error().side, Side::destination);
    spec = sample();
    spec.source.provider = "no-such-provider";
    EXPECT_EQ(resolved(spec, {}).error().code, ErrorCode::unknown_provider);
    EXPECT_EQ(resolved(spec, {}).error().side, Side::source);
}

TEST(Admission, LimitsTheQueue) {
    config::Config::Limits limits;
    limits.jobs_total = 10;
    limits.jobs_per_user = 5;
    EXPECT_TRUE(check_load({9, 4}, limits).has_value());
    EXPECT_EQ(check_load({10, 0}, limits).error().code, ErrorCode::queue_full);
    EXPECT_EQ(check_load({9, 5}, limits).error().code, ErrorCode::queue_full);
}

}  // namespace
}  // namespace imapcopy::jobs
