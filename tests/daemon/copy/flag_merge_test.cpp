#include "daemon/copy/flag_merge.hpp"

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using test::Fault;
using test::MemoryJournal;
using test::sample_message;
using test::World;

constexpr UidValidity epoch(200);

MessageMeta listed(std::uint32_t uid, std::string_view flags) {
    MessageMeta meta;
    meta.uid = Uid(uid);
    meta.flags = Flags::parse(flags);
    return meta;
}

LedgerEntry entry(std::uint32_t uid, std::string_view flags, MessageState state = MessageState::done) {
    LedgerEntry entry;
    entry.source_uid = Uid(uid);
    entry.destination_uid = Uid(uid + 1000);
    entry.destination_uid_validity = epoch;
    entry.state = state;
    entry.flags = Flags::parse(flags);
    return entry;
}

TEST(FindFlagChanges, TellsWhatWasAddedAndRemovedAtTheSource) {
    auto const changes = find_flag_changes({listed(2, "\\Seen New"), listed(1, "\\Seen")},
                                           {entry(1, "\\Seen"), entry(2, "\\Flagged \\Seen Old")}, {}, epoch);
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].source_uid, Uid(2));
    EXPECT_EQ(changes[0].destination_uid, Uid(1002));
    EXPECT_EQ(changes[0].add, Flags::parse("New"));
    EXPECT_EQ(changes[0].remove, Flags::parse("\\Flagged Old"));
    EXPECT_EQ(changes[0].merged, Flags::parse("\\Seen New"));
}

TEST(FindFlagChanges, LeavesOutWhatTheDestinationDoesNotKeep) {
    imap::PermanentFlags const permitted{Flags::parse("\\Seen"), false};
    EXPECT_TRUE(
        find_flag_changes({listed(1, "\\Seen Label")}, {entry(1, "\\Seen")}, permitted, epoch).empty());
    EXPECT_TRUE(
        find_flag_changes({listed(1, "\\Seen")}, {entry(1, "\\Seen Label")}, permitted, epoch).empty());
}

TEST(FindFlagChanges, LooksOnlyAtCopiesOfThisEpoch) {
    auto const seen = listed(1, "\\Seen");
    EXPECT_TRUE(find_flag_changes({seen}, {}, {}, epoch).empty());
    EXPECT_TRUE(find_flag_changes({seen}, {entry(1, "", MessageState::refused)}, {}, epoch).empty());
    EXPECT_TRUE(find_flag_changes({seen}, {entry(1, "", MessageState::intent)}, {}, epoch).empty());
    EXPECT_TRUE(find_flag_changes({seen}, {entry(1, "")}, {}, UidValidity(201)).empty());
    EXPECT_FALSE(find_flag_changes({seen}, {entry(1, "", MessageState::adopted)}, {}, epoch).empty());
}

TEST(GroupFlagChanges, StoresWhatChangesAlikeTogether) {
    auto changes = find_flag_changes(
        {listed(1, "\\Seen"), listed(2, "\\Flagged"), listed(3, "\\Seen"), listed(4, "\\Seen")},
        {entry(1, ""), entry(2, ""), entry(3, ""), entry(4, "")}, {}, epoch);
    ASSERT_EQ(changes.size(), 4U);
    changes[3].destination_uid = Uid();  // Nobody knows where it lies.
    auto const stores = group_flag_changes(changes);
    ASSERT_EQ(stores.size(), 2U);
    EXPECT_EQ(stores[0].destination_uids.to_string(), "1002");
    EXPECT_EQ(stores[1].destination_uids.to_string(), "1001,1003");
    EXPECT_EQ(stores[1].add, Flags::parse("\\Seen"));
    EXPECT_TRUE(stores[1].remove.empty());
}

/// Eight copied messages; then the source sets and clears flags, and so does the user of the new side.
class FlagMerge : public testing::TestWithParam<bool> {
 protected:
    void SetUp() override {
        if (!GetParam()) world_.source.traits = world_.destination.traits = {};
        for (int i = 1; i <= 8; ++i)
            world_.source.add_message("INBOX", sample_message(i), Flags::parse("\\Seen Old"));
        succeed();
    }
    void succeed() {
        auto const ran = world_.run();
        ASSERT_TRUE(ran.ok());
        EXPECT_TRUE(ran.value->exceptions.empty());
    }
    std::string flags(std::uint32_t uid) {
        auto const& messages = world_.destination.at("INBOX").messages;
        auto const found = std::ranges::find(messages, Uid(uid), &test::StoredMessage::uid);
        return found == messages.end() ? "none" : found->flags.to_string();
    }
    static void set(test::MemoryServer& server, std::uint32_t uid, std::string_view flags) {
        server.set_flags("INBOX", Uid(uid), Flags::parse(flags));
    }
    World world_;
};

