// The endpoint's words on the wire, and what it makes of the answers.

#include "daemon/copy/imap_endpoint.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

#include "common/outcome.hpp"
#include "common/task_group.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/memory_imap_server.hpp"
#include "tests/support/run_task.hpp"
#include "tests/support/scripted_stream.hpp"

namespace imapcopy::copy {
namespace {

using test::Script;

MailboxName folder(std::string_view name) {
    return MailboxName::from_utf8(name).value();
}

Script logged_in(std::string const& capabilities) {
    return Script{}
        .reply("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n")
        .expect("$1 AUTHENTICATE PLAIN $*\r\n")
        .reply("$1 OK [CAPABILITY IMAP4rev1 " + capabilities + "] done\r\n");
}

/// What comes after EXAMINE of a folder with UIDVALIDITY 1.
std::string examined(std::string const& tag, std::string const& uid_validity = "1") {
    return "* 3 EXISTS\r\n* OK [UIDVALIDITY " + uid_validity +
           "] ok\r\n* OK [UIDNEXT 10] ok\r\n* OK [PERMANENTFLAGS ()] none\r\n" + tag +
           " OK [READ-ONLY] done\r\n";
}

struct Account {
    boost::asio::io_context io;
    test::ManualClock clock{io};
    SeededRandom random{3};
    NullLog log;
    StopSignal stop;
    test::ScriptedConnector connector{io, clock};
    test::ScriptedPeer& peer;
    std::unique_ptr<Endpoint> endpoint;

    explicit Account(Script script, Side side = Side::source, ImapOptions const& options = {})
        : peer(connector.add(std::move(script))) {
        imap::Credentials credentials;
        credentials.login = "anna";
        credentials.secret = Secret("secret");
        net::Target const target{"imap.example.org", 993, TlsMode::implicit, ""};
        auto opened = run(open_imap_endpoint(Context{clock, random, log, stop}, connector, target,
                                             std::move(credentials), side, options));
        if (opened) endpoint = std::move(*opened);
        EXPECT_TRUE(endpoint) << peer.position();
    }
    ~Account() {
        endpoint.reset();
        clock.poll();
    }

