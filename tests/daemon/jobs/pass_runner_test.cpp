#include "daemon/jobs/pass_runner.hpp"

#include "tests/daemon/imap/conversation.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::jobs {
namespace {

struct Runner : test::Conversation {
    test::TemporaryFolder folder;
    store::Writer writer{folder.file("jobs.db"), io.get_executor()};
    std::unique_ptr<PassRunner> runner = make_pass_runner(connector, writer);

    Access access() const {
        Access access;
        access.account.host = "imap.example.org";
        access.account.port = 993;
        access.account.login = "anna";
        access.secret = Secret("secret");
        return access;
    }
};

TEST(PassRunner, ProbesAnAccountAndLeavesInPeace) {
    Runner talk;
    talk.connector.add(test::logged_in("X")
                           .expect("$2 LIST \"\" \"*\"\r\n")
                           .reply("* LIST () \"/\" INBOX\r\n* LIST () \"/\" Sent\r\n$2 OK done\r\n")
                           .expect("$3 LOGOUT\r\n")
                           .reply("* BYE see you\r\n$3 OK done\r\n"));
    auto const probe = talk.run(talk.runner->probe(talk.context, talk.access(), Side::source, {}));
    ASSERT_TRUE(probe) << probe.error().message;
    EXPECT_EQ(probe->folders, 2U);
    EXPECT_FALSE(probe->capabilities.empty());
    EXPECT_TRUE(talk.connector.finished());
    EXPECT_EQ(talk.connector.targets().front().host, "imap.example.org");
}

TEST(PassRunner, OpensTheSideThatIsAskedFor) {
    Runner talk;
    talk.connector.add(Error{ErrorCode::connection_refused, "connect"});
    auto source = talk.access();
    auto destination = talk.access();
    destination.account.host = "imap.new.example";
    auto const connections =
        talk.runner->connections(talk.context, std::move(source), std::move(destination), {});
    auto const endpoint = talk.run(connections->connect(Side::destination));
    ASSERT_TRUE(endpoint.has_error());
    EXPECT_EQ(endpoint.error().code, ErrorCode::connection_refused);
    EXPECT_EQ(endpoint.error().side, Side::destination);
    EXPECT_EQ(talk.connector.targets().front().host, "imap.new.example");
}

TEST(PassOptions, NameThePolicyOfLabels) {
    config::Config config;
    EXPECT_EQ(pass_options({}, config).labels, LabelPolicy::once);
    config.labels = LabelPolicy::every;
    EXPECT_EQ(pass_options({}, config).labels, LabelPolicy::every);
}

TEST(PassOptions, ShareTheMemoryOfAllJobs) {
    config::Config config;
    config.limits.memory_bytes = 64ULL << 20U;
    config.limits.max_jobs = 8;
    EXPECT_EQ(pass_options({}, config).buffer_bytes, 1024U * 1024U);
    config.limits.max_jobs = 64;
    EXPECT_EQ(pass_options({}, config).buffer_bytes, 256U * 1024U);
    config.limits.max_jobs = 100'000;
    EXPECT_EQ(pass_options({}, config).buffer_bytes, 64U * 1024U);
    EXPECT_EQ(pass_options({}, config).message_bytes_max, config.limits.message_bytes);
}

}  // namespace
}  // namespace imapcopy::jobs
