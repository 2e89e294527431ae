#include "daemon/copy/lanes.hpp"

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using ::testing::ElementsAre;

using test::sample_message;
using test::World;

TEST(LanesWorthwhile, CountsFoldersAndMessages) {
    FolderWork small;
    small.source.messages = 150;
    FolderWork large;
    large.source.messages = 1000;
    EXPECT_EQ(lanes_worthwhile({}, {4, 200}), 1U);
    EXPECT_EQ(lanes_worthwhile({&large}, {4, 200, 1001}), 1U) << "one folder that is not shared";
    EXPECT_EQ(lanes_worthwhile({&large}, {4, 200, 400}), 3U) << "one folder in three parts";
    EXPECT_EQ(lanes_worthwhile({&small, &small}, {4, 200}), 2U);
    EXPECT_EQ(lanes_worthwhile({&large, &large, &small}, {4, 200, 2000}), 3U);
    EXPECT_EQ(lanes_worthwhile({&large, &large, &small}, {2, 200}), 2U);
    EXPECT_EQ(lanes_worthwhile({&large, &large, &small}, {0, 200}), 1U);
    small.source.messages = 5;
    EXPECT_EQ(lanes_worthwhile({&small, &small}, {4, 200}), 1U);
}

/// Six folders of ten messages.
void fill_folders(World& world) {
    for (char folder = 'A'; folder <= 'F'; ++folder) {
        world.source.add_mailbox(std::string(1, folder));
        for (int i = 0; i < 10; ++i)
            world.source.add_message(std::string(1, folder), sample_message(folder * 100 + i, 3000));
    }
    world.options.lanes_max = 3;
    world.options.messages_per_lane = 1;
}

TEST(Lanes, CopyInOrderOverConnectionsOfTheirOwn) {
    World world;
    fill_folders(world);
    auto const ran = world.run();
    ASSERT_TRUE(ran.ok());
    EXPECT_EQ(world.connections.count, 6U);
    EXPECT_EQ(ran.value->messages_copied, 60U);
    EXPECT_EQ(world.destination.contents(), world.source.contents());
    for (char folder = 'A'; folder <= 'F'; ++folder) {
        auto const& messages = world.destination.at(std::string(1, folder)).messages;
        ASSERT_EQ(messages.size(), 10U);
        for (int i = 0; i < 10; ++i)
            EXPECT_EQ(messages[static_cast<std::size_t>(i)].body, sample_message(folder * 100 + i, 3000));
    }
    world.connections.count = 0;
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(world.connections.count, 2U) << "where nothing is to be done, one lane is enough";
}

