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
    spec.keep_secrets_seconds = 10ULL * 365 * 86400;
    Settings const settings;
    auto const result = resolved(spec, settings);
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_EQ(result->source.host, "old.example");
    EXPECT_EQ(result->source.port, 993);
    EXPECT_EQ(result->keep_secrets_seconds,
              static_cast<std::uint64_t>(settings.config.secrets.keep_max.count()));
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
