#include "daemon/copy/folder_queue.hpp"

#include <gtest/gtest.h>

#include "tests/support/run_task.hpp"

namespace imapcopy::copy {
namespace {

using test::ManualClock;
using test::run_task;

UidRange uids(std::uint32_t first, std::uint32_t last) {
    return {Uid(first), Uid(last)};
}

class FolderQueueTest : public ::testing::Test {
 protected:
    FolderQueueTest() { queue.open({&large, &small}); }

    FolderWork* next(LaneSeat& seat) {
        auto const ran = run_task(io, clock, queue.next(seat, at_least));
        EXPECT_TRUE(ran.ok()) << "it waits for somebody";
        return ran.ok() ? ran.value->folder : nullptr;
    }
    /// Both folders are begun, and `large` has three windows that may be shared.
    void begin_both() {
        EXPECT_EQ(next(lead), &large);
        EXPECT_EQ(next(other), &small);
        queue.set_windows(small, {}, true);
        queue.set_windows(large, {uids(1, 10), uids(11, 20), uids(21, 30)}, true);
    }

    static constexpr std::uint64_t worthwhile = 5;
    static std::uint64_t at_least() { return worthwhile; }

    boost::asio::io_context io;
    ManualClock clock{io};
    FolderWork large;
    FolderWork small;
    LaneSeat lead;
    LaneSeat other{true};
    FolderQueue queue{2, 1024 * 1024};
};

TEST_F(FolderQueueTest, GivesEachFolderToOneLane) {
    EXPECT_TRUE(queue.has_more());
    EXPECT_EQ(next(lead), &large);
    EXPECT_EQ(next(other), &small);
    EXPECT_FALSE(queue.has_more());
    queue.set_windows(large, {uids(1, 10)}, false);
    queue.set_windows(small, {uids(1, 10)}, false);
    EXPECT_EQ(next(other), nullptr) << "nothing of it may be shared";
}

TEST_F(FolderQueueTest, SharesTheWindowsOfALargeFolder) {
    begin_both();
    EXPECT_TRUE(queue.has_more());
    EXPECT_EQ(next(other), &large);
    EXPECT_EQ(queue.take_window(large, lead), uids(1, 10));
    EXPECT_EQ(queue.take_window(large, other), uids(11, 20));
    EXPECT_EQ(queue.take_window(large, lead), uids(21, 30));
    EXPECT_EQ(queue.take_window(large, other), std::nullopt);
    EXPECT_EQ(next(other), nullptr);
}

TEST_F(FolderQueueTest, LetsALaneWaitWhileAFolderMayYetBeShared) {
    EXPECT_EQ(next(lead), &large);
    EXPECT_EQ(next(other), &small);
    queue.set_windows(small, {}, false);
    FolderTurn given;
    auto waiting = [&]() -> Task<> { given = co_await queue.next(other, at_least); };
    boost::asio::co_spawn(io, waiting(), boost::asio::detached);
    io.run();
    io.restart();
    EXPECT_EQ(given.folder, nullptr);
    queue.set_windows(large, {uids(1, 10)}, true);
    io.run();
    EXPECT_EQ(given.folder, &large);
    EXPECT_FALSE(given.begins);
}

TEST_F(FolderQueueTest, LetsNobodyWaitForAFolderThatCannotBePlanned) {
    begin_both();
    bool ended = false;
    auto waiting = [&]() -> Task<> {
        (void)co_await queue.next(lead, at_least);
        ended = true;
    };
    boost::asio::co_spawn(io, waiting(), boost::asio::detached);
    io.run();
    io.restart();
    EXPECT_FALSE(ended) << "there are windows before it";
    queue.drop_windows(large);
    io.run();
    EXPECT_TRUE(ended);
    EXPECT_EQ(next(other), nullptr);
}

TEST_F(FolderQueueTest, LetsALaneRetireBetweenTwoWindows) {
    begin_both();
    EXPECT_EQ(next(other), &large);
    queue.retire_one();
    EXPECT_EQ(queue.take_window(large, lead), uids(1, 10)) << "the lane that leads stays";
    EXPECT_EQ(queue.take_window(large, other), std::nullopt);
    EXPECT_TRUE(other.retired);
    EXPECT_EQ(next(other), nullptr);
    EXPECT_EQ(queue.take_window(large, lead), uids(11, 20)) << "one was to retire, not two";
}

TEST_F(FolderQueueTest, LetsNoLaneRetireInThePlaceOfOneThatHasEnded) {
    begin_both();
    queue.retire_one();
    queue.remove_lane(LaneSeat{true});
    EXPECT_EQ(next(other), &large);
    EXPECT_FALSE(other.retired);
}

TEST_F(FolderQueueTest, LetsNoLaneRetireFromAFolderOfItsOwn) {
    EXPECT_EQ(next(other), &large);
    queue.set_windows(large, {uids(1, 10)}, false);
    queue.retire_one();
    EXPECT_EQ(queue.take_window(large, other), uids(1, 10));
    EXPECT_EQ(next(other), nullptr);
    EXPECT_EQ(next(lead), &small);
}

TEST_F(FolderQueueTest, GivesNothingMoreOnceItHasEnded) {
    begin_both();
    queue.end();
    EXPECT_EQ(queue.take_window(large, lead), std::nullopt);
    EXPECT_EQ(next(lead), nullptr);
    EXPECT_FALSE(queue.has_more());
}

TEST_F(FolderQueueTest, LetsALonelyLanePlanFurtherAhead) {
    std::vector<FolderWork> many(16);
    std::vector<FolderWork*> folders;
    for (auto& each : many) folders.push_back(&each);
    queue.open(folders);
    EXPECT_EQ(queue.ahead_max(), 2U);
    queue.remove_lane(other);
    EXPECT_EQ(queue.ahead_max(), 8U);
    queue.add_lane();
    EXPECT_EQ(queue.ahead_max(), 2U);
}

TEST_F(FolderQueueTest, LeavesTheOthersTheirShare) {
    large.source.messages = 30;
    small.source.messages = 10;
    EXPECT_TRUE(queue.leaves_enough(100, 40, 100)) << "a lane with little to do takes whatever there is";
    EXPECT_TRUE(queue.leaves_enough(170, 200, 100)) << "half of it, and a few more";
    EXPECT_FALSE(queue.leaves_enough(171, 200, 100));
    EXPECT_EQ(next(lead), &large);
    EXPECT_TRUE(queue.leaves_enough(171, 200, 100)) << "of the next folder it is fewer";
    EXPECT_EQ(next(other), &small);
    EXPECT_FALSE(queue.leaves_enough(101, 200, 100)) << "what others have planned is for lanes with nothing";
    EXPECT_TRUE(queue.leaves_enough(100, 200, 100));
}

std::vector<MessageMeta> messages(std::uint32_t first, std::uint32_t last) {
    std::vector<MessageMeta> made;
    for (auto uid = first; uid <= last; ++uid) {
        made.emplace_back().uid = Uid(uid);
        made.back().size_bytes = 200'000;
    }
    return made;
}

std::vector<Uid> uids_of(std::vector<MessageMeta> const& of) {
    std::vector<Uid> found;
    for (auto const& each : of) found.push_back(each.uid);
    return found;
}

TEST_F(FolderQueueTest, SharesWhatIsPlannedOfAnyFolder) {
    begin_both();
    queue.drop_windows(large);
    EXPECT_FALSE(queue.has_more());
    queue.add_planned(small, messages(1, 6));
    EXPECT_FALSE(queue.has_more()) << "a new lane would not take so few";
    queue.add_planned(large, messages(1, 100));
    EXPECT_TRUE(queue.has_more());
    EXPECT_EQ(next(other), &large);
    EXPECT_EQ(next(other), nullptr) << "it has been given both";
    EXPECT_EQ(next(lead), &small);
}

TEST_F(FolderQueueTest, SharesNoFolderOfWhichLittleIsLeft) {
    begin_both();
    queue.drop_windows(large);
    queue.add_planned(large, messages(1, worthwhile - 1));
    EXPECT_EQ(next(other), nullptr) << "too few";
    auto few_bytes = messages(1, 20);
    for (auto& each : few_bytes) each.size_bytes = 1000;
    queue.add_planned(small, std::move(few_bytes));
    EXPECT_EQ(next(lead), nullptr) << "they are small";
}

TEST_F(FolderQueueTest, TakesWhatIsPlannedInOrderAndNoMoreThanMayBeAskedForTogether) {
    Event changed;
    FolderQueue::Watch const watch(queue, changed);
    queue.add_planned(large, messages(1, 3));
    queue.add_planned(large, messages(7, 7));
    EXPECT_TRUE(changed.is_set());
    changed.clear();
    EXPECT_EQ(uids_of(queue.take_planned(large, 2)), (std::vector{Uid(1), Uid(2)}));
    EXPECT_TRUE(changed.is_set());
    EXPECT_EQ(large.planned_messages, 2U);
    EXPECT_EQ(uids_of(queue.take_planned(large, 9)), (std::vector{Uid(3)}));
    EXPECT_EQ(uids_of(queue.take_planned(large, 9)), (std::vector{Uid(7)}));
    EXPECT_EQ(large.planned_messages, 0U);
    EXPECT_TRUE(large.planned.empty());
}

TEST_F(FolderQueueTest, LetsNobodyWaitForAFolderThatOneLanePlansAlone) {
    EXPECT_EQ(next(lead), &large);
    EXPECT_EQ(next(other), &small);
    queue.set_windows(small, {}, false);
    queue.set_windows(large, {uids(1, 10)}, false);
    ++large.planners;
    EXPECT_EQ(next(other), nullptr);
}

TEST_F(FolderQueueTest, LetsALaneWaitWhileAnotherOnePlansTheLastWindow) {
    begin_both();
    ++large.planners;
    queue.drop_windows(large);
    bool ended = false;
    auto waiting = [&]() -> Task<> {
        (void)co_await queue.next(other, at_least);
        ended = true;
    };
    boost::asio::co_spawn(io, waiting(), boost::asio::detached);
    io.run();
    io.restart();
    EXPECT_FALSE(ended) << "something of it may be left for others";
    queue.end_planning(large);
    io.run();
    EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace imapcopy::copy