    template <class T>
    static Task<> keep(Task<T> task, std::optional<Result<T>>* into) {
        auto result = co_await as_result(std::move(task));
        into->emplace(std::move(result));
    }
    /// Begins it, and runs what is ready.
    template <class T>
    void start(Task<T> task, std::optional<Result<T>>& result) {
        boost::asio::co_spawn(io, keep(std::move(task), &result), boost::asio::detached);
        clock.poll();
    }
    template <class T>
    Result<T> run(Task<T> task) {
        std::optional<Result<T>> result;
        boost::asio::co_spawn(io, keep(std::move(task), &result), boost::asio::detached);
        for (int i = 0; i < 1000 && !result; ++i) {
            clock.poll();
            if (!result && !clock.advance_to_next()) break;
        }
        if (!result) return Error{ErrorCode::internal, "the task hangs"};
        return std::move(*result);
    }
};

/// Writes down bodies: "7[hello] 8? ".
struct Bodies final : BodySink {
    std::string text;
    Task<> begin(Uid uid, std::uint64_t) override {
        text += to_string(uid) + "[";
        co_return;
    }
    Task<> data(std::string_view bytes) override {
        text += bytes;
        co_return;
    }
    Task<> end() override {
        text += "] ";
        co_return;
    }
    Task<> missing(Uid uid) override {
        text += to_string(uid) + "? ";
        co_return;
    }
};

std::vector<Uid> uids(std::vector<std::uint32_t> const& numbers) {
    std::vector<Uid> list;
    for (auto const number : numbers) list.emplace_back(number);
    return list;
}

TEST(ImapEndpoint, TellsItsTraits) {
    Account account(
        logged_in("UIDPLUS MULTIAPPEND LITERAL+ CONDSTORE LIST-EXTENDED LIST-STATUS APPENDLIMIT=35651584"));
    auto const traits = account.endpoint->traits();
    EXPECT_TRUE(traits.uid_plus && traits.multi_append && traits.fast_literals && traits.condstore &&
                traits.list_status);
    EXPECT_FALSE(traits.create_special_use);
    EXPECT_EQ(traits.append_limit_bytes, 35651584U);
}

TEST(ImapEndpoint, ListsEverythingInOneRoundTrip) {
    Account account(
        logged_in("NAMESPACE LIST-EXTENDED LIST-STATUS SPECIAL-USE CONDSTORE")
            .expect("$2 NAMESPACE\r\n$3 LIST $*\r\n")
            .reply("* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"\" \".\"))\r\n$2 OK done\r\n"
                   "* LIST (\\Subscribed) \".\" INBOX\r\n"
                   "* STATUS INBOX (MESSAGES 3 UIDNEXT 10 UIDVALIDITY 1 HIGHESTMODSEQ 5)\r\n"
                   "* LIST (\\Sent) \".\" INBOX.Envoy&AOk-s\r\n"
                   "* LIST (\\Noselect) \".\" user\r\n* LIST () \".\" user.bob\r\n* LIST () \".\" news\r\n"
                   "$3 OK done\r\n"));
    auto const view = account.run(account.endpoint->list());
    ASSERT_TRUE(view) << to_string(view.error()) << account.peer.position();
    EXPECT_EQ(view->personal_prefix, "INBOX.");
    EXPECT_EQ(view->separator, '.');
    ASSERT_EQ(view->mailboxes.size(), 2U);
    auto const& inbox = view->mailboxes[0];
    EXPECT_EQ(inbox.role, Role::inbox);
    EXPECT_TRUE(inbox.subscribed);
    EXPECT_EQ(inbox.status, (MailboxStatus{UidValidity{1}, Uid{10}, 3, ModSeq{5}}));
    auto const& sent = view->mailboxes[1];
    EXPECT_EQ(sent.name.utf8, "INBOX.Envoyés");
    EXPECT_EQ(sent.role, Role::sent);
    EXPECT_FALSE(sent.subscribed);
}

TEST(ImapEndpoint, ListsFromAServerWithoutExtensions) {
    Account account(
        logged_in("X")
            .expect("$2 LIST \"\" \"*\"\r\n$3 LSUB \"\" \"*\"\r\n")
            .reply("* LIST () \"/\" inbox\r\n* LIST () \"/\" Work\r\n$2 OK done\r\n"
                   "* LSUB () \"/\" Work\r\n$3 OK done\r\n")
            .expect("$4 STATUS INBOX $*\r\n$5 STATUS Work $*\r\n")
            .reply("* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)\r\n$4 OK done\r\n$5 NO gone\r\n"));
    auto const view = account.run(account.endpoint->list());
    ASSERT_TRUE(view) << to_string(view.error()) << account.peer.position();
    ASSERT_EQ(view->mailboxes.size(), 2U);
    EXPECT_FALSE(view->mailboxes[0].subscribed);
    EXPECT_TRUE(view->mailboxes[1].subscribed);
    auto const status = account.run(account.endpoint->status({folder("INBOX"), folder("Work")}));
    ASSERT_TRUE(status) << to_string(status.error()) << account.peer.position();
    EXPECT_EQ((*status)[0], (MailboxStatus{UidValidity{3}, Uid{2}, 1, ModSeq{}}));
    EXPECT_EQ((*status)[1], std::nullopt);
}

TEST(ImapEndpoint, ListsMessagesThatComeInPieces) {
    Account account(
        logged_in("X")
            .expect("$2 EXAMINE INBOX\r\n")
            .reply(examined("$2"))
            .expect("$3 UID FETCH 1:9 (UID FLAGS INTERNALDATE RFC822.SIZE)\r\n")
            .reply("* 1 FETCH (UID 2 FLAGS (\\Seen))\r\n"
                   "* 7 FETCH (FLAGS ())\r\n"
                   "* 1 FETCH (UID 2 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 44)\r\n"
                   "* 9 FETCH (UID 12 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 1)\r\n"
                   "* 1 FETCH (UID 2 FLAGS (\\Deleted))\r\n"
                   "* 3 FETCH (UID 5 FLAGS ())\r\n"
                   "$3 OK done\r\n"));
    std::vector<MessageMeta> metas;
    auto const sink = [&](MessageMeta meta) { metas.push_back(std::move(meta)); };
    auto const result = account.run(
        account.endpoint->list_messages(folder("INBOX"), UidRange{Uid{1}, Uid{9}}, Listing::metadata, sink));
    ASSERT_TRUE(result) << to_string(result.error()) << account.peer.position();
    ASSERT_EQ(metas.size(), 1U);
    EXPECT_EQ(metas[0].uid, Uid{2});
    EXPECT_EQ(metas[0].size_bytes, 44U);
    EXPECT_TRUE(metas[0].flags.has(imap::SystemFlag::seen));
}

/// As Gmail answers: its own labels quoted, and the backslash doubled.
TEST(ImapEndpoint, AsksASourceForLabelsAndADestinationNot) {
    UidRange const range{Uid{1}, Uid{9}};
    std::vector<std::string> labels;
    auto const sink = [&labels](MessageMeta const& meta) { labels = meta.labels; };
    std::string const items = "UID FLAGS INTERNALDATE RFC822.SIZE";
    std::string const answer =
        "* 1 FETCH (X-GM-LABELS (\"\\\\Inbox\" Work) UID 2 RFC822.SIZE 44 INTERNALDATE "
        "\"17-Jul-1996 02:44:25 -0700\" FLAGS ())\r\n";
    Account source(logged_in("X-GM-EXT-1")
                       .expect("$2 EXAMINE INBOX\r\n$3 UID FETCH 1:9 (" + items + " X-GM-LABELS)\r\n")
                       .reply(examined("$2") + answer + "$3 OK done\r\n")
                       .expect("$4 UID FETCH 1:9 (UID FLAGS)\r\n")
                       .reply("$4 OK done\r\n"));
    EXPECT_TRUE(source.run(source.endpoint->list_messages(folder("INBOX"), range, Listing::metadata, sink)));
    EXPECT_EQ(labels, (std::vector<std::string>{"\\Inbox", "Work"}));
    EXPECT_TRUE(source.run(source.endpoint->list_messages(folder("INBOX"), range, Listing::flags, sink)));
    EXPECT_TRUE(source.peer.finished()) << source.peer.position();
    Account destination(logged_in("X-GM-EXT-1")
                            .expect("$2 SELECT INBOX\r\n$3 UID FETCH 1:9 (" + items + ")\r\n")
                            .reply(examined("$2") + "$3 OK done\r\n"),
                        Side::destination);
    EXPECT_TRUE(destination.run(
        destination.endpoint->list_messages(folder("INBOX"), range, Listing::metadata, sink)));
    EXPECT_TRUE(destination.peer.finished()) << destination.peer.position();
}

TEST(ImapEndpoint, FetchesBehindExamineWithoutARoundTrip) {
    Account account(logged_in("X")
                        .expect("$2 EXAMINE INBOX\r\n$3 UID FETCH 2,4:5 (UID BODY.PEEK[])\r\n")
                        .reply(examined("$2"))
                        .reply("* 1 FETCH (UID 2 BODY[] {2}\r\nhi)\r\n* 3 FETCH (UID 5 BODY[] {3}\r\nyou)\r\n"
                               "$3 OK done\r\n"));
    Bodies bodies;
    auto const result = account.run(account.endpoint->fetch_bodies(folder("INBOX"), uids({2, 4, 5}), bodies));
    ASSERT_TRUE(result) << to_string(result.error()) << account.peer.position();
    EXPECT_EQ(bodies.text, "2[hi] 5[you] 4? ");
}

TEST(ImapEndpoint, PassesNoBodyOnFromAFolderThatIsAnother) {
    Account account(
        logged_in("X")
            .expect("$2 EXAMINE INBOX\r\n")
            .reply(examined("$2"))
            .expect("$3 EXAMINE Work\r\n")
            .reply(examined("$3"))
            .expect("$4 EXAMINE INBOX\r\n$5 UID FETCH 2 (UID BODY.PEEK[])\r\n")
            .reply(examined("$4", "77") + "* 1 FETCH (UID 2 BODY[] {2}\r\nhi)\r\n$5 OK done\r\n"));
    EXPECT_TRUE(account.run(account.endpoint->open(folder("INBOX"), Access::read_only)));
    EXPECT_TRUE(account.run(account.endpoint->open(folder("Work"), Access::read_only)));
    Bodies bodies;
    auto const result = account.run(account.endpoint->fetch_bodies(folder("INBOX"), uids({2}), bodies));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::uid_validity_changed);
    EXPECT_EQ(bodies.text, "");
}

TEST(ImapEndpoint, TellsThatAFolderVanished) {
    Account account(logged_in("X")
                        .expect("$2 EXAMINE Work\r\n$3 UID FETCH 2 $*\r\n")
                        .reply("$2 NO [NONEXISTENT] no such mailbox\r\n$3 BAD no mailbox selected\r\n"));
    Bodies bodies;
    auto const result = account.run(account.endpoint->fetch_bodies(folder("Work"), uids({2}), bodies));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::folder_vanished);
    EXPECT_EQ(bodies.text, "");
}

