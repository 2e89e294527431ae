// What people ask of jobs, over a real database and a manual clock.

#include "daemon/jobs/supervisor.hpp"

#include <gtest/gtest.h>

#include "tests/daemon/jobs/job_daemon.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::jobs {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::JobDaemon;

class SupervisorRequests : public testing::Test {
 protected:
    test::TemporaryFolder folder_;
    std::string const path_ = folder_.path().string();
};

TEST_F(SupervisorRequests, HoldsARunningJobAtAStepAndReleasesIt) {
    JobDaemon daemon(path_);
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, seconds(5));
    };
    auto const id = daemon.submit("anna");
    daemon.settle();
    daemon.call(daemon.service().hold(id));
    EXPECT_EQ(daemon.phase(id), Phase::planning);
    daemon.pass_time(seconds(1));
    EXPECT_EQ(daemon.phase(id), Phase::waiting);
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::held);
    EXPECT_EQ(state_of(daemon.phase(id)), JobState::in_progress);
    EXPECT_EQ(daemon.error_of(daemon.service().hold(id))->code, ErrorCode::wrong_state);
    daemon.call(daemon.service().release(id));
    daemon.pass_time(seconds(6));
    EXPECT_EQ(daemon.phase(id), Phase::complete);
}

/// Refuses the source's password unless it is "right".
void refuse_source(JobDaemon& daemon) {
    daemon.runner.refuse = [&daemon](std::string const& login, Side side) -> std::optional<ErrorCode> {
        if (side == Side::destination || daemon.runner.last_password.at(login) == "right")
            return std::nullopt;
        return ErrorCode::auth_rejected;
    };
}

TEST_F(SupervisorRequests, AReleaseDoesNotSendARefusedPasswordAgain) {
    JobId id;
    {
        JobDaemon daemon(path_);
        refuse_source(daemon);
        id = daemon.submit("anna");
        daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
        daemon.call(daemon.service().hold(id));
        EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::held);
    }
    JobDaemon daemon(path_);
    refuse_source(daemon);
    daemon.call(daemon.service().release(id));
    daemon.pass_time(seconds(3));
    EXPECT_EQ(daemon.phase(id), Phase::waiting);
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::credentials);
    EXPECT_NE(daemon.view(id).wait_text.find("imapcopyctl auth 1 --source"), std::string::npos);
    EXPECT_TRUE(daemon.runner.attempts.empty());

    daemon.call(daemon.service().set_secret(id, Side::source, Secret("right")));
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
}

TEST_F(SupervisorRequests, OnlyThePasswordThatWasRefusedLetsAJobGoOn) {
    JobDaemon daemon(path_);
    refuse_source(daemon);
    auto const id = daemon.submit("anna");
    daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
    daemon.call(daemon.service().set_secret(id, Side::destination, Secret("new")));
    daemon.pass_time(seconds(3));
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::credentials);
    EXPECT_EQ(daemon.runner.attempts.at("anna"), 1U);
    daemon.call(daemon.service().set_secret(id, Side::source, Secret("right")));
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
}

TEST_F(SupervisorRequests, APasswordGivenToAHeldJobCountsOnceItIsReleased) {
    JobDaemon daemon(path_);
    refuse_source(daemon);
    auto const id = daemon.submit("anna");
    daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
    daemon.call(daemon.service().hold(id));
    daemon.call(daemon.service().set_secret(id, Side::source, Secret("right")));
    daemon.pass_time(seconds(3));
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::held);
    daemon.call(daemon.service().release(id));
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
    EXPECT_EQ(daemon.runner.attempts.at("anna"), 2U);
}

Task<copy::PassResult> connect_late(Context context, copy::Connections& connections,
                                    copy::Observer& observer) {
    observer.phase(Phase::planning);
    co_await context.clock.sleep_for(seconds(5));
    auto connecting = connections.connect(Side::source);
    (void)co_await std::move(connecting);
    co_return copy::PassResult{};
}

