// A pass over two servers in memory; then somebody tampers with the destination or with the ledger, and each
// level has to find it.

#include "daemon/copy/verify.hpp"

#include <gmock/gmock.h>

#include "daemon/copy/identity.hpp"
#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using enum DifferenceKind;
using test::fill;
using test::sample_message;
using test::World;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using Totals = std::map<DifferenceKind, std::uint64_t>;

/// Keeps a message from whoever lists or reads the INBOX; everything else is the inner account's.
class Hiding final : public Endpoint {
 public:
    Hiding(std::unique_ptr<Endpoint> inner, Uid hidden, bool listed)
        : inner_(std::move(inner)), hidden_(hidden), listed_(listed) {}

    EndpointTraits traits() const override { return inner_->traits(); }
    Task<AccountView> list() override { return inner_->list(); }
    Task<std::vector<std::optional<MailboxStatus>>> status(std::vector<MailboxName> mailboxes) override {
        return inner_->status(std::move(mailboxes));
    }
    Task<Opened> open(MailboxName mailbox, Access access) override {
        return inner_->open(std::move(mailbox), access);
    }
    void expect(MailboxName const& mailbox, UidValidity uid_validity) override {
        inner_->expect(mailbox, uid_validity);
    }
    void reopen_at_next_use() override { inner_->reopen_at_next_use(); }
    Task<> list_messages(MailboxName mailbox, UidRange range, Listing listing,
                         std::function<void(MessageMeta)> sink) override {
        bool const here = mailbox.is_inbox() && !listed_;
        std::function<void(MessageMeta)> const filter = [&](MessageMeta meta) {
            if (!here || meta.uid != hidden_) sink(std::move(meta));
        };
        co_await inner_->list_messages(std::move(mailbox), range, listing, filter);
    }
    Task<> list_changes(MailboxName mailbox, UidRange range, ModSeq since,
                        std::function<void(MessageMeta)> sink) override {
        return inner_->list_changes(std::move(mailbox), range, since, std::move(sink));
    }
    Task<> fetch_bodies(MailboxName mailbox, std::vector<Uid> uids, BodySink& sink) override {
        bool const hides = mailbox.is_inbox() && std::erase(uids, hidden_) > 0;
        co_await inner_->fetch_bodies(std::move(mailbox), std::move(uids), sink);
        if (hides) co_await sink.missing(hidden_);
    }
    Task<CreateResult> create(MailboxName mailbox, Role role) override {
        return inner_->create(std::move(mailbox), role);
    }
    Task<bool> subscribe(MailboxName mailbox) override { return inner_->subscribe(std::move(mailbox)); }
    Task<std::unique_ptr<Append>> append(MailboxName mailbox) override {
        return inner_->append(std::move(mailbox));
    }
    Task<bool> store_flags(MailboxName mailbox, UidSet uids, Flags add, Flags remove) override {
        return inner_->store_flags(std::move(mailbox), std::move(uids), std::move(add), std::move(remove));
    }
    Task<> close() override { return inner_->close(); }
    void leave() override { inner_->leave(); }
    void abort() noexcept override { inner_->abort(); }
    std::uint64_t bytes_transferred() const override { return inner_->bytes_transferred(); }
    Duration round_trip() const override { return inner_->round_trip(); }
    Duration line_wait() const override { return inner_->line_wait(); }

 private:
    std::unique_ptr<Endpoint> inner_;
    Uid hidden_;
    bool listed_;
};

/// One side hides a message.
struct HidingConnections final : Connections {
    HidingConnections(Connections& connections, Side side, Uid uid, bool listed)
        : inner(connections), hiding(side), hidden(uid), is_listed(listed) {}
    Task<std::unique_ptr<Endpoint>> connect(Side side) override {
        auto endpoint = co_await inner.connect(side);
        if (side == hiding) endpoint = std::make_unique<Hiding>(std::move(endpoint), hidden, is_listed);
        co_return endpoint;
    }
    Connections& inner;
    Side hiding;
    Uid hidden;
    bool is_listed;
};