TEST(ImapEndpoint, AsksOneByOneWhereTheUidComesAfterTheBody) {
    Account account(
        logged_in("X")
            .expect("$2 EXAMINE INBOX\r\n$3 UID FETCH 2:3 (UID BODY.PEEK[])\r\n")
            .reply(examined("$2"))
            .reply("* 1 FETCH (BODY[] {1}\r\na UID 2)\r\n* 2 FETCH (BODY[] {1}\r\nb UID 3)\r\n$3 OK done\r\n")
            .expect("$4 UID FETCH 2 (UID BODY.PEEK[])\r\n$5 UID FETCH 3 (UID BODY.PEEK[])\r\n")
            .reply("* 1 FETCH (BODY[] {1}\r\na UID 2)\r\n$4 OK done\r\n"
                   "* 2 FETCH (BODY[] {1}\r\nb UID 3)\r\n$5 OK done\r\n")
            .expect("$6 UID FETCH 4 (UID BODY.PEEK[])\r\n$7 UID FETCH 5 (UID BODY.PEEK[])\r\n")
            .reply("* 3 FETCH (BODY[] {1}\r\nc UID 4)\r\n$6 OK done\r\n$7 OK done\r\n"));
    Bodies bodies;
    auto const first = account.run(account.endpoint->fetch_bodies(folder("INBOX"), uids({2, 3}), bodies));
    ASSERT_TRUE(first) << to_string(first.error()) << account.peer.position();
    auto const second = account.run(account.endpoint->fetch_bodies(folder("INBOX"), uids({4, 5}), bodies));
    ASSERT_TRUE(second) << to_string(second.error()) << account.peer.position();
    EXPECT_EQ(bodies.text, "2[a] 3[b] 4[c] 5? ");
}