/// The same some seconds after the attempt has read the password.
void refuse_source_late(JobDaemon& daemon) {
    refuse_source(daemon);
    daemon.runner.engine = connect_late;
}

TEST_F(SupervisorRequests, APasswordGivenWhileTheOldOneIsTriedIsTriedNext) {
    JobDaemon daemon(path_);
    refuse_source_late(daemon);
    auto const id = daemon.submit("anna");
    daemon.settle();
    daemon.call(daemon.service().set_secret(id, Side::source, Secret("right")));
    daemon.pass_time(seconds(11));
    EXPECT_EQ(daemon.phase(id), Phase::complete);
    EXPECT_EQ(daemon.runner.attempts.at("anna"), 2U);
}

TEST_F(SupervisorRequests, APasswordThatIsRefusedWhileAHoldWaitsIsNotSentAgain) {
    JobDaemon daemon(path_);
    refuse_source_late(daemon);
    auto const id = daemon.submit("anna");
    daemon.settle();
    daemon.call(daemon.service().hold(id));
    daemon.pass_time(seconds(6));
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::held);
    daemon.call(daemon.service().release(id));
    daemon.pass_time(seconds(6));
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::credentials);
    EXPECT_EQ(daemon.runner.attempts.at("anna"), 1U);
}

TEST_F(SupervisorRequests, APasswordThatIsRefusedWhileAllAreHeldParksTheJob) {
    JobDaemon daemon(path_);
    refuse_source_late(daemon);
    auto const id = daemon.submit("anna");
    daemon.settle();
    daemon.call(daemon.service().hold_all());
    daemon.pass_time(seconds(6));
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::credentials);
    daemon.call(daemon.service().release_all());
    daemon.pass_time(seconds(6));
    EXPECT_EQ(daemon.runner.attempts.at("anna"), 1U);
}

TEST_F(SupervisorRequests, APasswordThatHasJustWorkedIsRefusedTwiceBeforeItCounts) {
    JobDaemon daemon(path_);
    daemon.runner.script = [](std::string, Context, copy::Observer&) {
        return test::fail_with(ErrorCode::auth_rejected, Side::source);
    };
    auto const id = daemon.submit("anna");
    daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
    EXPECT_EQ(daemon.view(id).error->code, ErrorCode::unavailable);
    EXPECT_GT(daemon.view(id).waiting_until, daemon.clock.wall_now());
    refuse_source(daemon);
    daemon.pass_time(std::chrono::minutes(1));
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::credentials);
    EXPECT_EQ(daemon.runner.attempts.at("anna"), 2U);
}

TEST_F(SupervisorRequests, AJobOfAFarFutureWaitsInPeace) {
    JobDaemon daemon(path_);
    JobSpec spec;
    spec.not_before = WallTime(seconds(33'000'000'000));  // 3015: more nanoseconds than a Duration counts.
    auto const id = daemon.submit("anna", spec);
    daemon.pass_time(std::chrono::hours(1));
    EXPECT_EQ(daemon.phase(id), Phase::scheduled);
}

TEST_F(SupervisorRequests, ARetryOfAParkedJobTriesItsPasswordOnceMore) {
    JobDaemon daemon(path_);
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, seconds(5));
    };
    daemon.runner.refuse = [&](std::string const&, Side) {
        return daemon.runner.attempts.at("anna") == 1 ? std::optional(ErrorCode::auth_rejected)
                                                      : std::nullopt;
    };
    auto const id = daemon.submit("anna");
    daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
    daemon.call(daemon.service().retry(id, {}, {}));
    daemon.pass_time(seconds(1));
    EXPECT_EQ(daemon.phase(id), Phase::planning);
    // What was refused once does not park a job that has logged in since.
    daemon.call(daemon.service().hold(id));
    daemon.pass_time(seconds(1));
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::held);
    daemon.call(daemon.service().release(id));
    daemon.pass_time(seconds(6));
    EXPECT_EQ(daemon.phase(id), Phase::complete);
}