class Verify : public testing::Test {
 protected:
    Verify() {
        fill(world);
        EXPECT_TRUE(world.run().ok());
        world.source.log.clear();
        world.destination.log.clear();
    }

    Attempt<VerifyResult> attempt(VerifyLevel level) { return attempt(level, world.connections); }
    Attempt<VerifyResult> attempt(VerifyLevel level, Connections& connections) {
        options.level = level;
        return run_task(world.io, world.clock,
                        verify_pass({world.clock, world.random, world.log, world.stop}, connections,
                                    world.journal, options));
    }
    VerifyResult verify(VerifyLevel level) {
        auto ran = attempt(level);
        if (ran.ok()) return std::move(*ran.value);
        ADD_FAILURE() << to_string(*error_of(ran.exception));
        return {};
    }
    /// What occurs, without the mail of the fixture that was at the destination before.
    Totals totals(VerifyLevel level) {
        auto const result = verify(level);
        Totals totals;
        for (std::size_t i = 0; i < difference_kinds; ++i) {
            auto const kind = static_cast<DifferenceKind>(i);
            auto const count = result.total(kind) - (kind == extra ? 1 : 0);
            if (count > 0) totals.emplace(kind, count);
        }
        return totals;
    }
    /// The copy of sample_message(number) at the destination.
    test::StoredMessage& copy_of(int number, std::string const& folder = "INBOX") {
        auto const body = sample_message(number);
        auto& messages = world.destination.at(folder).messages;
        auto const found = std::ranges::find(messages, body, &test::StoredMessage::body);
        if (found == messages.end()) throw std::runtime_error("no copy of message " + std::to_string(number));
        return *found;
    }

    World world;
    VerifyOptions options;
};

constexpr std::array all_levels = {VerifyLevel::counts, VerifyLevel::index, VerifyLevel::digest};
constexpr std::array reading_levels = {VerifyLevel::index, VerifyLevel::digest};

TEST_F(Verify, FindsNothingAfterAPass) {
    for (auto const level : all_levels) {
        auto const result = verify(level);
        EXPECT_EQ(result.differences(), 0U) << to_string(level);
        EXPECT_EQ(result.explained(), 1U) << "the message that was there before";
        EXPECT_EQ(result.folders, 3U);
        EXPECT_EQ(result.messages, 11U);
    }
}

TEST_F(Verify, WritesToNeitherSide) {
    auto const source = world.source.contents();
    auto const destination = world.destination.contents();
    for (auto const level : all_levels) (void)verify(level);
    EXPECT_EQ(world.source.contents(), source);
    EXPECT_EQ(world.destination.contents(), destination);
    auto const reads = AllOf(Not(StartsWith("select")), Not(StartsWith("append")), Not(StartsWith("store")),
                             Not(StartsWith("create")), Not(StartsWith("subscribe")));
    EXPECT_THAT(world.source.log, Each(reads));
    EXPECT_THAT(world.destination.log, Each(reads));
}

TEST_F(Verify, FindsADeletedCopy) {
    world.destination.remove_message("INBOX", copy_of(3).uid);
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{deleted, 1}}));
    auto const result = verify(VerifyLevel::index);
    ASSERT_EQ(result.listed.size(), 2U);
    EXPECT_EQ(result.listed[0].folder, "INBOX");
    EXPECT_EQ(result.listed[0].source_uid, Uid(3));
}

TEST_F(Verify, FindsOneOfTwoEqualMessages) {
    auto const& messages = world.destination.at("Lists/Deep").messages;
    auto const first = messages.front().uid;
    ASSERT_EQ(messages[0].body, messages[1].body);
    world.destination.remove_message("Lists/Deep", first);
    for (auto const level : reading_levels) EXPECT_EQ(verify(level).differences(), 1U);
}

