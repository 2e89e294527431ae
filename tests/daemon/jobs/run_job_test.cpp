#include "daemon/jobs/run_job.hpp"

#include <gtest/gtest.h>

#include "daemon/jobs/empty_journal.hpp"
#include "tests/daemon/jobs/job_daemon.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::jobs {
namespace {

struct Listening final : AttemptObserver {
    void phase(Phase) override {}
    void progress(Progress const&) override {}
    void reached(Side side) override { sides.push_back(side); }

    std::vector<Side> sides;
};

class RunJobTest : public testing::Test {
 protected:
    RunJobTest() {
        JobSpec held;
        held.hold = true;
        attempt_.row.view = daemon_.view(daemon_.submit("anna", held));
        attempt_.row.view.attempt = 1;
    }

    AttemptEnd run() {
        auto const context = Context{daemon_.clock, daemon_.random, daemon_.log, daemon_.stop};
        auto const parts = AttemptParts{daemon_.store(), daemon_.reports(), daemon_.runner};
        return daemon_.call(run_job(context, parts, attempt_, abort_, observer_));
    }

    std::size_t mails() { return daemon_.runner.destination.at("INBOX").messages.size(); }

    test::TemporaryFolder folder_;
    test::JobDaemon daemon_{folder_.path().string()};
    copy::Abort abort_;
    Listening observer_;
    Attempt attempt_;
};

TEST_F(RunJobTest, StoresThePassAndDeliversItsMail) {
    auto const end = run();
    EXPECT_EQ(end.kind, AttemptEnd::Kind::complete);
    EXPECT_EQ(end.pass, 1U);
    EXPECT_EQ(end.exceptions, 0U);
    EXPECT_EQ(mails(), 1U);
    EXPECT_EQ(daemon_.call(daemon_.store().folder_results(attempt_.row.view.id)).size(), 1U);
}

Task<copy::PassResult> end_with_many_exceptions() {
    copy::PassResult result;
    result.exceptions.push_back({"INBOX", copy::Uid(1), "AttributeRefused", 1, "without its date"});
    result.exceptions_unlisted = 20;
    co_return result;
}

TEST_F(RunJobTest, CountsTheExceptionsThatAreNotListed) {
    daemon_.runner.script = [](std::string, Context, copy::Observer&) { return end_with_many_exceptions(); };
    EXPECT_EQ(run().exceptions, 21U);
}

TEST_F(RunJobTest, TellsWhichServersItReaches) {
    daemon_.runner.refuse = [](std::string const&, Side side) {
        return side == Side::destination ? std::optional(ErrorCode::connection_refused) : std::nullopt;
    };
    EXPECT_EQ(run().error.code, ErrorCode::connection_refused);
    EXPECT_EQ(observer_.sides, std::vector{Side::source});
}

Task<copy::PassResult> run_engine(Context context, copy::Connections& connections, copy::Observer& observer) {
    auto const journal = make_empty_journal();
    auto running = copy::run_pass(context, connections, *journal, {}, observer);
    auto result = co_await std::move(running);
    co_return result;
}

TEST_F(RunJobTest, DeliversTheMailOverTheConnectionOfThePass) {
    daemon_.runner.source.add_mailbox("Work");
    daemon_.runner.engine = run_engine;
    EXPECT_EQ(run().kind, AttemptEnd::Kind::complete);
    EXPECT_EQ(observer_.sides, (std::vector{Side::source, Side::destination}));
    EXPECT_EQ(mails(), 1U);
}

TEST_F(RunJobTest, ConnectsAheadWhereAJobIsAloneAndNew) {
    auto const connects_ahead = [this](bool alone, std::uint32_t pass, std::uint32_t attempt) {
        attempt_.alone = alone;
        attempt_.row.pass = pass;
        attempt_.row.view.attempt = attempt;
        (void)run();
        return daemon_.runner.last_options.connects_ahead;
    };
    EXPECT_FALSE(connects_ahead(false, 0, 1));
    EXPECT_FALSE(connects_ahead(true, 1, 1));
    EXPECT_FALSE(connects_ahead(true, 0, 2));
    EXPECT_TRUE(connects_ahead(true, 0, 1));
}

TEST_F(RunJobTest, TurnsAFailureIntoAValue) {
    daemon_.runner.script = [](std::string, Context, copy::Observer&) {
        return test::fail_with(ErrorCode::over_quota, Side::destination);
    };
    auto const end = run();
    EXPECT_EQ(end.kind, AttemptEnd::Kind::failed);
    EXPECT_EQ(end.error.code, ErrorCode::over_quota);
    EXPECT_EQ(mails(), 0U);
}

TEST_F(RunJobTest, CallsEveryEndAfterAStopStopped) {
    daemon_.stop.request();
    daemon_.runner.script = [](std::string, Context, copy::Observer&) {
        return test::fail_with(ErrorCode::connection_lost, Side::destination);
    };
    EXPECT_EQ(run().kind, AttemptEnd::Kind::stopped);
}

TEST_F(RunJobTest, NamesTheSideWhoseSecretIsGone) {
    daemon_.call(daemon_.service().cancel(attempt_.row.view.id));
    auto const end = run();
    EXPECT_EQ(end.error.code, ErrorCode::credentials_missing);
    EXPECT_EQ(end.error.side, Side::source);
}

TEST_F(RunJobTest, SendsTheMailOfWorkThatEarlierAttemptsDid) {
    daemon_.runner.script = [](std::string, Context context, copy::Observer& observer) {
        return test::work_for(context, observer, std::chrono::seconds(0));
    };
    attempt_.row.view.attempt = 2;
    attempt_.row.view.progress.bytes_done = 100;
    EXPECT_EQ(run().kind, AttemptEnd::Kind::complete);
    EXPECT_EQ(mails(), 1U);
}

}  // namespace
}  // namespace imapcopy::jobs