TEST(Lanes, OfALaterTryAreThoseThatTheServerLeftToTheOneBefore) {
    World world;
    fill_folders(world);
    world.options.lanes_max = 2;
    world.connections.refuse_once = 3;
    world.source.fail_at(12, test::Fault::lose_connection);
    auto const ran = world.run();
    ASSERT_TRUE(ran.ok());
    EXPECT_EQ(ran.value->messages_copied, 60U);
    EXPECT_EQ(world.connections.count, 4U + 2U) << "others may have the lane that was refused";
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

/// Messages of 3 KB, with the numbers from `first` to `last`.
void add_messages(World& world, std::string const& folder, int first, int last) {
    for (int i = first; i <= last; ++i) world.source.add_message(folder, sample_message(i, 3000));
}

/// Two lanes, and nothing is too little to be shared.
void share_everything(World& world) {
    world.options.lanes_max = 2;
    world.options.messages_per_lane = 1;
    world.options.work_per_share = 1;
    world.source.add_mailbox("Small");
}

/// Each lane has asked for messages of INBOX.
bool both_fetched_of_inbox(World const& world) {
    auto const of_inbox = [](auto const& lane) { return lane.second.contains("INBOX"); };
    return world.source.fetched_by.size() == 2 && std::ranges::all_of(world.source.fetched_by, of_inbox);
}

/// One folder of forty messages.
void fill_one_folder(World& world) {
    add_messages(world, "INBOX", 0, 39);
    world.options.lanes_max = 3;
    world.options.messages_per_lane = 1;
    world.options.messages_per_share = 5;
}

TEST(Lanes, ShareALargeFolder) {
    World world;
    fill_one_folder(world);
    auto const result = test::succeed(world);
    EXPECT_EQ(world.connections.count, 6U);
    EXPECT_EQ(world.source.fetched_by.size(), 3U);
    EXPECT_EQ(result.messages_copied, 40U);
    EXPECT_EQ(world.observer.last.messages_done, 40U);
    EXPECT_EQ(world.observer.last.folders_done, world.observer.last.folders_total);
    EXPECT_TRUE(world.destination.contents() == world.source.contents());
    EXPECT_FALSE(test::succeed(world).changed);
}

TEST(Lanes, LeaveTheOthersWhatIsMoreThanTheirShare) {
    World world;
    world.options.lanes_max = 2;
    for (char folder = 'A'; folder <= 'E'; ++folder) {
        std::string const name(1, folder);
        world.source.add_mailbox(name);
        for (int i = 0; i < (folder == 'C' ? 600 : 120); ++i)
            world.source.add_message(name, sample_message(i, 3000));
    }
    EXPECT_EQ(test::succeed(world).messages_copied, 1080U);
    ASSERT_EQ(world.source.fetched_by.size(), 2U);
    std::vector<std::set<std::string>> lanes;
    for (auto const& [endpoint, folders] : world.source.fetched_by) lanes.push_back(folders);
    std::ranges::sort(lanes, {}, &std::set<std::string>::size);
    EXPECT_THAT(lanes.front(), ElementsAre("C")) << "it is more than half of all";
    EXPECT_THAT(lanes.back(), ElementsAre("A", "B", "C", "D", "E")) << "and then takes of what is left";
}

TEST(Lanes, TakeWhatAnotherOneHasPlannedAndNotAskedFor) {
    World world;
    share_everything(world);
    world.options.work_per_share = PassOptions().work_per_share;
    add_messages(world, "Small", 100, 100);
    for (int i = 0; i < 60; ++i) world.source.add_message("INBOX", sample_message(i, 100'000));
    auto const result = test::succeed(world);
    EXPECT_EQ(result.messages_copied, 61U);
    EXPECT_TRUE(both_fetched_of_inbox(world));
    EXPECT_EQ(world.observer.last.folders_done, world.observer.last.folders_total);
    EXPECT_TRUE(world.destination.contents() == world.source.contents());
    EXPECT_FALSE(test::succeed(world).changed);
}

TEST(Lanes, MatchTheContentOfAFolderInOneLane) {
    World world;
    fill_one_folder(world);
    for (int i = 0; i < 40; i += 2) world.destination.add_message("INBOX", sample_message(i, 3000));
    EXPECT_EQ(test::succeed(world).messages_copied, 20U);
    EXPECT_EQ(world.source.fetched_by.size(), 1U);
    EXPECT_TRUE(world.destination.contents() == world.source.contents());
}

TEST(Lanes, ShareNoFolderWhereTheDestinationDoesNotNameTheCopies) {
    World world;
    fill_one_folder(world);
    world.options.work_per_share = 1;
    world.destination.traits.uid_plus = false;
    world.source.add_mailbox("Small");
    add_messages(world, "Small", 100, 104);
    EXPECT_EQ(test::succeed(world).messages_copied, 45U);
    EXPECT_EQ(world.connections.count, 4U) << "a lane for each folder";
    ASSERT_EQ(world.source.fetched_by.size(), 2U);
    for (auto const& [endpoint, folders] : world.source.fetched_by) EXPECT_EQ(folders.size(), 1U);
    EXPECT_TRUE(world.destination.contents() == world.source.contents());
}

TEST(Lanes, TakeNoWindowOfAFolderThatIsMatchedByContent) {
    World world;
    share_everything(world);
    world.options.messages_per_window = 30;
    add_messages(world, "INBOX", 0, 239);
    for (int i = 0; i < 240; i += 6) world.destination.add_message("INBOX", sample_message(i, 3000));
    add_messages(world, "Small", 1000, 1099);
    EXPECT_EQ(test::succeed(world).messages_copied, 300U);
    EXPECT_TRUE(both_fetched_of_inbox(world));
    EXPECT_TRUE(world.destination.contents() == world.source.contents());
}

TEST(Lanes, CountWhatIsKnownOnce) {
    World world;
    share_everything(world);
    add_messages(world, "INBOX", 0, 19);
    EXPECT_EQ(test::succeed(world).messages_copied, 20U);
    world.source.fetched_by.clear();
    add_messages(world, "INBOX", 20, 79);
    add_messages(world, "Small", 100, 100);
    auto const result = test::succeed(world);
    EXPECT_EQ(result.messages_copied, 61U);
    EXPECT_EQ(result.folders.front().recognised, 20U);
    EXPECT_EQ(world.observer.last.messages_done, world.observer.last.messages_total);
    EXPECT_TRUE(both_fetched_of_inbox(world));
}

/// Every message takes a while, in which each lane gets as much done as if it were alone.
void let_time_pass(World& world) {
    world.destination.refuse = [&](std::string const&) -> std::optional<Error> {
        world.clock.advance(std::chrono::seconds(6) / std::max(world.observer.last.lanes, 1U));
        return std::nullopt;
    };
}

TEST(Lanes, BecomeMoreWhereThatIsFaster) {
    World world;
    fill_one_folder(world);
    for (int i = 40; i < 200; ++i) world.source.add_message("INBOX", sample_message(i));
    world.options.lanes_max = 1;
    world.options.messages_per_window = 5;
    world.observer.lanes_free = 2;
    let_time_pass(world);
    EXPECT_EQ(test::succeed(world).messages_copied, 200U);
    EXPECT_EQ(world.observer.lanes_free, 0U);
    EXPECT_EQ(world.connections.count, 6U);
    EXPECT_TRUE(world.destination.contents() == world.source.contents());
}

TEST(Lanes, DoWithoutALaneThatIsRefused) {
    World world;
    fill_folders(world);
    world.connections.refuse_from = 3;
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

/// The lane that leads has taken the folders of more messages, and is done long before the other one.
TEST(Lanes, ThatAreStoppedLeaveThePassUnfinished) {
    World world;
    world.options.lanes_max = 2;
    world.options.messages_per_lane = 1;
    world.options.batch_messages_max = 1;
    world.source.add_mailbox("Quick");
    world.source.add_mailbox("Slow");
    for (int i = 11; i <= 15; ++i) world.source.add_message("Quick", sample_message(i));
    for (int i = 1; i <= 6; ++i) world.source.add_message("INBOX", sample_message(i));
    for (int i = 7; i <= 10; ++i) world.source.add_message("Slow", sample_message(i, 200'000));
    world.destination.refuse = [&](std::string const& body) -> std::optional<Error> {
        if (body == sample_message(8, 200'000)) world.stop.request();
        return std::nullopt;
    };
    auto const stopped = world.run();
    ASSERT_TRUE(stopped.ok());
    EXPECT_EQ(world.destination.at("INBOX").messages.size(), 6U) << "the lane that leads was to be done";
    EXPECT_LT(world.destination.at("Slow").messages.size(), 4U) << "the other one was not to be done";
    EXPECT_TRUE(stopped.value->stopped);
    world.stop = {};
    ASSERT_TRUE(world.run().ok());
    EXPECT_TRUE(world.destination.contents() == world.source.contents());
}

TEST(Lanes, StopAllWhenTheDestinationIsFull) {
    World world;
    fill_folders(world);
    std::size_t taken = 0;
    world.destination.refuse = [&taken](std::string const&) -> std::optional<Error> {
        if (++taken <= 20) return std::nullopt;
        return Error{ErrorCode::over_quota, "append", "full"};
    };
    auto const ran = world.run();
    ASSERT_FALSE(ran.ok());
    EXPECT_EQ(error_of(ran.exception)->code, ErrorCode::over_quota);
    world.destination.refuse = nullptr;
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

}  // namespace
}  // namespace imapcopy::copy