TEST_F(Verify, CountsCannotTellAnExchangedMessage) {
    world.destination.remove_message("INBOX", copy_of(3).uid);
    EXPECT_EQ(verify(VerifyLevel::counts).differences(), 0U) << "as many as at the source";
    world.destination.remove_message("INBOX", copy_of(4).uid);
    auto const result = verify(VerifyLevel::counts);
    EXPECT_EQ(result.total(missing), 1U);
    EXPECT_EQ(result.listed[0].text, "6 messages at the source, 5 at the destination");
}

TEST_F(Verify, FindsALossThatTheLedgerHides) {
    // A destination that was set back to an old backup: its UIDNEXT is that of then.
    auto& inbox = world.destination.at("INBOX");
    auto const last = inbox.messages.back().uid;
    inbox.messages.pop_back();
    inbox.uid_next = last.value();
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{missing, 1}}));
    EXPECT_THAT(verify(VerifyLevel::index).listed[0].text, HasSubstr("never given out"));
}

TEST_F(Verify, FindsADoubledMessage) {
    auto const uid = world.destination.add_message("INBOX", sample_message(3), {}, 1003);
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{doubled, 1}}));
    auto const listed = verify(VerifyLevel::index).listed;
    EXPECT_EQ(listed[0].destination, "INBOX");
    EXPECT_LE(listed[0].destination_uid, uid);
    EXPECT_EQ(verify(VerifyLevel::counts).total(extra), 2U) << "all that numbers can say";
}

TEST_F(Verify, FindsAnAlteredBodyByDigestOnly) {
    auto& body = copy_of(3).body;
    body.replace(body.size() - 5, 1, "y");
    EXPECT_EQ(totals(VerifyLevel::index), Totals{});
    EXPECT_EQ(totals(VerifyLevel::digest), (Totals{{altered, 1}}));
    body.erase(body.size() - 6);
    EXPECT_EQ(totals(VerifyLevel::index), (Totals{{resized, 1}}))
        << "a cut body may be a matter of line ends";
    EXPECT_EQ(totals(VerifyLevel::digest), (Totals{{altered, 1}}));
}

TEST_F(Verify, TakesOtherLineEndsForTheSameContent) {
    auto& body = copy_of(3).body;
    std::erase(body, '\r');
    EXPECT_EQ(totals(VerifyLevel::digest), (Totals{{resized, 1}}));
}

TEST_F(Verify, FindsAnExchangedMessage) {
    auto& body = copy_of(3).body;
    body = sample_message(77);
    auto const expected = Totals{{altered, 1}, {extra, 1}};
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), expected);
}

TEST_F(Verify, FindsAnotherDate) {
    copy_of(3).internal_date.unix_seconds += 3600;
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{date, 1}}));
    EXPECT_EQ(verify(VerifyLevel::counts).differences(), 0U);
}

TEST_F(Verify, ExplainsFlagsThatWereChangedSince) {
    copy_of(3).flags = Flags::parse("\\Seen \\Answered Label");
    world.source.at("INBOX").messages[3].flags = Flags::parse("\\Flagged");
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{reflagged, 2}}));
}

TEST_F(Verify, ExplainsWhatWasThereBeforeWithItsOwnAttributes) {
    world.destination.add_message("INBOX", sample_message(50), Flags::parse("\\Flagged"), 4000);
    world.source.add_message("INBOX", sample_message(50), {}, 5000);
    EXPECT_TRUE(world.run().ok());
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{adopted, 2}}));
}

TEST_F(Verify, FindsACopyThatWasMoved) {
    world.destination.add_mailbox("Tidy");
    auto const moved_copy = copy_of(3);
    world.destination.remove_message("INBOX", moved_copy.uid);
    auto const uid = world.destination.add_message("Tidy", moved_copy.body, moved_copy.flags, 1003);
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{moved, 1}}));
    auto const listed = verify(VerifyLevel::index).listed;
    EXPECT_EQ(listed[0].text, "its copy stands in \"Tidy\" by now, as UID " + std::to_string(uid.value()));
}

