// Commands and replies on a logged-in connection: order, matching, bodies, literals, endings.

#include "daemon/imap/session.hpp"

#include "tests/daemon/imap/conversation.hpp"

namespace imapcopy {
namespace {

namespace command = imap::command;
using imap::Session;
using imap::Uid;
using imap::UidSet;
using test::folder;
using test::LoggedIn;
using test::Script;

/// Writes down what it is given: "7:5[hello]".
struct Notes final : imap::BodyHandler {
    std::string text;
    Task<> begin(Uid uid, std::uint64_t size_bytes) override {
        text += to_string(uid) + ":" + std::to_string(size_bytes) + "[";
        co_return;
    }
    Task<> data(std::string_view bytes) override {
        text += bytes;
        co_return;
    }
    Task<> end() override {
        text += "]";
        co_return;
    }
};

command::UidFetch bodies(Uid first, Uid last) {
    command::UidFetch fetch;
    fetch.uids = UidSet(first, last);
    fetch.body = true;
    return fetch;
}

TEST(Session, SendsManyCommandsBeforeTheFirstReply) {
    LoggedIn talk(test::logged_in("CONDSTORE")
                      .expect("$2 STATUS A (MESSAGES UIDNEXT UIDVALIDITY)\r\n")
                      .expect("$3 STATUS B (MESSAGES UIDNEXT UIDVALIDITY)\r\n")
                      .reply("* STATUS B (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 1)\r\n$3 OK done\r\n")
                      .reply("* STATUS A (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1)\r\n$2 OK done\r\n"));
    std::string said;
    auto const note = [&](std::string const& who) {
        return imap::Handlers{[&said, who](imap::response::Response const& response) {
            said +=
                who + std::to_string(std::get<imap::response::MailboxStatus>(response).messages.value_or(0));
        }};
    };
    auto const a = talk.session->start(command::Status{folder("A")}, note("A"));
    auto const b = talk.session->start(command::Status{folder("B")}, note("B"));
    EXPECT_TRUE(talk.run(a->reply()));
    EXPECT_TRUE(talk.run(b->reply()));
    EXPECT_EQ(said, "B2A1");
    EXPECT_TRUE(talk.peer.finished()) << talk.peer.position();
}

TEST(Session, StreamsBodiesAcrossEveryReadBoundary) {
    for (std::size_t const piece : {1U, 2U, 7U, 65536U}) {
        LoggedIn talk(
            test::logged_in("X")
                .expect("$2 UID FETCH 7:9 (UID BODY.PEEK[])\r\n")
                .reply("* 1 FETCH (UID 7 BODY[] {5}\r\nhello)\r\n* 2 FETCH (UID 8 BODY[] \"hi\")\r\n"
                       "* 3 FETCH (UID 12 BODY[] {2}\r\nno)\r\n$2 OK done\r\n"));
        talk.peer.set_piece_bytes(piece);
        Notes notes;
        auto const reply = talk.run(talk.session->run(bodies(Uid{7}, Uid{9}), {nullptr, &notes}));
        ASSERT_TRUE(reply) << to_string(reply.error());
        EXPECT_EQ(notes.text, "7:5[hello]8:2[hi]") << piece;
    }
}

TEST(Session, GivesBodiesOfLaterCommandsToTheirOwnReader) {
    LoggedIn talk(test::logged_in("X")
                      .expect("$2 UID FETCH 1 (UID BODY.PEEK[])\r\n$3 UID FETCH 2 (UID BODY.PEEK[])\r\n")
                      .reply("* 1 FETCH (UID 1 BODY[] {1}\r\na)\r\n$2 OK done\r\n"
                             "* 2 FETCH (UID 2 BODY[] {1}\r\nb)\r\n$3 OK done\r\n"));
    Notes notes;
    auto const first = talk.session->start(bodies(Uid{1}, Uid{1}), {nullptr, &notes});
    auto const second = talk.session->start(bodies(Uid{2}, Uid{2}), {nullptr, &notes});
    EXPECT_TRUE(talk.run(first->reply()));
    EXPECT_EQ(notes.text, "1:1[a]") << "the second body waits for its own reply()";
    EXPECT_TRUE(talk.run(second->reply()));
    EXPECT_EQ(notes.text, "1:1[a]2:1[b]");
}

TEST(Session, ThrowsAwayWhatNobodyWaitsForAnyMore) {
    LoggedIn talk(test::logged_in("X")
                      .expect("$2 UID FETCH 1 (UID BODY.PEEK[])\r\n")
                      .reply("* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n$2 OK done\r\n")
                      .expect("$3 NOOP\r\n")
                      .reply("$3 OK done\r\n"));
    Notes notes;
    {
        auto const dropped = talk.session->start(bodies(Uid{1}, Uid{1}), {nullptr, &notes});
        talk.clock.poll();
    }
    auto const reply = talk.run(talk.session->run(command::Noop{}));
    EXPECT_TRUE(reply) << to_string(reply.error());
    EXPECT_EQ(notes.text, "");
}

/// RFC 1951 §3.2.4: `bytes` as a block that is not compressed, which is as good as any other.
std::string stored_block(std::string const& bytes) {
    auto const size = static_cast<std::uint16_t>(bytes.size());
    auto const low = [](std::uint16_t number) { return static_cast<char>(number & 0xffU); };
    auto const high = [](std::uint16_t number) { return static_cast<char>(number >> 8U); };
    auto const complement = static_cast<std::uint16_t>(~size);
    return std::string(1, '\0') + low(size) + high(size) + low(complement) + high(complement) + bytes;
}

TEST(Session, ReadsCompressedAsSoonAsTheServerHasAgreed) {
    LoggedIn talk(test::logged_in("COMPRESS=DEFLATE")
                      .expect("$2 NOOP\r\n$3 COMPRESS DEFLATE\r\n")
                      .reply("$3 OK from here on\r\n")
                      .reply(stored_block("* BYE the cellar is flooded\r\n"))
                      .peer_close());
    auto const noop = talk.session->start(command::Noop{});
    auto const compression = talk.session->start(command::Compress{});
    auto const reply = talk.run(noop->reply());
    ASSERT_FALSE(reply);
    EXPECT_NE(to_string(reply.error()).find("the cellar is flooded"), std::string::npos)
        << to_string(reply.error());
}

TEST(Session, WritesNothingBehindCompressUntilTheServerHasAnswered) {
    LoggedIn talk(test::logged_in("COMPRESS=DEFLATE").expect("$2 COMPRESS DEFLATE\r\n"));
    auto const compression = talk.session->start(command::Compress{});
    auto const noop = talk.session->start(command::Noop{});
    talk.clock.poll();
    EXPECT_TRUE(talk.peer.finished()) << talk.peer.position();
}

TEST(Session, GoesOnInClearWhereTheServerRefusesToCompress) {
    LoggedIn talk(test::logged_in("COMPRESS=DEFLATE")
                      .expect("$2 COMPRESS DEFLATE\r\n")
                      .reply("$2 NO [COMPRESSIONACTIVE] TLS does it\r\n")
                      .expect("$3 NOOP\r\n")
                      .reply("$3 OK done\r\n"));
    auto const compression = talk.session->start(command::Compress{});
    auto const reply = talk.run(talk.session->run(command::Noop{}));
    ASSERT_TRUE(reply) << to_string(reply.error());
    EXPECT_TRUE(reply->ok());
}

TEST(Session, TakesNothingInClearForCompressed) {
    LoggedIn talk(test::logged_in("COMPRESS=DEFLATE")
                      .expect("$2 COMPRESS DEFLATE\r\n")
                      .reply("$2 OK done\r\n* 5 EXISTS\r\n"));
    auto const compression = talk.session->start(command::Compress{});
    auto const reply = talk.run(talk.session->run(command::Noop{}));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::server_bug) << to_string(reply.error());
}

TEST(Session, FailsEveryCommandUnderWayWhenItIsDestroyed) {
    LoggedIn talk(test::logged_in("X").expect("$2 NOOP\r\n"));
    auto const ticket = talk.session->start(command::Noop{});
    talk.clock.poll();
    talk.session.reset();
    auto const reply = talk.run(ticket->reply());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::cancelled);
    EXPECT_TRUE(talk.peer.aborted());
}

