// What a session cannot show: whose turn it is to write, what becomes of commands that nobody wants, and what
// was waited for.

#include "daemon/imap/connection.hpp"

#include "tests/daemon/imap/conversation.hpp"

namespace imapcopy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Conversation;
using test::LoggedIn;
using test::Script;

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

TEST(Connection, RefusesAnOkInPlaceOfAContinuation) {
    Conversation talk;
    talk.connector.add(Script{}
                           .reply("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
                           .expect("$1 AUTHENTICATE PLAIN\r\n")
                           .reply("$1 OK come in\r\n"));
    auto const session = talk.open();
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, ErrorCode::server_bug) << to_string(session.error());
}

TEST(Connection, WaitsNoLongerForAServerThatChattersBeforeTls) {
    Conversation talk;
    auto script = Script{}.reply("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n").expect("$1 STARTTLS\r\n");
    for (int i = 0; i < 100; ++i) script.pause(seconds(1)).reply("* OK not yet\r\n");
    talk.connector.add(script.reply("$1 OK go\r\n").start_tls());
    auto const began = talk.clock.now();
    auto const session = talk.open(TlsMode::starttls);
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, ErrorCode::timed_out) << to_string(session.error());
    EXPECT_EQ(talk.clock.now() - began, imap::SessionTimeouts{}.greeting);
}

/// A server that needs 200 ms for the login.
Script slow_login() {
    return Script{}
        .reply("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n")
        .expect("$1 AUTHENTICATE PLAIN $*\r\n")
        .pause(milliseconds(200))
        .reply("$1 OK [CAPABILITY IMAP4rev1 LITERAL+] done\r\n");
}

TEST(Connection, TellsItsShortestRoundTrip) {
    LoggedIn talk(slow_login()
                      .expect("$2 NOOP\r\n")
                      .pause(milliseconds(40))
                      .reply("$2 OK done\r\n")
                      .expect("$3 NOOP\r\n")
                      .pause(milliseconds(90))
                      .reply("$3 OK done\r\n"));
    EXPECT_EQ(talk.session->round_trip(), milliseconds(200));
    EXPECT_TRUE(talk.run(talk.session->run(imap::command::Noop{})));
    EXPECT_EQ(talk.session->round_trip(), milliseconds(40));
    EXPECT_TRUE(talk.run(talk.session->run(imap::command::Noop{})));
    EXPECT_EQ(talk.session->round_trip(), milliseconds(40));
}

TEST(Connection, WaitsForItsLineOnlyInsideOfAnAnswer) {
    LoggedIn talk(test::logged_in("X")
                      .expect("$2 NOOP\r\n")
                      .pause(seconds(2))
                      .reply("* OK still")
                      .pause(seconds(3))
                      .reply(" here\r\n")
                      .pause(seconds(5))
                      .reply("$2 OK done\r\n"));
    EXPECT_TRUE(talk.run(talk.session->run(imap::command::Noop{})));
    EXPECT_EQ(talk.session->line_wait(), seconds(3));
}

/// Takes ten seconds for each body.
class SlowReader final : public imap::BodyHandler {
 public:
    explicit SlowReader(Clock& clock) : clock_(clock) {}
    Task<> begin(imap::Uid, std::uint64_t) override { co_return; }
    Task<> data(std::string_view) override { co_await clock_.sleep_for(seconds(10)); }
    Task<> end() override { co_return; }

 private:
    Clock& clock_;
};

TEST(Connection, DoesNotBlameTheLineForAReaderThatTakesItsTime) {
    std::string const body(100, 'x');
    LoggedIn talk(test::logged_in("X")
                      .expect("$2 UID FETCH 1 (UID BODY.PEEK[])\r\n")
                      .reply("* 1 FETCH (UID 1 BODY[] {100}\r\n" + body.substr(0, 40))
                      .pause(seconds(3))
                      .reply(body.substr(40) + ")\r\n$2 OK done\r\n"));
    SlowReader reader(talk.clock);
    imap::command::UidFetch fetch;
    fetch.uids = imap::UidSet(imap::Uid(1), imap::Uid(1));
    fetch.body = true;
    imap::Handlers handlers;
    handlers.body = &reader;
    EXPECT_TRUE(talk.run(talk.session->run(std::move(fetch), std::move(handlers))));
    EXPECT_EQ(talk.session->line_wait(), seconds(3));
}

/// Takes a minute for each body. Writes down what it is given, "7[hello]", and every response as ".".
class HeldReader final : public imap::BodyHandler {
 public:
    explicit HeldReader(Clock& clock) : clock_(clock) {}
    Task<> begin(imap::Uid uid, std::uint64_t) override {
        co_await clock_.sleep_for(seconds(60));
        text += to_string(uid) + "[";
    }
    Task<> data(std::string_view bytes) override {
        text += bytes;
        co_return;
    }
    Task<> end() override {
        text += "]";
        co_return;
    }
    imap::Handlers handlers() {
        return {[this](imap::response::Response const&) { text += "."; }, this};
    }

    std::string text;

 private:
    Clock& clock_;
};

imap::command::UidFetch first_three() {
    imap::command::UidFetch fetch;
    fetch.uids = imap::UidSet(imap::Uid(1), imap::Uid(3));
    fetch.body = true;
    return fetch;
}

Script answers_at_once(std::string const& bytes) {
    return test::logged_in("X").expect("$2 UID FETCH 1:3 (UID BODY.PEEK[])\r\n").reply(bytes);
}

