#include "daemon/jobs/local_service.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <filesystem>
#include <fstream>

#include "common/attempt.hpp"
#include "common/outcome.hpp"
#include "tests/daemon/jobs/job_daemon.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::jobs {
namespace {

using test::JobDaemon;

class LocalServiceTest : public testing::Test {
 protected:
    JobId run(JobDaemon& daemon, std::string const& login) {
        auto const ended = daemon.listener.ended.size();
        auto const id = daemon.submit(login);
        daemon.run_until([&] { return daemon.listener.ended.size() > ended; });
        return id;
    }

    AccountSpec account() {
        AccountSpec account;
        account.host = "old.example";
        account.login = "anna";
        return account;
    }

    JobSpec spec() {
        JobSpec spec;
        spec.source = account();
        spec.destination = account();
        spec.destination.host = "new.example";
        return spec;
    }

    test::TemporaryFolder folder_;
    std::string const path_ = folder_.path().string();
};

TEST_F(LocalServiceTest, RefusesASecondUnfinishedJobOfAPair) {
    JobDaemon daemon(path_);
    JobSpec held;
    held.hold = true;
    daemon.submit("anna", held);
    auto const error = daemon.error_of(daemon.service().submit({1000}, spec(), Secret("a"), Secret("b")));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::job_exists);
    EXPECT_EQ(error->message, "Todo for sync this account exists.");
}

TEST_F(LocalServiceTest, TakesASecondJobOfAPairAfterTheFirst) {
    JobDaemon daemon(path_);
    auto const first = run(daemon, "anna");
    auto const second = run(daemon, "anna");
    EXPECT_NE(first, second);
    EXPECT_EQ(daemon.service().find("ANNA"), (std::vector<JobId>{first, second}));
}

TEST_F(LocalServiceTest, RefusesMoreThanTheQueueHolds) {
    config::Config config;
    config.limits.jobs_total = 2;
    JobDaemon daemon(path_, config);
    JobSpec held;
    held.hold = true;
    daemon.submit("a", held);
    daemon.submit("b", held);
    EXPECT_EQ(daemon.error_of(daemon.service().submit({1000}, spec(), {}, {}))->code, ErrorCode::queue_full);
}

TEST_F(LocalServiceTest, CountsJobsThatAreBeingStored) {
    config::Config config;
    config.limits.jobs_per_user = 1;
    JobDaemon daemon(path_, config);
    std::vector<ErrorCode> refused;
    int ended = 0;
    auto const keep = [](std::vector<ErrorCode>& codes, int& count, Task<JobId> task) -> Task<> {
        auto submitting = as_result(std::move(task));
        auto const id = co_await std::move(submitting);
        if (id.has_error()) codes.push_back(id.error().code);
        ++count;
    };
    for (auto const* const login : {"a", "b", "c"}) {
        auto each = spec();
        each.source.login = login;
        auto submitting = keep(refused, ended, daemon.service().submit({1000}, each, {}, {}));
        boost::asio::co_spawn(daemon.io, std::move(submitting), boost::asio::detached);
    }
    daemon.run_until([&] { return ended == 3; });
    EXPECT_EQ(refused, (std::vector{ErrorCode::queue_full, ErrorCode::queue_full}));
    EXPECT_EQ(daemon.service().jobs().size(), 1U);
}

TEST_F(LocalServiceTest, HoldsReleasesAndCancelsAQueuedJob) {
    JobDaemon daemon(path_);
    JobSpec held;
    held.hold = true;
    auto const id = daemon.submit("anna", held);
    EXPECT_EQ(daemon.phase(id), Phase::held);
    EXPECT_EQ(daemon.error_of(daemon.service().hold(id))->code, ErrorCode::wrong_state);
    daemon.call(daemon.service().cancel(id));
    EXPECT_EQ(daemon.phase(id), Phase::cancelled);
    EXPECT_EQ(daemon.view(id).error->code, ErrorCode::cancelled);
    EXPECT_EQ(daemon.error_of(daemon.service().release(id))->code, ErrorCode::wrong_state);
    EXPECT_EQ(daemon.error_of(daemon.service().release(JobId(99)))->code, ErrorCode::no_such_job);
}

TEST_F(LocalServiceTest, RunsAnEndedJobAgainOnlyWithSecrets) {
    JobDaemon daemon(path_);
    auto const id = run(daemon, "anna");
    auto const error = daemon.error_of(daemon.service().resync(id, {}, Secret("b")));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::credentials_missing);
    EXPECT_EQ(error->side, Side::source);
    EXPECT_EQ(daemon.phase(id), Phase::complete);
    EXPECT_EQ(daemon.error_of(daemon.service().retry(id, Secret("a"), Secret("b")))->code,
              ErrorCode::wrong_state);

    daemon.call(daemon.service().resync(id, Secret("a"), Secret("b")));
    daemon.run_until([&] { return daemon.listener.ended.size() == 2; });
    EXPECT_EQ(daemon.phase(id), Phase::complete);
    EXPECT_EQ(daemon.runner.last_password.at("anna"), "a");
}

