// Whole jobs over a real database and a manual clock; what a pass does is the test's word.

#include "daemon/jobs/supervisor.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/daemon/jobs/job_daemon.hpp"
#include "tests/support/faulty_vfs.hpp"
#include "tests/support/memory_journal.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::jobs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::JobDaemon;

class SupervisorTest : public testing::Test {
 protected:
    test::TemporaryFolder folder_;
    std::string const path_ = folder_.path().string();
};

TEST_F(SupervisorTest, RunsAJobToItsEndAndWipesItsSecrets) {
    JobDaemon daemon(path_);
    auto const id = daemon.submit("anna");
    daemon.run_until([&] { return !daemon.listener.ended.empty(); });
    auto const view = daemon.view(id);
    EXPECT_EQ(view.phase, Phase::complete);
    EXPECT_EQ(view.attempt, 1U);
    EXPECT_EQ(view.progress.messages_done, 1U);
    EXPECT_NE(view.ended, WallTime{});
    EXPECT_EQ(daemon.runner.last_password.at("anna"), "old password");
    for (auto const side : {Side::source, Side::destination}) {
        EXPECT_EQ(daemon.error_of(daemon.store().secret(id, side))->code, ErrorCode::credentials_missing);
    }
    EXPECT_EQ(daemon.listener.ended, std::vector<JobId>{id});
    EXPECT_EQ(daemon.listener.added, 1U);
}

TEST_F(SupervisorTest, SleepsWhenThereIsNothingToDo) {
    JobDaemon daemon(path_);
    daemon.submit("anna");
    daemon.run_until([&] { return !daemon.listener.ended.empty(); });
    daemon.settle();
    EXPECT_FALSE(daemon.clock.advance_to_next());
}

TEST_F(SupervisorTest, NeverRunsMoreJobsThanAllowed) {
    config::Config config;
    config.limits.max_jobs = 3;
    JobDaemon daemon(path_, config);
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, seconds(2));
    };
    for (int i = 0; i < 10; ++i) daemon.submit("user" + std::to_string(i));
    daemon.pass_time(seconds(12));
    EXPECT_EQ(daemon.listener.ended.size(), 10U);
    EXPECT_EQ(daemon.runner.running_max, 3U);
}

TEST_F(SupervisorTest, ParksARefusedLoginAfterOneAttemptUntilAPasswordIsGiven) {
    config::Config config;
    config.limits.max_jobs = 1;
    JobDaemon daemon(path_, config);
    daemon.runner.refuse = [&](std::string const& login, Side side) -> std::optional<ErrorCode> {
        bool const refused = login == "anna" && daemon.runner.last_password.at("anna") == "old password";
        return side == Side::source && refused ? std::optional(ErrorCode::auth_rejected) : std::nullopt;
    };
    auto const anna = daemon.submit("anna");
    auto const bert = daemon.submit("bert");
    daemon.run_until([&] { return daemon.phase(bert) == Phase::complete; });
    daemon.pass_time(seconds(3));
    EXPECT_EQ(daemon.phase(anna), Phase::waiting);
    EXPECT_EQ(daemon.view(anna).wait_reason, WaitReason::credentials);
    EXPECT_NE(daemon.view(anna).wait_text.find("imapcopyctl auth 1 --source"), std::string::npos);
    EXPECT_FALSE(daemon.clock.advance_to_next());
    EXPECT_EQ(daemon.runner.attempts.at("anna"), 1U);

    daemon.call(daemon.service().set_secret(anna, Side::source, Secret("right")));
    daemon.run_until([&] { return daemon.phase(anna) == Phase::complete; });
    EXPECT_EQ(daemon.runner.last_password.at("anna"), "right");
    EXPECT_FALSE(daemon.view(anna).error);
}

