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
        auto const ran = run_task(io, clock, queue.next(seat));
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

    boost::asio::io_context io;
    ManualClock clock{io};
    FolderWork large;
    FolderWork small;
    LaneSeat lead;
    LaneSeat other{true};
    FolderQueue queue{2};
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
    auto waiting = [&]() -> Task<> { given = co_await queue.next(other); };
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
        (void)co_await queue.next(lead);
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
    EXPECT_TRUE(queue.leaves_enough(100, 40)) << "a lane with little to do takes whatever there is";
    EXPECT_TRUE(queue.leaves_enough(170, 200)) << "half of it, and a few more";
    EXPECT_FALSE(queue.leaves_enough(171, 200));
    EXPECT_EQ(next(lead), &large);
    EXPECT_TRUE(queue.leaves_enough(171, 200)) << "of the next folder it is fewer";
    EXPECT_EQ(next(other), &small);
    EXPECT_TRUE(queue.leaves_enough(201, 200)) << "nothing is left that others could have";
}

}  // namespace
}  // namespace imapcopy::copy
