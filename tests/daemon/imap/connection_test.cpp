// What a session cannot show: whose turn it is to write, and what becomes of commands that nobody wants.

#include "daemon/imap/connection.hpp"

#include "tests/daemon/imap/conversation.hpp"

namespace imapcopy {
namespace {

using test::LoggedIn;

TEST(Connection, NeverSendsWhatWasDroppedInTheQueue) {
    LoggedIn talk(test::logged_in("X")
                      .expect("$2 NOOP\r\n")
                      .reply("$2 OK done\r\n")
                      .expect("$3 NOOP\r\n")
                      .reply("$3 OK done\r\n"));
    auto const noop = talk.session->start(imap::command::Noop{});
    // Not sent yet: the loop has had no turn.
    (void)talk.session->start(imap::command::Logout{});
    EXPECT_TRUE(talk.run(noop->reply()));
    auto const last = talk.session->start(imap::command::Noop{});
    (void)last;
    talk.clock.poll();
    EXPECT_EQ(talk.peer.written().find("LOGOUT"), std::string::npos);
}

TEST(Connection, MakesCommandsWaitForAnAppendThatIsBeingWritten) {
    LoggedIn talk(test::logged_in("LITERAL+")
                      .expect("$2 APPEND Work {2+}\r\nhi\r\n$3 NOOP\r\n")
                      .reply("$3 OK done\r\n$2 OK done\r\n"));
    auto appending = talk.run(talk.session->append(test::folder("Work")));
    ASSERT_TRUE(appending);
    auto const append = std::move(*appending);
    auto const noop = talk.session->start(imap::command::Noop{});
    talk.clock.poll();
    imap::command::AppendMessage message;
    message.size_bytes = 2;
    EXPECT_TRUE(talk.run(append->message(message)));
    EXPECT_TRUE(talk.run(append->write("hi")));
    EXPECT_TRUE(talk.run(append->commit()));
    EXPECT_TRUE(talk.run(noop->reply()));
    EXPECT_TRUE(talk.run(append->reply()));
    EXPECT_TRUE(talk.peer.finished()) << talk.peer.position();
}

TEST(Connection, RefusesAnOkBeforeTheCommandIsWhole) {
    LoggedIn talk(test::logged_in("X").expect("$2 APPEND Work {2}\r\n").reply("$2 OK done already\r\n"));
    auto appending = talk.run(talk.session->append(test::folder("Work")));
    ASSERT_TRUE(appending);
    imap::command::AppendMessage message;
    message.size_bytes = 2;
    auto const result = talk.run((*appending)->message(message));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::server_bug);
}

}  // namespace
}  // namespace imapcopy
