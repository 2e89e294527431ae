#include "daemon/jobs/retry.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace imapcopy::jobs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto jitter_most = std::numeric_limits<std::uint32_t>::max();
config::Config::Retry const config;

RetryAnswer ask(ErrorCode code, std::uint32_t attempts, std::uint32_t jitter = 0, std::uint32_t pause = 0) {
    Error error{code, "test"};
    error.pause_seconds = pause;
    return next_retry({error, attempts, jitter}, config);
}

TEST(Retry, BacksOffExponentiallyBetweenTheLimits) {
    EXPECT_EQ(ask(ErrorCode::connection_lost, 1).delay, seconds(5));
    EXPECT_GT(ask(ErrorCode::connection_lost, 1, jitter_most).delay, seconds(9));
    EXPECT_LE(ask(ErrorCode::connection_lost, 1, jitter_most).delay, seconds(10));
    for (std::uint32_t attempts = 1; attempts < config.attempts_max; ++attempts) {
        auto const least = ask(ErrorCode::timed_out, attempts);
        auto const most = ask(ErrorCode::timed_out, attempts, jitter_most);
        EXPECT_EQ(least.kind, RetryKind::later);
        EXPECT_EQ(least.reason, WaitReason::network);
        EXPECT_EQ(least.delay, seconds(5));
        EXPECT_LE(most.delay, hours(1));
    }
    EXPECT_GT(ask(ErrorCode::timed_out, 20, jitter_most).delay, minutes(59));
}

TEST(Retry, GivesUpAfterTooManyAttemptsWithoutProgress) {
    EXPECT_EQ(ask(ErrorCode::connection_lost, config.attempts_max).kind, RetryKind::never);
    EXPECT_EQ(ask(ErrorCode::throttled, config.attempts_max).kind, RetryKind::never);
}

TEST(Retry, WaitsAtLeastAsLongAsTheServerAsks) {
    EXPECT_EQ(ask(ErrorCode::throttled, 1, 0, 300),
              (RetryAnswer{RetryKind::later, WaitReason::throttled, seconds(300)}));
    EXPECT_EQ(ask(ErrorCode::throttled, 1).delay, minutes(1));
    EXPECT_EQ(ask(ErrorCode::unavailable, 1, 0, 300).delay, seconds(300));
    EXPECT_EQ(ask(ErrorCode::throttled, 1, 0, 4'000'000'000).delay, hours(24));
}

TEST(Retry, ParksRefusedCredentialsAtOnce) {
    for (auto const code :
         {ErrorCode::auth_rejected, ErrorCode::credentials_missing, ErrorCode::account_locked}) {
        EXPECT_EQ(ask(code, 1), (RetryAnswer{RetryKind::parked, WaitReason::credentials, {}}));
    }
}

TEST(Retry, ProbesAFullMailboxSeldomAndForever) {
    EXPECT_EQ(ask(ErrorCode::over_quota, 1), (RetryAnswer{RetryKind::later, WaitReason::quota, minutes(15)}));
    EXPECT_EQ(ask(ErrorCode::over_quota, 2).delay, minutes(30));
    EXPECT_EQ(ask(ErrorCode::over_quota, 5).delay, hours(4));
    EXPECT_EQ(ask(ErrorCode::over_quota, 4'000'000'000).delay, hours(4));
}

TEST(Retry, NeverTriesPermanentErrorsAgain) {
    EXPECT_EQ(ask(ErrorCode::tls_untrusted, 1).kind, RetryKind::never);
    EXPECT_EQ(ask(ErrorCode::internal, 1).kind, RetryKind::never);
}

TEST(Retry, NamesWhatIsWaitedFor) {
    EXPECT_EQ(ask(ErrorCode::too_many_connections, 1).reason, WaitReason::host);
}

TEST(Retry, WaitsForTheDiskHoweverLongItTakes) {
    RetryAnswer const every_minute{RetryKind::later, WaitReason::store, minutes(1)};
    EXPECT_EQ(ask(ErrorCode::store_full, 1), every_minute);
    EXPECT_EQ(ask(ErrorCode::store_full, 4'000'000'000), every_minute);
    EXPECT_EQ(ask(ErrorCode::store_corrupt, 1), (RetryAnswer{RetryKind::parked, WaitReason::store, {}}));
    EXPECT_TRUE(is_of_store(ErrorCode::store_full));
    EXPECT_FALSE(is_of_store(ErrorCode::connection_lost));
}

TEST(Retry, SaysWhatTheJobWaitsFor) {
    JobView view;
    view.id = JobId(7);
    view.spec.source.host = "old.example";
    view.spec.destination.host = "new.example";
    Error error{ErrorCode::auth_rejected, "log in"};
    error.side = Side::source;
    EXPECT_EQ(&account_of(view, error), &view.spec.source);
    EXPECT_NE(wait_text(view, {RetryKind::parked, WaitReason::credentials, {}}, error)
                  .find("imapcopyctl auth 7 --source"),
              std::string::npos);
    error = {ErrorCode::throttled, "fetch"};
    error.pause_seconds = 300;
    EXPECT_EQ(wait_text(view, {RetryKind::later, WaitReason::throttled, {}}, error),
              "new.example asks for a pause of 300 s");
}

TEST(Believed, TakesARefusedPasswordThatHasWorkedForAServerOutOfOrder) {
    Error const refused{ErrorCode::auth_rejected, "log in", "no", Side::source};
    EXPECT_EQ(believed(refused, Reached::no), refused);
    EXPECT_EQ(believed(refused, Reached::yes).code, ErrorCode::unavailable);
    EXPECT_EQ(believed(refused, Reached::yes).server_text, "no");
    Error const locked{ErrorCode::account_locked, "log in"};
    EXPECT_EQ(believed(locked, Reached::yes), locked);
}

}  // namespace
}  // namespace imapcopy::jobs