TEST(Session, EndsAConnectionOnGarbage) {
    for (auto const* const garbage :
         {"$2\r\n", "x9 OK not ours\r\n", "+ go on\r\n", "* LIST (((\r\n", "\0\r\n"}) {
        LoggedIn talk(test::logged_in("X")
                          .expect("$2 NOOP\r\n")
                          .reply(garbage == nullptr ? "" : garbage)
                          .reply("\r\n"));
        auto const reply = talk.run(talk.session->run(command::Noop{}));
        ASSERT_FALSE(reply) << garbage;
        EXPECT_EQ(reply.error().code, ErrorCode::server_bug) << to_string(reply.error());
        EXPECT_EQ(reply.error().side, Side::source);
    }
}

TEST(Session, TellsTheServersFarewell) {
    LoggedIn talk(
        test::logged_in("X").expect("$2 NOOP\r\n").reply("* BYE [UNAVAILABLE] going down\r\n").peer_close());
    auto const reply = talk.run(talk.session->run(command::Noop{}));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
    EXPECT_EQ(reply.error().server_text, "[UNAVAILABLE] going down");
}

TEST(Session, TimesOutOnSilence) {
    LoggedIn talk(test::logged_in("X").expect("$2 NOOP\r\n"));
    auto const begin = talk.clock.now();
    auto const reply = talk.run(talk.session->run(command::Noop{}));
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::timed_out);
    EXPECT_EQ(talk.clock.now() - begin, imap::SessionTimeouts{}.idle);
}