TEST_F(LocalServiceTest, ForgetsOnlyEndedJobs) {
    JobDaemon daemon(path_);
    JobSpec held;
    held.hold = true;
    auto const id = daemon.submit("anna", held);
    EXPECT_EQ(daemon.error_of(daemon.service().forget(id, false))->code, ErrorCode::wrong_state);
    daemon.call(daemon.service().cancel(id));
    daemon.call(daemon.service().forget(id, true));
    EXPECT_FALSE(daemon.service().job(id));
    EXPECT_EQ(daemon.listener.removed, std::vector<JobId>{id});
    EXPECT_TRUE(daemon.call(daemon.store().load_all()).empty());
}

/// Both wait for the store: the one that came first has the job.
TEST_F(LocalServiceTest, LetsOnlyOneChangeAJobAtATime) {
    JobDaemon daemon(path_);
    auto const id = run(daemon, "anna");
    std::vector<std::optional<Error>> errors(2);
    auto const keep = [](std::optional<Error>& error, Task<> task) -> Task<> {
        auto const ended = co_await attempt(std::move(task));
        error = error_of(ended.exception);
    };
    auto resync = keep(errors[0], daemon.service().resync(id, Secret("a"), Secret("b")));
    auto forget = keep(errors[1], daemon.service().forget(id, false));
    boost::asio::co_spawn(daemon.io, std::move(resync), boost::asio::detached);
    boost::asio::co_spawn(daemon.io, std::move(forget), boost::asio::detached);
    daemon.run_until([&] { return daemon.listener.ended.size() == 2; });
    daemon.settle();
    EXPECT_FALSE(errors[0]);
    ASSERT_TRUE(errors[1]);
    EXPECT_EQ(errors[1]->code, ErrorCode::wrong_state);
    EXPECT_EQ(daemon.phase(id), Phase::complete);
    daemon.call(daemon.service().forget(id, false));
}

TEST_F(LocalServiceTest, ForgetsNoLedgerThatAnotherJobHas) {
    JobDaemon daemon(path_);
    auto const first = run(daemon, "anna");
    auto const second = run(daemon, "anna");
    EXPECT_EQ(daemon.error_of(daemon.service().forget(first, true))->code, ErrorCode::wrong_state);
    daemon.call(daemon.service().forget(first, false));
    daemon.call(daemon.service().forget(second, true));
    EXPECT_TRUE(daemon.call(daemon.store().load_all()).empty());
}

TEST_F(LocalServiceTest, ParksAJobWithoutSecretsAndSaysHowToGoOn) {
    JobDaemon daemon(path_);
    auto const id = daemon.call(daemon.service().submit({1000}, spec(), Secret("a"), {}));
    daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
    daemon.settle();
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::credentials);
    EXPECT_NE(daemon.view(id).wait_text.find("imapcopyctl auth 1 --destination"), std::string::npos);
    daemon.call(daemon.service().set_secret(id, Side::destination, Secret("b")));
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
}

TEST_F(LocalServiceTest, TestsAnAccountWithoutCreatingAJob) {
    JobDaemon daemon(path_);
    auto const result = daemon.call(daemon.service().test(account(), Side::source, Secret("a")));
    EXPECT_EQ(result.folders, 3U);
    EXPECT_EQ(result.account.port, 993);
    EXPECT_TRUE(daemon.service().jobs().empty());
}

Task<Probe> silent_server(Context context) {
    co_await context.clock.sleep_for(std::chrono::hours(1));
    co_return Probe{};
}

TEST_F(LocalServiceTest, LimitsTheTimeAndTheNumberOfTests) {
    JobDaemon daemon(path_);
    daemon.runner.on_probe = silent_server;
    int timed_out = 0;
    for (int i = 0; i < 4; ++i) {
        auto on_end = [&](std::exception_ptr thrown, TestResult const&) { timed_out += thrown != nullptr; };
        boost::asio::co_spawn(daemon.io, daemon.service().test(account(), Side::source, Secret("a")),
                              std::move(on_end));
    }
    daemon.clock.poll();
    EXPECT_EQ(daemon.error_of(daemon.service().test(account(), Side::source, Secret("a")))->code,
              ErrorCode::queue_full);
    daemon.clock.advance(std::chrono::seconds(120));
    daemon.clock.poll();
    EXPECT_EQ(timed_out, 4);
    daemon.runner.on_probe = {};
    EXPECT_FALSE(daemon.error_of(daemon.service().test(account(), Side::source, Secret("a"))));
}