TEST_F(SupervisorRequests, AReleaseDoesNotCutShortThePauseThatAServerAskedFor) {
    JobDaemon daemon(path_);
    daemon.runner.script = [&](std::string login, Context, copy::Observer& observer) {
        return daemon.runner.attempts.at(login) == 1 ? test::fail_with(ErrorCode::throttled, Side::source)
                                                     : test::copy_one_message(observer);
    };
    auto const id = daemon.submit("anna");
    daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
    auto const until = daemon.view(id).waiting_until;
    auto const text = daemon.view(id).wait_text;
    daemon.call(daemon.service().hold(id));
    EXPECT_EQ(daemon.view(id).waiting_until, WallTime{});
    daemon.pass_time(seconds(5));
    daemon.call(daemon.service().release(id));
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::throttled);
    EXPECT_EQ(daemon.view(id).waiting_until, until);
    EXPECT_EQ(daemon.view(id).wait_text, text);
    ASSERT_TRUE(daemon.clock.advance_to_next());
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
}

TEST_F(SupervisorRequests, AReleaseForgetsAPauseThatEndsHoursTooLateByAClockThatWasSetBack) {
    for (bool const set_back_while_held : {false, true}) {
        JobDaemon daemon(path_);
        daemon.runner.script = [&](std::string login, Context, copy::Observer& observer) {
            return daemon.runner.attempts.at(login) == 1 ? test::fail_with(ErrorCode::throttled, Side::source)
                                                         : test::copy_one_message(observer);
        };
        auto const id = daemon.submit("anna" + std::to_string(set_back_while_held));
        daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
        if (!set_back_while_held) daemon.clock.step_wall(-hours(3));
        daemon.call(daemon.service().hold(id));
        if (set_back_while_held) daemon.clock.step_wall(-hours(3));
        daemon.call(daemon.service().release(id));
        daemon.settle();
        EXPECT_EQ(daemon.phase(id), Phase::complete) << set_back_while_held;
    }
}

TEST_F(SupervisorRequests, AbortsACancelledJobThatDoesNotListen) {
    JobDaemon daemon(path_);
    daemon.runner.script = [](std::string, Context context, copy::Observer&) { return test::hang(context); };
    auto const id = daemon.submit("anna");
    daemon.settle();
    daemon.call(daemon.service().cancel(id));
    daemon.pass_time(cancel_grace - seconds(1));
    EXPECT_EQ(daemon.phase(id), Phase::connecting);
    daemon.pass_time(seconds(1));
    EXPECT_EQ(daemon.phase(id), Phase::cancelled);
    EXPECT_EQ(daemon.listener.ended, std::vector<JobId>{id});
    EXPECT_EQ(*daemon.runner.running, 0U);
}

TEST_F(SupervisorRequests, HoldsTheServiceAsAWhole) {
    JobDaemon daemon(path_);
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, seconds(3));
    };
    auto const running = daemon.submit("anna");
    daemon.settle();
    daemon.call(daemon.service().hold_all());
    auto const waiting = daemon.submit("bert");
    daemon.pass_time(seconds(2));
    EXPECT_EQ(daemon.service().status().state, "held");
    EXPECT_EQ(daemon.phase(running), Phase::queued);
    EXPECT_EQ(daemon.phase(waiting), Phase::queued);
    daemon.call(daemon.service().release_all());
    daemon.pass_time(seconds(5));
    EXPECT_EQ(daemon.listener.ended.size(), 2U);
}

TEST_F(SupervisorRequests, HoldsTheServiceOverARestart) {
    JobId id;
    {
        JobDaemon daemon(path_);
        daemon.call(daemon.service().hold_all());
        id = daemon.submit("anna");
    }
    {
        JobDaemon daemon(path_);
        daemon.pass_time(seconds(2));
        EXPECT_EQ(daemon.service().status().state, "held");
        EXPECT_EQ(daemon.phase(id), Phase::queued);
        daemon.call(daemon.service().release_all());
        daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
    }
    JobDaemon daemon(path_);
    EXPECT_EQ(daemon.service().status().state, "running");
}

}  // namespace
}  // namespace imapcopy::jobs