TEST(ImapEndpoint, TellsAnEmptyMessageFromAnUnreadableOne) {
    Account account(logged_in("X")
                        .expect("$2 EXAMINE INBOX\r\n$3 UID FETCH 2:4 (UID BODY.PEEK[])\r\n")
                        .reply(examined("$2"))
                        .reply("* 1 FETCH (UID 2 BODY[] {0}\r\n)\r\n* 2 FETCH (UID 3 BODY[] NIL)\r\n"
                               "* 3 FETCH (UID 4 BODY[] \"\")\r\n$3 OK done\r\n")
                        .expect("$4 UID FETCH 2 (UID RFC822.SIZE)\r\n")
                        .reply("* 1 FETCH (UID 2 RFC822.SIZE 99)\r\n$4 OK done\r\n")
                        .expect("$5 UID FETCH 4 (UID RFC822.SIZE)\r\n")
                        .reply("* 3 FETCH (UID 4 RFC822.SIZE 0)\r\n$5 OK done\r\n"));
    Bodies bodies;
    auto const result = account.run(account.endpoint->fetch_bodies(folder("INBOX"), uids({2, 3, 4}), bodies));
    ASSERT_TRUE(result) << to_string(result.error()) << account.peer.position();
    EXPECT_EQ(bodies.text, "3? 2? 4[] ");
}

