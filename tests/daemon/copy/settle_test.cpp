#include "daemon/copy/settle.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "common/attempt.hpp"
#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr UidValidity epoch(7);
using Pairs = std::vector<std::pair<Uid, Uid>>;

Identity identity_of(std::uint8_t seed) {
    Identity identity;
    identity.fingerprint.fill(seed);
    identity.coarse = seed;
    return identity;
}

LedgerEntry intent(std::uint32_t uid, std::uint8_t seed, std::uint64_t size_bytes, std::uint32_t base = 10) {
    LedgerEntry entry;
    entry.source_uid = Uid(uid);
    entry.identity = identity_of(seed);
    entry.size_bytes = size_bytes;
    entry.destination_uid_validity = epoch;
    entry.base_uid_next = Uid(base);
    return entry;
}

MessageMeta stored(std::uint32_t uid, std::uint8_t seed, std::uint64_t size_bytes) {
    MessageMeta meta;
    meta.uid = Uid(uid);
    meta.identity = identity_of(seed);
    meta.size_bytes = size_bytes;
    return meta;
}

TEST(MatchEntries, PairsInTheOrderOfUids) {
    EXPECT_EQ(match_entries({intent(1, 5, 100), intent(2, 5, 100)}, {stored(12, 5, 100), stored(11, 5, 100)},
                            epoch),
              (Pairs{{Uid(1), Uid(11)}, {Uid(2), Uid(12)}}));
}

TEST(MatchEntries, LooksOnlyBehindTheBaseOfAnEntryOfThisEpoch) {
    EXPECT_EQ(match_entries({intent(1, 5, 100, 12)}, {stored(11, 5, 100)}, epoch), Pairs{});
    EXPECT_EQ(match_entries({intent(1, 5, 100, 12)}, {stored(11, 5, 100)}, UidValidity(8)),
              (Pairs{{Uid(1), Uid(11)}}));
}

TEST(MatchEntries, LetsSizesTellEqualHeadersApart) {
    // The first was refused and the second stored, and both answers were lost.
    EXPECT_EQ(match_entries({intent(1, 5, 100), intent(2, 5, 200)}, {stored(11, 5, 200)}, epoch),
              (Pairs{{Uid(2), Uid(11)}}));
}

TEST(MatchEntries, FindsACopyWhoseSizeTheServerChanged) {
    EXPECT_EQ(match_entries({intent(1, 5, 100)}, {stored(11, 5, 104)}, epoch), (Pairs{{Uid(1), Uid(11)}}));
}

TEST(MatchEntries, KnowsNothingByHeadersThatSayNothing) {
    EXPECT_EQ(match_entries({intent(1, 0, 100)}, {stored(11, 0, 100)}, epoch), Pairs{});
}

/// Eight messages of 10 MiB each were sent, and nobody has heard an answer.
class Settle : public testing::Test {
 protected:
    static constexpr std::size_t sent = 8;
    static constexpr std::uint64_t size_bytes = 10ULL * 1024 * 1024;
    static constexpr auto wait_min = seconds(5);

    Settle() {
        for (int i = 0; i < static_cast<int>(sent); ++i)
            world_.source.add_message("INBOX", test::sample_message(i));
        test::run_task(world_.io, world_.clock, test::announce(world_, sent, size_bytes)).rethrow();
    }

    /// The i-th shows after so long a time.
    void store(std::size_t i, Duration after) {
        world_.destination.add_message("INBOX", test::sample_message(static_cast<int>(i)));
        world_.destination.at("INBOX").messages.back().visible_from = world_.clock.now() + after;
    }

    Attempt<std::uint64_t> try_to_settle(ChangedFolder changed) {
        Context const context{world_.clock, world_.random, world_.log, world_.stop};
        return test::run_task(world_.io, world_.clock,
                              settle(context, endpoint_, world_.journal, wait_min, found_, changed));
    }

    /// Returns how many it found; tells how long it took.
    std::uint64_t settle_all() {
        auto const began = world_.clock.now();
        auto const found = try_to_settle(ChangedFolder::ends_it);
        found.rethrow();
        took_ = world_.clock.now() - began;
        return *found.value;
    }

    std::optional<Error> look_again_in_vain() {
        auto looking = look_again(endpoint_, world_.journal, found_);
        return error_of(test::run_task(world_.io, world_.clock, std::move(looking)).exception);
    }

    test::World world_;
    test::MemoryEndpoint endpoint_{world_.destination, Side::destination};
    FoundFolders found_;
    Duration took_{};
};

TEST_F(Settle, EndsWithTheLookThatFindsAll) {
    for (std::size_t i = 0; i < sent; ++i) store(i, milliseconds(100));
    EXPECT_EQ(settle_all(), sent);
    EXPECT_EQ(took_, seconds(20));
}