TEST(Connection, HandsOverSmallBodiesWithTheResponsesThatProveThem) {
    std::string const large(70'000, 'x');
    LoggedIn talk(answers_at_once("* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n"
                                  "* 2 FETCH (BODY[] {1}\r\nb UID 2)\r\n"
                                  "* 3 FETCH (UID 3 BODY[] {70000}\r\n" +
                                  large + ")\r\n$2 OK done\r\n"));
    HeldReader reader(talk.clock);
    EXPECT_TRUE(talk.run(talk.session->run(first_three(), reader.handlers())));
    EXPECT_EQ(reader.text, ".1[a]0[b].3[" + large + "].");
}

TEST(Connection, HandsOverTheSameBodiesHoweverTheReadsFall) {
    std::string const answer =
        "* 1 FETCH (UID 1 BODY[] {2}\r\naa)\r\n* 2 FETCH (UID 2 BODY[] {0}\r\n)\r\n"
        "* 3 FETCH (UID 3 BODY[] {5}\r\nccccc)\r\n$2 OK done\r\n";
    for (std::size_t piece = 1; piece <= answer.size(); ++piece) {
        LoggedIn talk(answers_at_once(answer));
        talk.peer.set_piece_bytes(piece);
        HeldReader reader(talk.clock);
        EXPECT_TRUE(talk.run(talk.session->run(first_three(), reader.handlers())));
        std::erase(reader.text, '.');
        EXPECT_EQ(reader.text, "1[aa]2[]3[ccccc]") << "pieces of " << piece;
    }
}

TEST(Connection, GivesBodiesThatCameTogetherToTheirOwnReaders) {
    LoggedIn talk(test::logged_in("X")
                      .expect("$2 UID FETCH 1 (UID BODY.PEEK[])\r\n$3 UID FETCH 2 (UID BODY.PEEK[])\r\n")
                      .reply("* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n"
                             "$2 OK done\r\n$3 OK done\r\n"));
    HeldReader first(talk.clock);
    HeldReader second(talk.clock);
    auto fetch = first_three();
    fetch.uids = imap::UidSet(imap::Uid(1), imap::Uid(1));
    auto const one = talk.session->start(fetch, first.handlers());
    fetch.uids = imap::UidSet(imap::Uid(2), imap::Uid(2));
    auto const other = talk.session->start(fetch, second.handlers());
    std::optional<Result<imap::Reply>> ended;
    boost::asio::co_spawn(talk.io, test::Conversation::keep(one->reply(), &ended), boost::asio::detached);
    EXPECT_TRUE(talk.run(other->reply()));
    EXPECT_TRUE(ended && *ended);
    EXPECT_EQ(first.text, ".1[a]");
    EXPECT_EQ(second.text, ".2[b]");
}

TEST(Connection, LeavesBodiesAsTheyAreWhileSomebodyReadsThem) {
    std::optional<Result<imap::Reply>> ended;
    LoggedIn talk(answers_at_once("* 1 FETCH (UID 1 BODY[] {2}\r\naa)\r\n"
                                  "* 2 FETCH (UID 2 BODY[] {2}\r\nbb)\r\n"
                                  "* 3 FETCH (UID 3 BODY[] {9}\r\nccc"));
    HeldReader reader(talk.clock);
    auto const ticket = talk.session->start(first_three(), reader.handlers());
    boost::asio::co_spawn(talk.io, test::Conversation::keep(ticket->reply(), &ended), boost::asio::detached);
    talk.clock.poll();
    talk.session.reset();  // Fails the connection.
    talk.clock.poll();
    while (!ended && talk.clock.advance_to_next()) talk.clock.poll();
    ASSERT_TRUE(ended);
    EXPECT_FALSE(*ended);
    EXPECT_EQ(reader.text, "..1[aa]2[bb]");
}

TEST(Connection, HandsOverWhatCameBeforeTheFarewellAtAnyPace) {
    LoggedIn talk(answers_at_once("* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n"
                                  "* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n"
                                  "* BYE over\r\n"));
    HeldReader reader(talk.clock);
    auto const reply = talk.run(talk.session->run(first_three(), reader.handlers()));
    EXPECT_FALSE(reply);
    EXPECT_EQ(reader.text, "..1[a]2[b]");
}

TEST(Connection, HandsOverWhatCameBeforeGarbage) {
    LoggedIn talk(answers_at_once("* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n* 2 FETCH (UID 0)\r\n"));
    HeldReader reader(talk.clock);
    auto const reply = talk.run(talk.session->run(first_three(), reader.handlers()));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::server_bug);
    EXPECT_EQ(reader.text, ".1[a]");
}

TEST(Connection, WaitsForItsLineWhereBytesDoNotLeave) {
    LoggedIn talk(test::logged_in("X").stall());
    auto const noop = talk.session->start(imap::command::Noop{});
    talk.clock.poll();
    talk.clock.advance(seconds(7));
    EXPECT_EQ(talk.session->line_wait(), seconds(7)) << "the wait under way counts";
}

TEST(Connection, DoesNotBlameTheLineForAServerThatDoesNotRead) {
    LoggedIn talk(test::logged_in("X").pause(seconds(5)).expect("$2 NOOP\r\n").reply("$2 OK done\r\n"));
    auto const noop = talk.session->start(imap::command::Noop{});
    talk.clock.poll();
    talk.clock.advance(seconds(2));
    talk.peer.set_refused(seconds(2));
    EXPECT_TRUE(talk.run(noop->reply()));
    EXPECT_EQ(talk.session->line_wait(), seconds(3));
}

}  // namespace
}  // namespace imapcopy