TEST(ImapEndpoint, FindsTheMessageThatTheServerCannotGive) {
    Account account(
        logged_in("X")
            .expect("$2 EXAMINE INBOX\r\n$3 UID FETCH 2:4 (UID BODY.PEEK[])\r\n")
            .reply(examined("$2"))
            .reply("* 1 FETCH (UID 2 BODY[] {1}\r\na)\r\n$3 NO [SERVERBUG] cannot read\r\n")
            .expect("$4 UID FETCH 3 (UID BODY.PEEK[])\r\n$5 UID FETCH 4 (UID BODY.PEEK[])\r\n")
            .reply("$4 NO [SERVERBUG] cannot read\r\n* 3 FETCH (UID 4 BODY[] {1}\r\nc)\r\n$5 OK done\r\n"));
    Bodies bodies;
    auto const result = account.run(account.endpoint->fetch_bodies(folder("INBOX"), uids({2, 3, 4}), bodies));
    ASSERT_TRUE(result) << to_string(result.error()) << account.peer.position();
    EXPECT_EQ(bodies.text, "2[a] 3? 4[c] ");
}

TEST(ImapEndpoint, PausesWhenTheServerAsksForIt) {
    Account account(
        logged_in("X")
            .expect("$2 EXAMINE INBOX\r\n$3 UID FETCH 2 $*\r\n")
            .reply(examined("$2"))
            .reply("$3 BAD Request is throttled. Suggested Backoff Time: 30000 milliseconds\r\n"));
    Bodies bodies;
    auto const result = account.run(account.endpoint->fetch_bodies(folder("INBOX"), uids({2}), bodies));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::throttled);
    EXPECT_EQ(result.error().pause_seconds, 30U);
    EXPECT_EQ(result.error().side, Side::source);
}

Task<AppendOutcome> append(Endpoint& endpoint, std::string body) {
    auto const append = co_await endpoint.append(folder("Work"));
    AppendMessage message;
    message.internal_date = InternalDate{0, 0};
    message.size_bytes = body.size();
    auto const go_on = co_await append->message(message);
    if (go_on) {
        co_await append->write(body);
        co_await append->commit();
    }
    co_return co_await append->outcome();
}

TEST(ImapEndpoint, ReadsWhatBecameOfAnAppend) {
    Account account(logged_in("LITERAL+ UIDPLUS")
                        .expect("$2 APPEND Work $*\r\nhi\r\n")
                        .reply("$2 OK [APPENDUID 5 77] done\r\n")
                        .expect("$3 APPEND Work $*\r\nhi\r\n")
                        .reply("$3 NO [TRYCREATE] no\r\n")
                        .expect("$4 APPEND Work $*\r\nhi\r\n")
                        .reply("$4 NO [OVERQUOTA] full\r\n"),
                    Side::destination);
    auto const stored = account.run(append(*account.endpoint, "hi"));
    ASSERT_TRUE(stored) << to_string(stored.error()) << account.peer.position();
    EXPECT_EQ(stored->kind, AppendOutcome::Kind::stored);
    EXPECT_EQ(stored->uid_validity, UidValidity{5});
    EXPECT_EQ(stored->uids, uids({77}));
    auto const missing = account.run(append(*account.endpoint, "hi"));
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->kind, AppendOutcome::Kind::missing_mailbox);
    auto const refused = account.run(append(*account.endpoint, "hi"));
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->kind, AppendOutcome::Kind::refused);
    EXPECT_EQ(refused->error.code, ErrorCode::over_quota);
    EXPECT_EQ(refused->error.server_text, "[OVERQUOTA] full");
}