TEST_F(LocalServiceTest, PlansWithoutCreatingAJob) {
    JobDaemon daemon(path_);
    auto const result = daemon.call(daemon.service().plan(spec(), Secret("a"), Secret("b")));
    ASSERT_EQ(result.summary.folders.size(), 1U);
    EXPECT_EQ(result.summary.folders.front().to_copy, 2U);
    EXPECT_TRUE(daemon.service().jobs().empty());
}

Task<copy::VerifyResult> verified(std::uint64_t messages) {
    co_return copy::VerifyResult{1, messages, {}, {}};
}

class Verification : public LocalServiceTest {
 protected:
    /// Begins to verify and returns; `ended` is set at the end, `error` where it failed.
    void begin(JobDaemon& daemon, JobId id) {
        auto const on_end = [this](std::exception_ptr const& thrown, copy::VerifyResult const&) {
            ended = true;
            error = imapcopy::error_of(thrown);
        };
        auto verifying = daemon.service().verify(id, VerifyLevel::index, Secret("old"), Secret("new"));
        boost::asio::co_spawn(daemon.io, std::move(verifying), on_end);
        daemon.settle();
    }
    std::optional<Error> verify(JobDaemon& daemon, JobId id) {
        return daemon.error_of(daemon.service().verify(id, VerifyLevel::index, Secret("old"), Secret("new")));
    }

    bool ended = false;
    std::optional<Error> error;
};

TEST_F(Verification, ComparesWithTheSecretsThatAreGiven) {
    config::Config config;
    config.labels = LabelPolicy::every;
    JobDaemon daemon(path_, config);
    auto const id = run(daemon, "anna");
    VerifyLevel level = VerifyLevel::index;
    LabelPolicy labels = LabelPolicy::once;
    daemon.runner.on_verify = [&](Context, copy::VerifyOptions const& options) {
        level = options.level;
        labels = options.labels;
        return verified(30);
    };
    auto const result =
        daemon.call(daemon.service().verify(id, VerifyLevel::digest, Secret("a"), Secret("b")));
    EXPECT_EQ(result.messages, 30U);
    EXPECT_EQ(level, VerifyLevel::digest);
    EXPECT_EQ(labels, LabelPolicy::every);
    EXPECT_EQ(daemon.runner.last_password["anna"], "a");
    // They are not kept: the next one needs them again.
    auto const missing =
        daemon.error_of(daemon.service().verify(id, VerifyLevel::index, Secret(), Secret("b")));
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->code, ErrorCode::credentials_missing);
    EXPECT_EQ(missing->side, Side::source);
    EXPECT_EQ(daemon.phase(id), Phase::complete);
    EXPECT_EQ(verify(daemon, JobId(99))->code, ErrorCode::no_such_job);
}

TEST_F(Verification, UsesKeptSecrets) {
    JobDaemon daemon(path_);
    JobSpec spec;
    spec.keep_secrets_seconds = 3600;
    auto const id = daemon.submit("anna", spec);
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
    daemon.settle();
    EXPECT_FALSE(daemon.error_of(daemon.service().verify(id, VerifyLevel::index, {}, {})));
    EXPECT_EQ(daemon.runner.last_password["anna"], "old password");
}

TEST_F(Verification, IsRefusedWhileTheJobRunsOrIsVerified) {
    JobDaemon daemon(path_);
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, std::chrono::seconds(5));
    };
    auto const id = daemon.submit("anna");
    daemon.pass_time(std::chrono::seconds(1));
    auto const running = verify(daemon, id);
    ASSERT_TRUE(running);
    EXPECT_EQ(running->code, ErrorCode::wrong_state);
    EXPECT_NE(running->message.find("is running; wait for its end, or hold it first"), std::string::npos);
    daemon.pass_time(std::chrono::seconds(6));
    daemon.runner.on_verify = [](Context context, copy::VerifyOptions const&) {
        return test::verify_until_stopped(context);
    };
    begin(daemon, id);
    EXPECT_EQ(verify(daemon, id)->code, ErrorCode::wrong_state);
    daemon.call(daemon.service().cancel(id));
    daemon.pass_time(std::chrono::seconds(2));
    EXPECT_TRUE(ended);
    EXPECT_EQ(error->code, ErrorCode::cancelled);
    EXPECT_EQ(daemon.phase(id), Phase::complete) << "the job itself had ended before";
    daemon.runner.on_verify = {};
    EXPECT_FALSE(verify(daemon, id));
}