TEST_F(SupervisorTest, TriesTransientErrorsAgainAndCountsAttempts) {
    JobDaemon daemon(path_);
    daemon.runner.script = [&](std::string login, Context, copy::Observer& observer) {
        bool const fails = daemon.runner.attempts.at(login) < 4;
        return fails ? test::fail_with(ErrorCode::connection_lost, Side::destination)
                     : test::copy_one_message(observer);
    };
    auto const id = daemon.submit("anna");
    for (std::uint32_t attempt = 1; attempt < 4; ++attempt) {
        daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
        daemon.settle();
        EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::network);
        EXPECT_EQ(daemon.view(id).attempt, attempt);
        EXPECT_GE(daemon.view(id).waiting_until, daemon.clock.wall_now() + seconds(5));
        EXPECT_EQ(daemon.view(id).error->code, ErrorCode::connection_lost);
        ASSERT_TRUE(daemon.clock.advance_to_next());
        daemon.clock.poll();
    }
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
    EXPECT_EQ(daemon.view(id).attempt, 4U);
}

TEST_F(SupervisorTest, GivesUpAfterTooManyAttemptsWithoutProgress) {
    config::Config config;
    config.retry.attempts_max = 3;
    JobDaemon daemon(path_, config);
    daemon.runner.script = [](std::string, Context, copy::Observer&) {
        return test::fail_with(ErrorCode::timed_out, Side::source);
    };
    auto const id = daemon.submit("anna");
    for (int i = 0; i < 2; ++i) {
        daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
        daemon.settle();
        ASSERT_TRUE(daemon.clock.advance_to_next());
        daemon.clock.poll();
    }
    daemon.run_until([&] { return daemon.phase(id) == Phase::failed; });
    EXPECT_EQ(daemon.view(id).error->code, ErrorCode::timed_out);
    EXPECT_EQ(daemon.view(id).attempt, 3U);
}

TEST_F(SupervisorTest, EndsPermanentErrorsAtOnce) {
    JobDaemon daemon(path_);
    daemon.runner.script = [](std::string, Context, copy::Observer&) {
        return test::fail_with(ErrorCode::tls_untrusted, Side::source);
    };
    auto const id = daemon.submit("anna");
    daemon.run_until([&] { return !daemon.listener.ended.empty(); });
    EXPECT_EQ(daemon.phase(id), Phase::failed);
    EXPECT_EQ(daemon.runner.attempts.at("anna"), 1U);
}

/// No cancellation reaches the lanes of a pass: they wait for a server that falls silent within an APPEND.
TEST_F(SupervisorTest, AbortsAPassWhoseServerSaysNothing) {
    test::MemoryJournal journal;
    JobDaemon daemon(path_);
    daemon.runner.source.add_mailbox("INBOX");
    daemon.runner.source.add_message("INBOX", test::sample_message(1));
    bool silent = false;
    daemon.runner.destination.falls_silent = [&](std::string_view what) {
        return silent = silent || what == "write a piece";
    };
    daemon.runner.engine = [&](Context context, copy::Connections& connections, copy::Observer& observer) {
        return copy::run_pass(context, connections, journal, {}, observer);
    };
    auto const id = daemon.submit("anna");
    daemon.run_until([&] { return silent; });
    daemon.call(daemon.service().cancel(id));
    daemon.pass_time(cancel_grace - seconds(1));
    EXPECT_EQ(daemon.phase(id), Phase::copying);
    daemon.pass_time(seconds(1));
    EXPECT_EQ(daemon.phase(id), Phase::cancelled);
    EXPECT_EQ(*daemon.runner.running, 0U);
}

TEST_F(SupervisorTest, GoesOnAfterTheDeathOfTheDaemon) {
    JobId id;
    {
        JobDaemon daemon(path_);
        daemon.runner.script = [](std::string, Context context, copy::Observer&) {
            return test::hang(context);
        };
        id = daemon.submit("anna");
        daemon.settle();
        EXPECT_EQ(daemon.phase(id), Phase::connecting);
    }
    JobDaemon daemon(path_);
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
    EXPECT_EQ(daemon.view(id).attempt, 2U);
    EXPECT_EQ(daemon.runner.last_password.at("anna"), "old password");
}

