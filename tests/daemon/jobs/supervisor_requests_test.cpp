// What people ask of jobs, over a real database and a manual clock.

#include "daemon/jobs/supervisor.hpp"

#include <gtest/gtest.h>

#include "tests/daemon/jobs/job_daemon.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::jobs {
namespace {

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

}  // namespace
}  // namespace imapcopy::jobs