TEST(ImapEndpoint, CreatesWithItsRoleOrWithout) {
    Account account(logged_in("CREATE-SPECIAL-USE")
                        .expect("$2 CREATE Sent (USE (\\Sent))\r\n")
                        .reply("$2 NO [USEATTR] taken\r\n")
                        .expect("$3 CREATE Sent\r\n")
                        .reply("$3 OK done\r\n")
                        .expect("$4 CREATE Work\r\n")
                        .reply("$4 NO [ALREADYEXISTS] there\r\n")
                        .expect("$5 CREATE Bad\r\n")
                        .reply("$5 NO [CANNOT] bad name\r\n")
                        .expect("$6 STATUS Bad $*\r\n")
                        .reply("$6 NO no such folder\r\n")
                        .expect("$7 CREATE There\r\n")
                        .reply("$7 NO Cannot create this folder.\r\n")
                        .expect("$8 STATUS There $*\r\n")
                        .reply("* STATUS There (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1)\r\n$8 OK done\r\n"),
                    Side::destination);
    auto const create = [&](std::string_view name, Role role) {
        return account.run(account.endpoint->create(folder(name), role)).value();
    };
    EXPECT_EQ(create("Sent", Role::sent).outcome, CreateOutcome::created);
    EXPECT_EQ(create("Work", Role::none).outcome, CreateOutcome::existed);
    auto const refused = create("Bad", Role::none);
    EXPECT_EQ(refused.outcome, CreateOutcome::refused);
    EXPECT_EQ(refused.error.code, ErrorCode::folder_create_refused);
    EXPECT_EQ(create("There", Role::none).outcome, CreateOutcome::existed);
}

/// Courier takes no APPEND to a folder that the connection has opened read-only.
TEST(ImapEndpoint, OpensAFolderOfTheDestinationForWritingAlsoToListIt) {
    Account account(logged_in("X")
                        .expect("$2 SELECT Work\r\n$3 UID FETCH 1:9 (UID FLAGS)\r\n")
                        .reply("* OK [UIDVALIDITY 1] ok\r\n$2 OK [READ-WRITE] done\r\n$3 OK done\r\n"),
                    Side::destination);
    UidRange const range{Uid{1}, Uid{9}};
    EXPECT_TRUE(account.run(
        account.endpoint->list_messages(folder("Work"), range, Listing::flags, [](MessageMeta) {})));
    EXPECT_TRUE(account.peer.finished()) << account.peer.position();
}

TEST(ImapEndpoint, StoresFlagsInAFolderOpenedForWriting) {
    Account account(
        logged_in("X")
            .expect("$2 SELECT Work\r\n")
            .reply("* OK [UIDVALIDITY 1] ok\r\n$2 OK [READ-WRITE] done\r\n")
            .expect(
                "$3 UID STORE 1:2 +FLAGS.SILENT (\\Seen)\r\n$4 UID STORE 1:2 -FLAGS.SILENT (\\Flagged)\r\n")
            .reply("$3 OK done\r\n$4 NO not allowed\r\n"),
        Side::destination);
    Flags seen;
    seen.add(imap::SystemFlag::seen);
    Flags flagged;
    flagged.add(imap::SystemFlag::flagged);
    auto const result =
        account.run(account.endpoint->store_flags(folder("Work"), UidSet(Uid{1}, Uid{2}), seen, flagged));
    ASSERT_TRUE(result) << to_string(result.error()) << account.peer.position();
    EXPECT_FALSE(*result);
}