TEST_F(SupervisorTest, DrainsOnStopAndLosesNothing) {
    JobId listening;
    JobId deaf;
    {
        JobDaemon daemon(path_);
        daemon.runner.script = [](std::string login, Context context, copy::Observer& observer) {
            return login == "deaf" ? test::hang(context) : test::work_for(context, observer, hours(1));
        };
        listening = daemon.submit("anna");
        deaf = daemon.submit("deaf");
        daemon.settle();
        bool stopped = false;
        boost::asio::co_spawn(daemon.io, daemon.service().stop(),
                              [&](std::exception_ptr) { stopped = true; });
        daemon.pass_time(seconds(2));
        EXPECT_EQ(daemon.phase(listening), Phase::queued);
        EXPECT_EQ(daemon.service().status().state, "stopping");
        EXPECT_FALSE(stopped);
        daemon.pass_time(config::Config{}.timeouts.stop);
        EXPECT_TRUE(stopped);
        EXPECT_EQ(daemon.phase(deaf), Phase::queued);
    }
    JobDaemon daemon(path_);
    daemon.run_until([&] { return daemon.listener.ended.size() == 2; });
    EXPECT_EQ(daemon.phase(listening), Phase::complete);
    EXPECT_EQ(daemon.phase(deaf), Phase::complete);
}

TEST_F(SupervisorTest, StopsAtOnceWhereItIsToldToOnceMore) {
    for (bool const told_before : {false, true}) {
        JobDaemon daemon(path_);
        daemon.runner.script = [](std::string, Context context, copy::Observer&) {
            return test::hang(context);
        };
        auto const deaf = daemon.submit("deaf" + std::to_string(told_before));
        daemon.settle();
        bool stopped = false;
        auto const on_end = [&](std::exception_ptr) { stopped = true; };
        if (told_before) daemon.service().stop_at_once();
        daemon.settle();
        EXPECT_EQ(daemon.phase(deaf), Phase::connecting) << "the stop itself comes later";
        boost::asio::co_spawn(daemon.io, daemon.service().stop(), on_end);
        daemon.settle();
        EXPECT_EQ(stopped, told_before);
        daemon.service().stop_at_once();
        daemon.service().stop_at_once();
        daemon.settle();
        EXPECT_TRUE(stopped);
        EXPECT_EQ(daemon.phase(deaf), Phase::queued);
        EXPECT_FALSE(daemon.view(deaf).error);
    }
}

TEST_F(SupervisorTest, StopsAtOnceWhereItShallNotWait) {
    config::Config config;
    config.timeouts.stop = seconds(0);
    JobDaemon daemon(path_, config);
    daemon.runner.script = [](std::string, Context context, copy::Observer&) { return test::hang(context); };
    auto const deaf = daemon.submit("deaf");
    daemon.settle();
    bool stopped = false;
    boost::asio::co_spawn(daemon.io, daemon.service().stop(), [&](std::exception_ptr) { stopped = true; });
    daemon.settle();
    EXPECT_TRUE(stopped);
    EXPECT_EQ(daemon.phase(deaf), Phase::queued);
}

TEST_F(SupervisorTest, StartsAScheduledJobAtItsTime) {
    JobDaemon daemon(path_);
    JobSpec spec;
    spec.not_before = daemon.clock.wall_now() + hours(2);
    auto const id = daemon.submit("anna", spec);
    daemon.settle();
    EXPECT_EQ(daemon.phase(id), Phase::scheduled);
    daemon.clock.advance(hours(2) - seconds(1));
    daemon.settle();
    EXPECT_EQ(daemon.phase(id), Phase::scheduled);
    daemon.clock.advance(seconds(2));
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
}