TEST_P(FlagMerge, RepeatsTheChangesOfTheSourceAndKeepsThoseOfTheUser) {
    set(world_.source, 1, "\\Seen \\Answered Old");
    set(world_.source, 2, "New");
    set(world_.destination, 3, "\\Flagged");
    set(world_.source, 4, "\\Seen \\Flagged Old");
    set(world_.destination, 4, "Old Mine");
    world_.destination.remove_message("INBOX", Uid(5));
    set(world_.source, 5, "\\Flagged");
    succeed();
    EXPECT_EQ(flags(1), "\\Seen \\Answered Old");
    EXPECT_EQ(flags(2), "New");
    EXPECT_EQ(flags(3), "\\Flagged") << "the user's own change was reset";
    EXPECT_EQ(flags(4), "\\Flagged Mine Old") << "each side changed another flag";
    EXPECT_EQ(flags(5), "none") << "what the user deleted was brought back";
    EXPECT_EQ(flags(6), "\\Seen Old");

    world_.destination.log.clear();
    set(world_.destination, 1, "");  // Once repeated, the source's change is not repeated again.
    succeed();
    EXPECT_EQ(flags(1), "");
    EXPECT_EQ(world_.destination.count_commands("store"), 0U);
    EXPECT_EQ(world_.destination.count_commands("append"), 0U);
}

TEST_P(FlagMerge, EndsTheSameWheneverTheProcessDies) {
    for (auto const death : {MemoryJournal::Death::before, MemoryJournal::Death::after}) {
        for (std::size_t k = 1; k <= 6; ++k) {
            auto const* const wanted = k % 2 == 0 ? "\\Seen" : "\\Seen Odd";
            set(world_.source, 7, wanted);
            world_.journal.die_at(k, death);
            (void)world_.run();  // Dies, or ends before that write.
            world_.journal.revive();
            succeed();
            EXPECT_EQ(flags(7), wanted) << "journal write " << k;
        }
    }
}

TEST_P(FlagMerge, EndsTheSameWhereverTheDestinationBreaks) {
    for (std::size_t k = 1; k <= 8; ++k) {
        auto const* const wanted = k % 2 == 0 ? "\\Seen" : "\\Seen Odd";
        set(world_.source, 7, wanted);
        world_.destination.fail_at(k, Fault::lose_connection);
        succeed();
        EXPECT_EQ(flags(7), wanted) << "destination step " << k;
    }
}

TEST_P(FlagMerge, BringsFlagsThatChangedWhileACopyWasInterrupted) {
    World world;
    if (!GetParam()) world.source.traits = world.destination.traits = {};
    for (int i = 1; i <= 80; ++i) world.source.add_message("INBOX", sample_message(i, 500));
    std::size_t seen = 0;
    world.destination.refuse = [&](std::string const&) -> std::optional<Error> {
        if (++seen == 2) world.stop.request();
        return std::nullopt;
    };
    ASSERT_TRUE(world.run().ok());
    auto const copied = world.destination.at("INBOX").messages.size();
    ASSERT_GT(copied, 0U);
    ASSERT_LT(copied, 80U);
    world.source.set_flags("INBOX", Uid(1), Flags::parse("\\Seen"));
    world.stop = {};
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(world.destination.at("INBOX").messages.at(0).flags.to_string(), "\\Seen");
    EXPECT_EQ(world.destination.at("INBOX").messages.size(), 80U);
}

TEST(FlagMergeCost, IsInProportionToTheChanges) {
    World world;
    for (int i = 1; i <= 50; ++i) world.source.add_message("INBOX", sample_message(i));
    ASSERT_TRUE(world.run().ok());
    world.source.set_flags("INBOX", Uid(7), Flags::parse("\\Seen"));
    world.source.log.clear();
    world.destination.log.clear();
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(world.source.count_commands("list_changes"), 1U);
    EXPECT_EQ(world.source.count_commands("list_messages"), 0U);
    EXPECT_EQ(world.destination.count_commands("list_messages"), 0U);
    EXPECT_EQ(world.destination.count_commands("store"), 1U);
    EXPECT_EQ(world.observer.last.messages_done, 50U);
}

INSTANTIATE_TEST_SUITE_P(Servers, FlagMerge, testing::Values(true, false),
                         [](auto const& each) { return each.param ? "condstore" : "no_extension"; });

}  // namespace
}  // namespace imapcopy::copy