/// The flags are saved once, behind the STORE, however many ask for a status meanwhile.
TEST(ImapEndpoint, SavesFlagsOnceForAllWhoAskForAStatus) {
    std::string const selected = "* OK [UIDVALIDITY 1] ok\r\n";
    Account account(logged_in("X")
                        .expect("$2 SELECT Work\r\n")
                        .reply(selected + "$2 OK [READ-WRITE] done\r\n")
                        .expect("$3 UID STORE 1 +FLAGS.SILENT (\\Seen)\r\n$4 SUBSCRIBE Work\r\n")
                        .reply("$3 OK done\r\n$4 OK done\r\n")
                        .expect("$5 SELECT Work\r\n")
                        .reply(selected + "$5 OK [READ-WRITE] done\r\n")
                        .expect("$6 STATUS Work $*\r\n$7 STATUS INBOX $*\r\n")
                        .reply("$6 OK done\r\n$7 OK done\r\n"),
                    Side::destination);
    auto& endpoint = *account.endpoint;
    Flags seen;
    seen.add(imap::SystemFlag::seen);
    std::optional<Result<bool>> stored;
    account.start(endpoint.store_flags(folder("Work"), UidSet(Uid{1}, Uid{1}), seen, {}), stored);
    using Statuses = std::vector<std::optional<MailboxStatus>>;
    std::optional<Result<Statuses>> work;
    std::optional<Result<Statuses>> inbox;
    account.start(endpoint.status({folder("Work")}), work);
    account.start(endpoint.status({folder("INBOX")}), inbox);
    EXPECT_FALSE(stored || work || inbox);
    EXPECT_TRUE(account.run(endpoint.subscribe(folder("Work"))));
    account.clock.poll();
    EXPECT_TRUE(stored && work && inbox) << account.peer.position();
    EXPECT_TRUE(account.peer.finished()) << account.peer.position();
}

Task<> fetch_and_list(Endpoint& endpoint, std::vector<Uid> wanted, BodySink& sink) {
    TaskGroup both(co_await boost::asio::this_coro::executor);
    both.spawn(endpoint.fetch_bodies(folder("INBOX"), std::move(wanted), sink));
    UidRange const range{Uid{1}, Uid{9}};
    both.spawn(endpoint.list_messages(folder("Work"), range, Listing::flags, [](MessageMeta) {}));
    co_await both.join();
}

/// There are more messages than are asked for at once, so the folder is held until all of them are asked for.
TEST(ImapEndpoint, LetsOthersPassBeforeItAsksForRefusedMessagesAgain) {
    boost::asio::io_context io;
    test::ManualClock clock(io);
    SeededRandom random(3);
    NullLog log;
    StopSignal stop;
    test::MemoryServer storage(clock);
    storage.add_mailbox("INBOX");
    storage.add_mailbox("Work");
    std::vector<Uid> wanted;
    for (int i = 1; i <= 600; ++i) wanted.push_back(storage.add_message("INBOX", test::sample_message(i)));
    test::MemoryImapServer server(storage, test::imap_dialect("all"));
    imap::Credentials credentials;
    credentials.login = server.login;
    credentials.secret = Secret(server.password);
    net::Target const target{"memory", 993, TlsMode::implicit, {}};
    auto opened = test::run_task(io, clock,
                                 open_imap_endpoint(Context{clock, random, log, stop}, server, target,
                                                    std::move(credentials), Side::source));
    ASSERT_TRUE(opened.ok());
    auto endpoint = std::move(*opened.value);
    server.reply_faults.push_back({server.commands + 2, test::ReplyChange::no, "SERVERBUG"});
    Bodies bodies;
    auto const ended = test::run_task(io, clock, fetch_and_list(*endpoint, wanted, bodies));
    ASSERT_TRUE(ended.ok());
    EXPECT_EQ(std::ranges::count(bodies.text, ']'), 600);
    EXPECT_EQ(std::ranges::count(server.verbs, "EXAMINE"), 3);
    endpoint.reset();
    clock.poll();
}

/// One body that comes in `pause`, and what the client asks for afterwards.
Script slow_body(std::chrono::seconds pause) {
    return logged_in("COMPRESS=DEFLATE")
        .expect("$2 EXAMINE INBOX\r\n$3 UID FETCH 2 (UID BODY.PEEK[])\r\n")
        .reply(examined("$2") + "* 1 FETCH (UID 2 BODY[] {4}\r\nhi")
        .pause(pause)
        .reply("!!)\r\n$3 OK done\r\n");
}

/// Long enough, and with so few bytes, that the line is taken for slow.
Script slow_fetch() {
    return slow_body(std::chrono::seconds(10));
}

Result<> fetch_slowly(Account& account) {
    Bodies bodies;
    auto const fetched = account.run(account.endpoint->fetch_bodies(folder("INBOX"), uids({2}), bodies));
    EXPECT_EQ(bodies.text, "2[hi!!] ");
    account.clock.poll();
    return fetched;
}