/// A machine that was suspended: the alarms have not seen the time go by.
TEST_F(SupervisorTest, LooksAtTheWallClockWhileItWaits) {
    JobDaemon daemon(path_);
    JobSpec spec;
    spec.not_before = daemon.clock.wall_now() + hours(10);
    spec.keep_secrets_seconds = 36000;
    auto const id = daemon.submit("anna", spec);
    daemon.settle();
    daemon.clock.step_wall(hours(10));
    daemon.clock.advance(minutes(5));
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
    daemon.settle();
    EXPECT_FALSE(daemon.error_of(daemon.store().secret(id, Side::source)));
    daemon.clock.step_wall(hours(10));
    daemon.clock.advance(minutes(5));
    daemon.settle();
    EXPECT_TRUE(daemon.error_of(daemon.store().secret(id, Side::source)));
}

TEST_F(SupervisorTest, TriesAgainWithinMinutesThoughTheClockIsSetBackByHours) {
    JobDaemon daemon(path_);
    daemon.runner.script = [&](std::string login, Context, copy::Observer& observer) {
        return daemon.runner.attempts.at(login) == 1 ? test::fail_with(ErrorCode::throttled, Side::source)
                                                     : test::copy_one_message(observer);
    };
    auto const id = daemon.submit("anna");
    daemon.run_until([&] { return daemon.phase(id) == Phase::waiting; });
    JobSpec spec;
    spec.not_before = daemon.clock.wall_now() + hours(1);
    auto const scheduled = daemon.submit("berta", spec);
    daemon.clock.step_wall(-hours(3));
    daemon.clock.advance(minutes(5));
    daemon.run_until([&] { return daemon.phase(id) == Phase::complete; });
    daemon.clock.advance(hours(2));
    daemon.settle();
    EXPECT_EQ(daemon.phase(scheduled), Phase::scheduled);
}

Task<copy::PassResult> chatter(Context context, copy::Observer& observer) {
    observer.phase(Phase::copying);
    Progress progress;
    progress.bytes_total = 1'000'000;
    for (int i = 0; i < 50; ++i) {
        progress.bytes_done += 10'000;
        observer.progress(progress);
        co_await context.clock.sleep_for(std::chrono::milliseconds(100));
    }
    co_return copy::PassResult{};
}

TEST_F(SupervisorTest, PublishesProgressOnceASecondWithARate) {
    JobDaemon daemon(path_);
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return chatter(context, observer);
    };
    auto const id = daemon.submit("anna");
    daemon.settle();
    for (int i = 0; i < 40; ++i) {
        daemon.clock.advance(std::chrono::milliseconds(100));
        daemon.settle();
    }
    auto const published = std::ranges::count_if(
        daemon.listener.changes, [](JobView const& view) { return view.progress.bytes_done > 0; });
    EXPECT_LE(published, 5);
    EXPECT_GE(published, 4);
    EXPECT_EQ(daemon.view(id).progress.bytes_per_second, 100'000U);
    EXPECT_GT(daemon.view(id).progress.estimated_end, daemon.clock.wall_now());
    EXPECT_EQ(daemon.service().status().bytes_per_second, 100'000U);
}

TEST_F(SupervisorTest, ShowsThePaceOfAJobWhileItIsAtWork) {
    JobDaemon daemon(path_);
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        Progress progress;
        progress.lanes = 2;
        progress.source_round_trip = progress.destination_round_trip = std::chrono::milliseconds(20);
        progress.bound = Bound::line;
        observer.progress(progress);
        return test::work_for(context, observer, seconds(3));
    };
    auto const id = daemon.submit("anna");
    daemon.settle();
    auto const working = daemon.view(id).progress;
    EXPECT_EQ(working.lanes, 2U);
    EXPECT_EQ(working.source_round_trip, std::chrono::milliseconds(20));
    EXPECT_EQ(working.bound, Bound::line);
    daemon.pass_time(seconds(5));
    ASSERT_EQ(daemon.phase(id), Phase::complete);
    auto const over = daemon.view(id).progress;
    EXPECT_EQ(over.lanes, 0U);
    EXPECT_EQ(over.source_round_trip, std::chrono::microseconds(0));
    EXPECT_EQ(over.destination_round_trip, std::chrono::microseconds(0));
    EXPECT_EQ(over.bound, Bound::unknown);
}