TEST_F(Verification, TakesAPlaceAmongTheJobs) {
    config::Config config;
    config.limits.max_jobs = 1;
    JobDaemon daemon(path_, config);
    auto const id = run(daemon, "anna");
    daemon.runner.on_verify = [](Context context, copy::VerifyOptions const&) {
        return test::verify_until_stopped(context);
    };
    begin(daemon, id);
    auto const other = daemon.submit("bert");
    daemon.pass_time(std::chrono::seconds(3));
    EXPECT_EQ(daemon.phase(other), Phase::queued);
    daemon.call(daemon.service().cancel(id));
    daemon.pass_time(std::chrono::seconds(3));
    EXPECT_TRUE(ended);
    EXPECT_EQ(daemon.phase(other), Phase::complete) << "it starts by itself once there is room";
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, std::chrono::seconds(5));
    };
    daemon.submit("carl");
    daemon.pass_time(std::chrono::seconds(1));
    EXPECT_EQ(verify(daemon, id)->code, ErrorCode::queue_full);
}

TEST_F(Verification, EndsWhenTheDaemonStops) {
    JobDaemon daemon(path_);
    auto const id = run(daemon, "anna");
    daemon.runner.on_verify = [](Context context, copy::VerifyOptions const&) {
        return test::verify_until_stopped(context);
    };
    begin(daemon, id);
    daemon.call(daemon.service().stop());
    daemon.pass_time(std::chrono::seconds(2));
    EXPECT_TRUE(ended);
    EXPECT_EQ(verify(daemon, id)->code, ErrorCode::unavailable);
}

TEST_F(Verification, DiesWithItsLoop) {
    JobDaemon daemon(path_);
    auto const id = run(daemon, "anna");
    daemon.runner.on_verify = [](Context context, copy::VerifyOptions const&) {
        return test::verify_until_stopped(context);
    };
    begin(daemon, id);
    EXPECT_FALSE(ended);
}

TEST_F(LocalServiceTest, ReloadsAllOrNothing) {
    JobDaemon daemon(path_);
    auto const broken = folder_.file("broken.d");
    std::filesystem::create_directory(broken);
    std::ofstream(broken + "/bad.toml") << "this is not TOML";
    daemon.reloaded.limits.max_jobs = 1;
    daemon.reloaded.providers_dir = broken;
    EXPECT_EQ(daemon.error_of(daemon.service().reload())->code, ErrorCode::invalid_argument);
    EXPECT_EQ(daemon.applied, 0);
    daemon.reloaded.providers_dir = folder_.file("nowhere");
    daemon.call(daemon.service().reload());
    EXPECT_EQ(daemon.applied, 1);
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, std::chrono::seconds(2));
    };
    daemon.submit("anna");
    daemon.submit("bert");
    daemon.pass_time(std::chrono::seconds(6));
    EXPECT_EQ(daemon.runner.running_max, 1U);
}

TEST_F(LocalServiceTest, ReportsAnEndedJob) {
    JobDaemon daemon(path_);
    auto const id = run(daemon, "anna");
    auto const report = daemon.call(daemon.service().report(id, "text", "en"));
    EXPECT_NE(report.find("INBOX: 1 messages; 1 copied"), std::string::npos) << report;
    EXPECT_EQ(daemon.error_of(daemon.service().report(id, "pdf", "en"))->code, ErrorCode::invalid_argument);
}

TEST_F(LocalServiceTest, DeliversOneCompletionMailAPassThatChangedSomething) {
    JobDaemon daemon(path_);
    auto const id = run(daemon, "anna");
    auto const& inbox = daemon.runner.destination.at("INBOX");
    EXPECT_EQ(inbox.messages.size(), 1U);
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, std::chrono::seconds(0));
    };
    daemon.call(daemon.service().resync(id, Secret("a"), Secret("b")));
    daemon.run_until([&] { return daemon.listener.ended.size() == 2; });
    EXPECT_EQ(inbox.messages.size(), 1U);
}

TEST_F(LocalServiceTest, SendsNoMailWhereNoneIsWanted) {
    JobDaemon daemon(path_);
    JobSpec quiet;
    quiet.completion_mail = false;
    daemon.submit("anna", quiet);
    daemon.run_until([&] { return !daemon.listener.ended.empty(); });
    EXPECT_TRUE(daemon.runner.destination.at("INBOX").messages.empty());
}

TEST_F(LocalServiceTest, MakesAnUndeliverableMailAnException) {
    JobDaemon daemon(path_);
    daemon.runner.destination.refuse = [](std::string const&) {
        return std::optional(Error{ErrorCode::over_quota, "append", "no room"});
    };
    auto const id = run(daemon, "anna");
    EXPECT_EQ(daemon.phase(id), Phase::complete_with_exceptions);
    auto const items = daemon.call(daemon.service().items(id, "exceptions", 0, 10));
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items.front().code, "OverQuota");
    EXPECT_NE(items.front().text.find("no room"), std::string::npos);
}

}  // namespace
}  // namespace imapcopy::jobs