TEST_F(Verify, DoesNotTakeMailOfAnotherFolderForALostCopy) {
    auto const copy = copy_of(3);
    world.destination.add_mailbox("Backup");
    world.destination.add_message("Backup", copy.body, {}, 1003);
    auto& inbox = world.destination.at("INBOX");
    world.destination.remove_message("INBOX", copy.uid);
    ++inbox.uid_validity;
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{missing, 1}}));
}

TEST_F(Verify, FindsACopyThatWasMovedToAFolderThatIsCopiedInto) {
    auto const moved_copy = copy_of(3);
    world.destination.remove_message("INBOX", moved_copy.uid);
    world.destination.add_message("Lists/Deep", moved_copy.body, moved_copy.flags, 1003);
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{moved, 1}}));
}

TEST_F(Verify, ListsMailThatTheLedgerDoesNotKnow) {
    auto const uid = world.destination.add_message("Lists/Deep", sample_message(60), {}, 1);
    auto const result = verify(VerifyLevel::index);
    EXPECT_EQ(result.differences(), 0U);
    EXPECT_EQ(result.total(extra), 2U);
    EXPECT_EQ(result.listed[1].destination, "Lists/Deep");
    EXPECT_EQ(result.listed[1].destination_uid, uid);
}

TEST_F(Verify, FindsMailThatNoPassHasSeen) {
    world.source.add_message("INBOX", sample_message(50));
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{uncopied, 1}}));
}

TEST_F(Verify, ExplainsRefusedMessages) {
    world.destination.refuse = [](std::string const& body) -> std::optional<Error> {
        if (body.find("number 50\r\n") == std::string::npos) return std::nullopt;
        return Error{ErrorCode::append_rejected, "append", "invalid header"};
    };
    world.source.add_message("INBOX", sample_message(50));
    EXPECT_TRUE(world.run().ok());
    for (auto const level : reading_levels) EXPECT_EQ(totals(level), (Totals{{exception, 1}}));
    world.destination.remove_message("INBOX", copy_of(99).uid);
    auto const by_counts = verify(VerifyLevel::counts);
    EXPECT_EQ(by_counts.total(exception), 1U);
    EXPECT_EQ(by_counts.differences(), 0U);
}

TEST_F(Verify, FindsAMissingFolder) {
    auto& lists = world.destination.at("Lists/Deep");
    lists.mailbox.name = MailboxName::from_wire("Other");
    auto const result = verify(VerifyLevel::index);
    EXPECT_EQ(result.total(missing), 6U) << "the folder, and its five messages";
    EXPECT_THAT(result.listed[0].text, HasSubstr("no such folder"));
    EXPECT_EQ(verify(VerifyLevel::counts).total(missing), 6U);
}

TEST_F(Verify, FollowsAFolderToTheNameThatItGot) {
    world.destination.refuse_name = [](std::string const& name) {
        return name.find('?') != std::string::npos;
    };
    world.source.add_mailbox("Really?");
    world.source.add_message("Really?", sample_message(50), {}, 1);
    EXPECT_TRUE(world.run().ok());
    for (auto const level : all_levels) EXPECT_EQ(totals(level), Totals{}) << to_string(level);
    EXPECT_EQ(verify(VerifyLevel::index).folders, 4U);
}

TEST_F(Verify, LeavesCompletionMailsOut) {
    world.destination.add_message("INBOX", sample_message(1000));
    world.destination.add_message("INBOX", sample_message(1001));
    for (auto const number : {1000, 1001})
        world.journal.reports.push_back(identity_of_headers(sample_message(number)).fingerprint);
    for (auto const level : all_levels) EXPECT_EQ(totals(level), Totals{}) << to_string(level);
    // A report in its place must not hide a message that is missing.
    world.destination.remove_message("INBOX", copy_of(3).uid);
    world.destination.remove_message("INBOX", copy_of(99).uid);
    EXPECT_EQ(verify(VerifyLevel::counts).total(missing), 1U);
}