TEST_F(SupervisorTest, KeepsSecretsAsLongAsAskedAndNoLonger) {
    JobDaemon daemon(path_);
    JobSpec spec;
    spec.keep_secrets_seconds = 3600;
    auto const id = daemon.submit("anna", spec);
    daemon.run_until([&] { return !daemon.listener.ended.empty(); });
    daemon.settle();
    EXPECT_FALSE(daemon.error_of(daemon.store().secret(id, Side::source)));
    daemon.clock.advance(seconds(3601));
    daemon.settle();
    EXPECT_EQ(daemon.error_of(daemon.store().secret(id, Side::source))->code, ErrorCode::credentials_missing);
    EXPECT_FALSE(daemon.clock.advance_to_next());
}

TEST_F(SupervisorTest, WaitsForAFullDiskAndGoesOnByItself) {
    test::FaultyVfs vfs("faulty");
    JobDaemon daemon(path_, {}, {vfs.name()});
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, seconds(5));
    };
    auto const id = daemon.submit("anna");
    daemon.pass_time(seconds(1));
    vfs.fail_at(1, test::FaultyVfs::Fault::disk_full);
    daemon.pass_time(seconds(5));
    EXPECT_EQ(daemon.phase(id), Phase::waiting);
    EXPECT_EQ(daemon.view(id).wait_reason, WaitReason::store);
    EXPECT_EQ(daemon.view(id).error->code, ErrorCode::store_full);
    EXPECT_TRUE(daemon.service().status().state.starts_with("degraded: ")) << daemon.service().status().state;
    EXPECT_EQ(daemon.service().status().store_error, ErrorCode::store_full);
    auto bert = JobSpec{};
    bert.source.host = "old.example";
    bert.destination.host = "new.example";
    bert.source.login = bert.destination.login = "bert";
    EXPECT_EQ(daemon.error_of(daemon.service().submit({1000}, bert, Secret("old"), Secret("new")))->code,
              ErrorCode::store_full);

    for (int hour = 0; hour < 50; ++hour) {
        daemon.clock.advance(hours(1));
        daemon.settle();
    }
    EXPECT_EQ(daemon.phase(id), Phase::waiting);
    EXPECT_GT(daemon.view(id).waiting_until, daemon.clock.wall_now());
    EXPECT_EQ(daemon.view(id).attempt, 1U) << "nothing is begun while nothing can be recorded";

    vfs.mend();
    daemon.pass_time(seconds(67));
    EXPECT_EQ(daemon.phase(id), Phase::complete);
    EXPECT_EQ(daemon.service().status().state, "running");
    EXPECT_FALSE(daemon.service().status().store_error);
}

TEST_F(SupervisorTest, RepeatsTheWriteOfACancelThatFoundAFullDisk) {
    test::FaultyVfs vfs("faulty");
    JobId id;
    {
        JobDaemon daemon(path_, {}, {vfs.name()});
        JobSpec held;
        held.hold = true;
        id = daemon.submit("anna", held);
        vfs.fail_at(1, test::FaultyVfs::Fault::disk_full);
        EXPECT_EQ(daemon.error_of(daemon.service().cancel(id))->code, ErrorCode::store_full);
        EXPECT_EQ(daemon.phase(id), Phase::cancelled);
        vfs.mend();
        daemon.pass_time(seconds(67));
        EXPECT_FALSE(daemon.service().status().store_error);
    }
    JobDaemon daemon(path_);
    EXPECT_EQ(daemon.phase(id), Phase::cancelled);
    EXPECT_EQ(daemon.error_of(daemon.store().secret(id, Side::source))->code, ErrorCode::credentials_missing);
}