TEST_F(Settle, WaitsForAServerThatStoresFourMebibytesASecond) {
    for (std::size_t i = 0; i < sent; ++i) store(i, milliseconds(2500) * (i + 1));
    EXPECT_EQ(settle_all(), sent);
    EXPECT_EQ(took_, seconds(20));
}

TEST_F(Settle, LooksOnceMoreAfterHalfOfTheWait) {
    for (std::size_t i = 0; i < sent; ++i) store(i, milliseconds(29'900));
    EXPECT_EQ(settle_all(), sent);
    EXPECT_EQ(took_, seconds(30));
}

TEST_F(Settle, WaitsTheSecondTimeForWhatIsMissingOnly) {
    for (std::size_t i = 0; i + 1 < sent; ++i) store(i, milliseconds(100));
    EXPECT_EQ(settle_all(), sent - 1);
    EXPECT_EQ(took_, seconds(25)) << "20 s for all, and half of 10 s for one of 10 MiB";
}

TEST_F(Settle, OpensAFolderWhoseStatusTheServerRefuses) {
    world_.destination.without_status = {"INBOX"};
    for (std::size_t i = 0; i < sent; ++i) store(i, milliseconds(100));
    EXPECT_EQ(settle_all(), sent);
}

TEST_F(Settle, EndsWhereAFolderHasBecomeAnother) {
    world_.destination.restless = {"INBOX"};
    auto const error = error_of(try_to_settle(ChangedFolder::ends_it).exception);
    EXPECT_TRUE(error && error->code == ErrorCode::uid_validity_changed);
}

TEST_F(Settle, PassesOverAFolderThatHasBecomeAnotherWhereItIsTold) {
    world_.destination.restless = {"INBOX"};
    auto const found = try_to_settle(ChangedFolder::is_passed_over);
    found.rethrow();
    EXPECT_EQ(*found.value, 0U);
}

TEST_F(Settle, LooksAgainInTheSameFolderOnly) {
    world_.destination.restless = {"INBOX"};
    EXPECT_FALSE(look_again_in_vain());
    auto const error = look_again_in_vain();
    EXPECT_TRUE(error && error->code == ErrorCode::uid_validity_changed);
}

/// Five messages go to a server that says OK to all and does not tell the UIDs of copies.
class MissingCopiesTest : public testing::Test {
 protected:
    MissingCopiesTest() {
        world_.destination.traits.uid_plus = false;
        for (int i = 0; i < 5; ++i) world_.source.add_message("INBOX", test::sample_message(i));
    }

    /// Forgets these from now on.
    void lose(std::set<int> numbers) {
        world_.destination.lose = [numbers](std::string const& body) {
            return std::ranges::any_of(numbers, [&](int i) { return body == test::sample_message(i); });
        };
    }

    /// Somebody stores a message while the next copy is stored.
    void deliver_meanwhile() {
        world_.destination.lose = [this, lose = world_.destination.lose,
                                   delivered = false](std::string const& body) mutable {
            if (!std::exchange(delivered, true))
                world_.destination.add_message("INBOX", test::sample_message(99));
            return lose(body);
        };
    }

    test::World world_;
};

TEST_F(MissingCopiesTest, AreReportedAndCopiedByTheNextPass) {
    lose({1, 3});
    auto const result = test::succeed(world_);
    EXPECT_EQ(result.messages_copied, 3U);
    EXPECT_EQ(world_.observer.last.messages_done, 3U);
    EXPECT_EQ(world_.observer.last.messages_skipped, 2U);
    ASSERT_EQ(result.exceptions.size(), 1U);
    EXPECT_EQ(result.exceptions.front().code, "VerificationFailed");
    EXPECT_EQ(result.exceptions.front().text,
              "2 messages for which the destination has answered OK cannot be found in it; a resync copies "
              "what has not turned up by then");
    lose({});
    auto const next = test::succeed(world_);
    EXPECT_EQ(next.messages_copied, 2U);
    EXPECT_TRUE(next.exceptions.empty());
    EXPECT_TRUE(world_.destination.contents() == world_.source.contents());
    EXPECT_FALSE(test::succeed(world_).changed);
}

TEST_F(MissingCopiesTest, AreReportedForAsLongAsTheyGetLost) {
    lose({1, 3});
    for (int pass = 0; pass < 3; ++pass)
        EXPECT_EQ(test::succeed(world_).exceptions.size(), 1U) << "pass " << pass;
    lose({});
    EXPECT_EQ(test::succeed(world_).messages_copied, 2U);
    EXPECT_TRUE(world_.destination.contents() == world_.source.contents());
}

TEST_F(MissingCopiesTest, AreNotLookedForWhereTheServerTellsUids) {
    world_.destination.traits.uid_plus = true;
    lose({1});
    EXPECT_TRUE(test::succeed(world_).exceptions.empty());
}

TEST_F(MissingCopiesTest, AreNotCopiedAgainIfTheyTurnUp) {
    lose({1});
    EXPECT_EQ(test::succeed(world_).exceptions.size(), 1U);
    world_.destination.add_message("INBOX", test::sample_message(1));
    auto const next = test::succeed(world_);
    EXPECT_EQ(next.messages_copied, 0U);
    EXPECT_TRUE(next.exceptions.empty());
    EXPECT_TRUE(world_.destination.contents() == world_.source.contents());
}

TEST_F(MissingCopiesTest, AreOnlyReportedWhereAnotherMessageMayBeTheCopyOfEach) {
    lose({1, 3});
    deliver_meanwhile();
    auto const result = test::succeed(world_);
    ASSERT_EQ(result.exceptions.size(), 1U);
    EXPECT_EQ(result.exceptions.front().text,
              "1 message for which the destination has answered OK cannot be found in it; imapcopyctl verify "
              "names what differs");
    lose({});
    auto const next = test::succeed(world_);
    EXPECT_EQ(next.messages_copied, 0U);
    EXPECT_TRUE(next.exceptions.empty()) << "told once";
}

TEST_F(MissingCopiesTest, AreNotThoseThatSomebodyRemovedSinceAnEarlierPass) {
    lose({1});
    deliver_meanwhile();  // Perhaps its copy, changed by the server.
    EXPECT_TRUE(test::succeed(world_).exceptions.empty());
    auto const messages = world_.destination.at("INBOX").messages;
    for (auto const& message : messages) world_.destination.remove_message("INBOX", message.uid);
    world_.source.add_message("INBOX", test::sample_message(5));
    auto const next = test::succeed(world_);
    EXPECT_EQ(next.messages_copied, 1U);
    EXPECT_TRUE(next.exceptions.empty());
}

Task<FolderId> record_as_stored(test::World& world, Intent intent) {
    auto const inbox = MailboxName::from_utf8("INBOX").value();
    FolderKey key{inbox, inbox};
    auto const record = co_await world.journal.folder(std::move(key));
    co_await world.journal.set_source_epoch(record.id, UidValidity(1));
    co_await world.journal.set_destination_epoch(record.id, intent.destination_uid_validity);
    Outcome outcome;
    outcome.source_uid = intent.source_uid;
    outcome.destination_uid_validity = intent.destination_uid_validity;
    std::vector<Intent> intents{std::move(intent)};
    co_await world.journal.begin(record.id, std::move(intents));
    std::vector<Outcome> outcomes{std::move(outcome)};
    co_await world.journal.finish(record.id, std::move(outcomes));
    co_return record.id;
}

TEST(MissingCopies, AreNotToldFromChangedOnesWhereTheServerTellsNoUidNext) {
    test::World world;
    UidValidity const here(world.destination.at("INBOX").uid_validity);
    Intent intent;
    intent.source_uid = Uid(1);
    intent.identity = identity_of(5);
    intent.destination_uid_validity = here;
    auto const folder =
        test::run_task(world.io, world.clock, record_as_stored(world, std::move(intent))).value.value();
    world.destination.add_message("INBOX", test::sample_message(99));
    test::MemoryEndpoint endpoint(world.destination, Side::destination);
    auto const missing = test::run_task(
        world.io, world.clock,
        find_missing_copies(endpoint, world.journal, MailboxName::from_utf8("INBOX").value(), folder, here,
                            UidSet(Uid(1), Uid(1)), FoundFolders()));
    ASSERT_TRUE(missing.ok());
    EXPECT_EQ(missing.value->messages, 0U) << "the message there may be its copy";
}

/// Returns false once the pass has fewer than `step` steps at the destination.
bool report_one_if_it_breaks_at(std::size_t step) {
    test::World world;
    world.destination.traits.uid_plus = false;
    world.source.add_mailbox("Work");
    for (int i = 0; i < 6; ++i) world.source.add_message(i < 3 ? "INBOX" : "Work", test::sample_message(i));
    world.destination.lose = [](std::string const& body) { return body == test::sample_message(1); };
    auto const steps = world.destination.steps();
    world.destination.fail_at(step, test::Fault::lose_connection);
    auto const result = test::succeed(world);
    EXPECT_EQ(result.exceptions.size(), 1U) << "step " << step;
    std::uint64_t there = 0;
    for (auto const& folder : result.folders) there += folder.copied + folder.recognised;
    EXPECT_EQ(there, 5U) << "step " << step;
    EXPECT_EQ(world.destination.contents().size(), world.source.contents().size() - 1) << "step " << step;
    return world.destination.steps() - steps >= step;
}

TEST(MissingCopies, AreReportedWhereverTheConnectionBreaks) {
    std::size_t step = 1;
    while (report_one_if_it_breaks_at(step) && !testing::Test::HasFailure()) ++step;
    EXPECT_GT(step, 20U);
}

}  // namespace
}  // namespace imapcopy::copy