TEST(Session, LogsOutInOrder) {
    LoggedIn talk(test::logged_in("X").expect("$2 LOGOUT\r\n").reply("* BYE bye\r\n$2 OK done\r\n"));
    EXPECT_TRUE(talk.run(talk.session->close()));
    EXPECT_TRUE(talk.peer.closed());
    EXPECT_TRUE(talk.peer.finished()) << talk.peer.position();
    EXPECT_FALSE(talk.run(talk.session->run(command::Noop{})));
}

TEST(Session, LeavesInOrderAlthoughNobodyWaits) {
    LoggedIn talk(test::logged_in("X").expect("$2 LOGOUT\r\n").reply("* BYE\r\n$2 OK done\r\n"));
    talk.session->leave();
    talk.session.reset();
    talk.clock.poll();
    EXPECT_TRUE(talk.peer.finished()) << talk.peer.position();
    EXPECT_TRUE(talk.peer.closed());
    EXPECT_TRUE(talk.peer.aborted()) << "the descriptor is free again";
}

TEST(Session, LeavesAServerThatSaysNoFarewell) {
    LoggedIn talk(test::logged_in("X").expect("$2 LOGOUT\r\n"));
    talk.session->leave();
    talk.session.reset();
    talk.clock.poll();
    EXPECT_FALSE(talk.peer.aborted());
    talk.clock.advance(imap::SessionTimeouts{}.logout);
    talk.clock.poll();
    EXPECT_TRUE(talk.peer.aborted());
}

TEST(Session, DoesNotWaitForeverForAFarewell) {
    LoggedIn talk(test::logged_in("X").expect("$2 LOGOUT\r\n").stall());
    auto const begin = talk.clock.now();
    EXPECT_TRUE(talk.run(talk.session->close()));
    EXPECT_LE(talk.clock.now() - begin, imap::SessionTimeouts{}.logout);
}

}  // namespace
}  // namespace imapcopy