TEST_F(SupervisorTest, LearnsThatTheDatabaseWorksAgainAlsoWhileSecretsAreKept) {
    test::FaultyVfs vfs("faulty");
    JobDaemon daemon(path_, {}, {vfs.name()});
    JobSpec spec;
    spec.hold = true;
    spec.keep_secrets_seconds = 36'000;
    daemon.call(daemon.service().cancel(daemon.submit("anna", spec)));
    spec.keep_secrets_seconds = 0;
    auto const bert = daemon.submit("bert", spec);
    daemon.settle();
    vfs.fail_at(1, test::FaultyVfs::Fault::disk_full);
    EXPECT_EQ(daemon.error_of(daemon.service().cancel(bert))->code, ErrorCode::store_full);
    vfs.mend();
    // With it goes the write that would have been repeated.
    daemon.call(daemon.service().forget(bert, false));
    EXPECT_TRUE(daemon.service().status().store_error);
    daemon.pass_time(seconds(67));
    EXPECT_FALSE(daemon.service().status().store_error);
}

TEST_F(SupervisorTest, WipesKeptSecretsOfAJobThatWasCancelledBeforeItRan) {
    JobDaemon daemon(path_);
    JobSpec held;
    held.hold = true;
    held.keep_secrets_seconds = 3600;
    auto const id = daemon.submit("anna", held);
    daemon.call(daemon.service().cancel(id));
    daemon.settle();
    EXPECT_FALSE(daemon.error_of(daemon.store().secret(id, Side::source)));
    daemon.clock.advance(seconds(3601));
    daemon.settle();
    EXPECT_EQ(daemon.error_of(daemon.store().secret(id, Side::source))->code, ErrorCode::credentials_missing);
}

TEST_F(SupervisorTest, AsksAFullMailboxForAsLongAsItTakes) {
    config::Config config;
    config.retry.attempts_max = 3;
    JobDaemon daemon(path_, config);
    auto code = ErrorCode::over_quota;
    daemon.runner.script = [&code](std::string, Context, copy::Observer&) -> Task<copy::PassResult> {
        throw Failure(Error{code, "append", {}, Side::destination});
        co_return copy::PassResult{};
    };
    auto const id = daemon.submit("anna");
    for (int i = 0; i < 10; ++i) {
        daemon.clock.advance(hours(24));
        daemon.settle();
    }
    EXPECT_GT(daemon.view(id).attempt, 5U);
    code = ErrorCode::connection_lost;
    daemon.clock.advance(hours(24));
    daemon.settle();
    EXPECT_EQ(daemon.phase(id), Phase::waiting);
}

TEST_F(SupervisorTest, StopsEverythingWhenTheDatabaseFailsAndGoesOnAfterARestart) {
    test::FaultyVfs vfs("faulty");
    JobId anna;
    JobId bert;
    {
        config::Config config;
        config.limits.max_jobs = 1;
        JobDaemon daemon(path_, config, {vfs.name()});
        daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
            return test::work_for(context, observer, seconds(5));
        };
        anna = daemon.submit("anna");
        bert = daemon.submit("bert");
        daemon.pass_time(seconds(1));
        vfs.fail_at(1, test::FaultyVfs::Fault::io_error);
        daemon.run_until([&] {
            daemon.clock.advance(seconds(1));
            return daemon.phase(anna) == Phase::waiting;
        });
        EXPECT_EQ(daemon.view(anna).wait_reason, WaitReason::store);
        EXPECT_EQ(daemon.view(anna).waiting_until, WallTime{}) << "no time can be told";
        daemon.run_until([&] { return daemon.service().status().store_error.has_value(); });
        EXPECT_EQ(daemon.service().status().store_error, ErrorCode::store_corrupt);
        EXPECT_FALSE(daemon.clock.advance_to_next()) << "nothing is tried again";
        EXPECT_EQ(daemon.phase(bert), Phase::queued);
        EXPECT_FALSE(daemon.runner.attempts.contains("bert"));
        EXPECT_TRUE(daemon.listener.ended.empty()) << "no job has failed";
    }
    vfs.mend();
    JobDaemon daemon(path_, {}, {vfs.name()});
    daemon.run_until([&] { return daemon.listener.ended.size() == 2; });
    EXPECT_EQ(daemon.phase(anna), Phase::complete);
    EXPECT_EQ(daemon.phase(bert), Phase::complete);
}

