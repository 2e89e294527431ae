// Every step of a delivery fails once, in both ways a connection can die; the job runs again and again, and
// in the end the mail is there exactly once.

#include "daemon/jobs/deliver.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "daemon/jobs/completion_mail.hpp"
#include "daemon/store/reports.hpp"
#include "tests/daemon/jobs/job_daemon.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::jobs {
namespace {

using test::Fault;
using test::JobDaemon;

class DeliverTest : public testing::Test {
 protected:
    DeliverTest() {
        JobSpec held;
        held.hold = true;
        job_ = daemon_.submit("anna", held);
        (void)inbox_server().add_message("INBOX", test::sample_message(1));
    }

    test::MemoryServer& inbox_server() { return daemon_.runner.destination; }

    Delivery delivery(WallTime built) {
        ReportInput input;
        input.job = daemon_.view(job_);
        Delivery delivery;
        delivery.job = job_;
        delivery.pass = 1;
        delivery.mail = build_completion_mail(input, 1, built);
        return delivery;
    }

    /// One attempt; time passes while it waits.
    std::optional<Error> attempt() {
        test::MemoryConnections connections(daemon_.runner.source, inbox_server());
        auto const context = Context{daemon_.clock, daemon_.random, daemon_.log, daemon_.stop};
        std::optional<Error> error;
        bool ended = false;
        auto on_end = [&](std::exception_ptr thrown, std::optional<Error> result) {
            ended = true;
            error = std::move(result);
            EXPECT_FALSE(thrown);
        };
        boost::asio::co_spawn(
            daemon_.io, deliver(context, connections, daemon_.reports(), delivery(daemon_.clock.wall_now())),
            std::move(on_end));
        while (!ended) daemon_.pass_time(std::chrono::seconds(1));
        return error;
    }

    std::size_t mails() {
        auto const& messages = inbox_server().at("INBOX").messages;
        return static_cast<std::size_t>(std::ranges::count_if(messages, [](auto const& message) {
            return message.body.find("Auto-Submitted") != std::string::npos;
        }));
    }

    test::TemporaryFolder folder_;
    JobDaemon daemon_{folder_.path().string()};
    JobId job_;
};

TEST_F(DeliverTest, AppendsTheMailOnce) {
    EXPECT_FALSE(attempt());
    EXPECT_FALSE(attempt());
    EXPECT_EQ(mails(), 1U);
}

/// Courier appends nothing to a folder that is open for reading only.
TEST_F(DeliverTest, OpensTheInboxForWriting) {
    EXPECT_FALSE(attempt());
    EXPECT_EQ(std::ranges::count(inbox_server().log, "select INBOX"), 1);
    EXPECT_EQ(std::ranges::count(inbox_server().log, "examine INBOX"), 0);
}

TEST_F(DeliverTest, ReportsARefusal) {
    inbox_server().refuse = [](std::string const&) {
        return std::optional(Error{ErrorCode::over_quota, "append"});
    };
    EXPECT_EQ(attempt()->code, ErrorCode::over_quota);
    EXPECT_EQ(mails(), 0U);
}

class DeliverFaultTest : public DeliverTest,
                         public testing::WithParamInterface<std::tuple<std::size_t, Fault>> {};

TEST_P(DeliverFaultTest, NeverLosesOrDoublesTheMail) {
    auto const [step, fault] = GetParam();
    inbox_server().fail_at(step, fault);
    for (int i = 0; i < 5 && attempt(); ++i) {
    }
    EXPECT_EQ(mails(), 1U);
    daemon_.pass_time(std::chrono::seconds(10));
    EXPECT_FALSE(attempt());
    EXPECT_EQ(mails(), 1U);
}

INSTANTIATE_TEST_SUITE_P(EveryStep, DeliverFaultTest,
                         testing::Combine(testing::Range<std::size_t>(1, 11),
                                          testing::Values(Fault::lose_connection,
                                                          Fault::lose_connection_late_commit)));

}  // namespace
}  // namespace imapcopy::jobs
