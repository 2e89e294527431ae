// APPEND: when literals wait, what is held back, and what a refusal leaves behind.

#include <algorithm>

#include "tests/daemon/imap/conversation.hpp"

namespace imapcopy {
namespace {

namespace command = imap::command;
using imap::Session;
using test::Conversation;
using test::folder;
using test::LoggedIn;
using test::Script;

imap::command::AppendMessage message(std::uint64_t size_bytes) {
    imap::command::AppendMessage message;
    message.flags.add(imap::SystemFlag::seen);
    message.size_bytes = size_bytes;
    return message;
}

Task<imap::Reply> append(Session& session, std::vector<std::string> messages) {
    auto const append = co_await session.append(folder("Archive"));
    for (auto const& body : messages) {
        auto const go_on = co_await append->message(message(body.size()));
        if (!go_on) break;
        co_await append->write(body);
    }
    co_await append->commit();
    co_return co_await append->reply();
}

TEST(SessionAppend, AsksNoPermissionWithLiteralPlus) {
    LoggedIn talk(test::logged_in("LITERAL+ MULTIAPPEND")
                      .expect("$2 APPEND Archive (\\Seen) {2+}\r\nhi (\\Seen) {3+}\r\nyou\r\n")
                      .reply("$2 OK [APPENDUID 1 5:6] done\r\n"));
    auto const reply = talk.run(append(*talk.session, {"hi", "you"}));
    ASSERT_TRUE(reply) << to_string(reply.error()) << talk.peer.position();
    EXPECT_EQ(reply->code.name, "APPENDUID");
}

TEST(SessionAppend, WaitsForPermissionWithoutIt) {
    LoggedIn talk(test::logged_in("X")
                      .expect("$2 APPEND Archive (\\Seen) {2}\r\n")
                      .reply("+ go\r\n")
                      .expect("hi\r\n")
                      .reply("$2 OK done\r\n"));
    auto const reply = talk.run(append(*talk.session, {"hi"}));
    ASSERT_TRUE(reply) << to_string(reply.error()) << talk.peer.position();
    EXPECT_TRUE(reply->ok());
}

TEST(SessionAppend, UploadsNothingThatWasRefused) {
    LoggedIn talk(test::logged_in("X")
                      .expect("$2 APPEND Archive (\\Seen) {2}\r\n")
                      .reply("$2 NO [TRYCREATE] no such folder\r\n")
                      .expect("$3 NOOP\r\n")
                      .reply("$3 OK done\r\n"));
    auto const reply = talk.run(append(*talk.session, {"hi"}));
    ASSERT_TRUE(reply) << to_string(reply.error()) << talk.peer.position();
    EXPECT_EQ(reply->code.name, "TRYCREATE");
    EXPECT_TRUE(talk.run(talk.session->run(command::Noop{}))) << "the connection goes on";
}

TEST(SessionAppend, HoldsTheLastByteBack) {
    LoggedIn talk(test::logged_in("LITERAL+")
                      .expect("$2 APPEND Archive (\\Seen) {100000+}\r\n" + std::string(99999, '#')));
    auto const upload = [](Session& session) -> Task<> {
        auto const append = co_await session.append(folder("Archive"));
        (void)co_await append->message(message(100000));
        co_await append->write(std::string(100000, '#'));
    };
    auto const result = talk.run(upload(*talk.session));
    EXPECT_TRUE(result) << to_string(result.error());
    EXPECT_TRUE(talk.peer.finished()) << talk.peer.position().substr(0, 200);
    EXPECT_TRUE(talk.peer.aborted()) << "an append that is dropped ends the connection";
}

TEST(SessionAppend, LetsTheNextOneStartBeforeTheReply) {
    LoggedIn talk(
        test::logged_in("LITERAL+")
            .expect("$2 APPEND Archive (\\Seen) {2+}\r\nhi\r\n$3 APPEND Archive (\\Seen) {2+}\r\nho\r\n")
            .reply("$2 OK done\r\n$3 NO [OVERQUOTA] full\r\n"));
    auto const both = [](Session& session) -> Task<std::string> {
        auto const first = co_await session.append(folder("Archive"));
        (void)co_await first->message(message(2));
        co_await first->write("hi");
        co_await first->commit();
        auto const second = co_await session.append(folder("Archive"));
        (void)co_await second->message(message(2));
        co_await second->write("ho");
        co_await second->commit();
        auto const one = co_await first->reply();
        auto const two = co_await second->reply();
        co_return std::string(one.ok() ? "ok " : "no ") + two.code.name;
    };
    auto const result = talk.run(both(*talk.session));
    ASSERT_TRUE(result) << to_string(result.error()) << talk.peer.position();
    EXPECT_EQ(*result, "ok OVERQUOTA");
}

TEST(SessionAppend, EndsAtEveryStep) {
    auto const script = test::logged_in("X")
                            .expect("$2 APPEND Archive (\\Seen) {2}\r\n")
                            .reply("+ go\r\n")
                            .expect("hi\r\n")
                            .reply("$2 OK done\r\n");
    auto const run = [](Script const& broken) {
        Conversation talk;
        talk.connector.add(broken);
        auto session = talk.open();
        if (!session) return;
        auto const reply = talk.run(append(**session, {"hi"}));
        ASSERT_FALSE(reply);
        auto const code = reply.error().code;
        EXPECT_TRUE(code == ErrorCode::connection_lost || code == ErrorCode::timed_out)
            << to_string(reply.error());
    };
    test::fail_every_step(script, run);
}

}  // namespace
}  // namespace imapcopy