TEST_F(SupervisorTest, AsksAHostThatIsDownSeldomAndFreesItsJobsWhenItIsBack) {
    JobDaemon daemon(path_);
    bool down = true;
    daemon.runner.refuse = [&](std::string const&, Side side) {
        return down && side == Side::source ? std::optional(ErrorCode::timed_out) : std::nullopt;
    };
    std::vector<JobId> jobs;
    for (int i = 0; i < 20; ++i) jobs.push_back(daemon.submit("user" + std::to_string(i)));
    auto const attempts = [&] {
        std::uint32_t sum = 0;
        for (auto const& [login, count] : daemon.runner.attempts) sum += count;
        return sum;
    };
    auto const until = daemon.clock.now() + std::chrono::minutes(10);
    daemon.settle();
    while (daemon.clock.now() < until && daemon.clock.advance_to_next()) daemon.settle();
    EXPECT_LE(attempts(), 12U);
    auto const first = daemon.view(jobs.front());
    EXPECT_EQ(first.phase, Phase::waiting);
    EXPECT_EQ(first.wait_reason, WaitReason::host);
    EXPECT_GT(first.waiting_until, first.last_activity);
    EXPECT_EQ(daemon.phase(jobs.back()), Phase::queued);

    down = false;
    daemon.pass_time(seconds(62));
    daemon.run_until([&] { return daemon.listener.ended.size() == jobs.size(); });
    for (auto const id : jobs) EXPECT_EQ(daemon.phase(id), Phase::complete);
}

TEST_F(SupervisorTest, DoesNotTakeAMissingPasswordForAnAnswerOfTheHost) {
    JobDaemon daemon(path_);
    daemon.runner.refuse = [](std::string const&, Side) { return std::optional(ErrorCode::timed_out); };
    JobSpec spec;
    spec.source.host = "old.example";
    spec.destination.host = "new.example";
    spec.source.login = spec.destination.login = "bert";
    spec.not_before = daemon.clock.wall_now() + HostHealth::pause_first;
    auto const bert = daemon.call(daemon.service().submit({1000}, spec, Secret(), Secret()));
    auto const anna = daemon.submit("anna");
    daemon.pass_time(HostHealth::pause_first + seconds(1));
    EXPECT_EQ(daemon.view(bert).wait_reason, WaitReason::credentials);
    EXPECT_EQ(daemon.view(anna).attempt, 2U);
    EXPECT_GT(daemon.view(anna).waiting_until, daemon.clock.wall_now() + seconds(55))
        << "the second failure in a row";
}

TEST_F(SupervisorTest, KeepsFewerConnectionsToAHostThatRefusesMore) {
    config::Config config;
    config.limits.max_jobs = 6;
    JobDaemon daemon(path_, config);
    std::uint32_t connected = 0;
    std::uint32_t refused = 0;
    std::uint32_t connected_max = 0;
    daemon.runner.refuse = [&](std::string const&, Side side) -> std::optional<ErrorCode> {
        if (side == Side::destination) return std::nullopt;
        if (connected == 3) {
            ++refused;
            return ErrorCode::too_many_connections;
        }
        connected_max = std::max(connected_max, ++connected);
        return std::nullopt;
    };
    daemon.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, hours(1));
    };
    for (int i = 0; i < 6; ++i) {
        daemon.submit("user" + std::to_string(i));
        daemon.settle();
    }
    daemon.pass_time(seconds(300));
    EXPECT_EQ(connected_max, 3U);
    EXPECT_LE(refused, 3U) << "a refused job does not knock again and again";
    EXPECT_EQ(*daemon.runner.running, 3U);
}

}  // namespace
}  // namespace imapcopy::jobs