TEST_F(Verify, ListsAFewOfEachKindAndCountsAll) {
    options.listed_per_kind_max = 2;
    for (auto const number : {3, 4, 5}) world.destination.remove_message("INBOX", copy_of(number).uid);
    for (auto const number : {70, 71, 72}) world.destination.add_message("INBOX", sample_message(number));
    auto const result = verify(VerifyLevel::index);
    EXPECT_EQ(result.total(deleted), 3U);
    EXPECT_EQ(result.total(extra), 4U);
    EXPECT_EQ(result.listed.size(), 4U);
}

TEST_F(Verify, ReadsInWindows) {
    options.messages_per_window = 2;
    options.bodies_per_window = 2;
    options.bytes_per_window = 300;
    for (auto const level : all_levels) EXPECT_EQ(totals(level), Totals{}) << to_string(level);
    EXPECT_GE(world.source.count_commands("fetch"), 5U);
}

TEST_F(Verify, SaysThatTheSourceListsTooLittle) {
    HidingConnections hiding(world.connections, Side::source, Uid(3), false);
    auto const ran = attempt(VerifyLevel::index, hiding);
    ASSERT_TRUE(ran.ok());
    EXPECT_EQ(ran.value->total(unreadable), 1U);
    EXPECT_THAT(ran.value->listed[0].text, HasSubstr("does not list all messages"));
}

TEST_F(Verify, SaysThatAMessageCannotBeRead) {
    for (auto const side : {Side::source, Side::destination}) {
        auto const uid = side == Side::source ? Uid(3) : copy_of(3).uid;
        HidingConnections hiding(world.connections, side, uid, true);
        auto const ran = attempt(VerifyLevel::digest, hiding);
        ASSERT_TRUE(ran.ok());
        EXPECT_EQ(ran.value->total(unreadable), 1U);
        EXPECT_THAT(ran.value->listed[0].text, HasSubstr("does not give this message"));
    }
}

TEST_F(Verify, SaysThatAFolderIsTooLarge) {
    options.folder_messages_max = 5;
    auto const result = verify(VerifyLevel::index);
    EXPECT_EQ(result.total(unreadable), 1U);
    EXPECT_THAT(result.listed[0].text, HasSubstr("more than 5 messages"));
}

TEST_F(Verify, GoesOnAfterALostConnection) {
    auto const steps = [&] {
        auto const before = world.destination.steps();
        (void)verify(VerifyLevel::digest);
        return world.destination.steps() - before;
    }();
    constexpr std::size_t first_folder = 2;  // After the log-in, and the list of folders.
    for (std::size_t step = 1; step <= steps; ++step) {
        world.destination.fail_at(step, test::Fault::lose_connection);
        auto const ran = attempt(VerifyLevel::digest);
        if (ran.ok()) {
            EXPECT_EQ(ran.value->differences(), 0U) << step;
        } else {
            EXPECT_EQ(error_of(ran.exception)->code, ErrorCode::connection_lost) << step;
            EXPECT_LE(step, first_folder) << "only before the first folder there is nothing to go on with";
        }
    }
}

TEST_F(Verify, EndsWhenItIsStopped) {
    world.stop.request();
    EXPECT_EQ(error_of(attempt(VerifyLevel::index).exception)->code, ErrorCode::cancelled);
}

TEST_F(Verify, EndsWhenItsTimeIsOver) {
    options.time_max = Duration::zero();
    EXPECT_EQ(error_of(attempt(VerifyLevel::index).exception)->code, ErrorCode::timed_out);
}

}  // namespace
}  // namespace imapcopy::copy