/// A server that agrees to compress and does not, or says no: the next connection does without.
TEST(ImapEndpoint, AsksForCompressionOnceWhereItDoesNotWork) {
    auto const broken =
        slow_fetch().expect("$4 COMPRESS DEFLATE\r\n").reply("$4 OK go\r\n").reply("\xff\xff");
    auto const refused = slow_fetch().expect("$4 COMPRESS DEFLATE\r\n").reply("$4 NO not now\r\n");
    for (auto const& script : {broken, refused}) {
        CompressionTrial trial;
        ImapOptions options;
        options.compress_below = 1000;
        options.compression = &trial;
        Account first(script, Side::source, options);
        EXPECT_TRUE(fetch_slowly(first)) << first.peer.position();
        EXPECT_TRUE(first.peer.finished()) << first.peer.position();
        Account second(slow_fetch(), Side::source, options);
        EXPECT_TRUE(fetch_slowly(second)) << second.peer.position();
        EXPECT_TRUE(second.peer.finished()) << second.peer.position();
    }
}

TEST(ImapEndpoint, SaysThatTheCompressedStreamIsDamaged) {
    ImapOptions options;
    options.compress_below = 1000;
    Account account(slow_fetch().expect("$4 COMPRESS DEFLATE\r\n").reply("$4 OK go\r\n").reply("\xff\xff"),
                    Side::source, options);
    EXPECT_TRUE(fetch_slowly(account)) << account.peer.position();
    auto const next = account.run(account.endpoint->subscribe(folder("Work")));
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, ErrorCode::connection_lost);
    EXPECT_NE(next.error().message.find("the compressed stream is damaged"), std::string::npos)
        << to_string(next.error());
}

TEST(ImapEndpoint, ReadsOnToItsEndAtEveryStep) {
    auto const script =
        logged_in("X")
            .expect("$2 EXAMINE INBOX\r\n$3 UID FETCH 2:3 (UID BODY.PEEK[])\r\n")
            .reply(examined("$2"))
            .reply("* 1 FETCH (UID 2 BODY[] {2}\r\nhi)\r\n* 3 FETCH (UID 3 BODY[] {3}\r\nyou)\r\n")
            .reply("$3 OK done\r\n");
    // The login steps belong to another test.
    for (std::size_t i = 3; i < script.steps().size(); ++i) {
        for (auto const& broken :
             {script.first(i).fail(), script.first(i).peer_close(), script.first(i).stall()}) {
            Account account(broken);
            Bodies bodies;
            auto const result =
                account.run(account.endpoint->fetch_bodies(folder("INBOX"), uids({2, 3}), bodies));
            ASSERT_FALSE(result);
            auto const code = result.error().code;
            EXPECT_TRUE(code == ErrorCode::connection_lost || code == ErrorCode::timed_out)
                << to_string(result.error());
            EXPECT_EQ(bodies.text.find('?'), std::string::npos) << "nothing is missing that was not answered";
        }
    }
}

TEST(ImapEndpoint, CompressesAConnectionThatWaitsForASlowLine) {
    ImapOptions options;
    options.compress_below = 1000;
    Account slow(slow_fetch().expect("$4 COMPRESS DEFLATE\r\n").reply("$4 NO TLS does it\r\n"), Side::source,
                 options);
    Bodies bodies;
    EXPECT_TRUE(slow.run(slow.endpoint->fetch_bodies(folder("INBOX"), uids({2}), bodies)));
    EXPECT_EQ(bodies.text, "2[hi!!] ");
    slow.clock.poll();
    EXPECT_TRUE(slow.peer.finished()) << slow.peer.position();
    Account untold(slow_fetch());
    EXPECT_TRUE(untold.run(untold.endpoint->fetch_bodies(folder("INBOX"), uids({2}), bodies)));
    Account brief(slow_body(std::chrono::seconds(2)), Side::source, options);
    EXPECT_TRUE(brief.run(brief.endpoint->fetch_bodies(folder("INBOX"), uids({2}), bodies)));
}

}  // namespace
}  // namespace imapcopy::copy
