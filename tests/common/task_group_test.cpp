#include "common/task_group.hpp"

#include <gtest/gtest.h>

#include "common/event.hpp"
#include "tests/support/loop_runner.hpp"

namespace imapcopy {
namespace {

Task<> count_when(Event& event, int& count) {
    co_await event.wait();
    ++count;
}

Task<> fail_when(Event& event, ErrorCode code) {
    co_await event.wait();
    throw Failure(code, "work");
}

class TaskGroupTest : public testing::Test {
 protected:
    void drain() {
        io_.restart();
        io_.poll();
    }

    boost::asio::io_context io_;
    test::LoopRunner runner_{io_};
    TaskGroup group_{io_.get_executor()};
    Event go_;
    int count_ = 0;
};

TEST_F(TaskGroupTest, JoinOfAnEmptyGroupReturnsAtOnce) {
    EXPECT_TRUE(runner_.run(group_.join())->result.ok());
    EXPECT_FALSE(group_.failed());
}

TEST_F(TaskGroupTest, JoinWaitsForEveryTask) {
    Event later;
    group_.spawn(count_when(go_, count_));
    group_.spawn(count_when(later, count_));
    auto const joined = runner_.start(group_.join());
    go_.set();
    drain();
    EXPECT_EQ(count_, 1);
    EXPECT_FALSE(joined->done);
    later.set();
    drain();
    EXPECT_EQ(count_, 2);
    EXPECT_TRUE(joined->done);
}

TEST_F(TaskGroupTest, JoinRethrowsTheFirstFailureAfterAllHaveEnded) {
    Event later;
    group_.spawn(fail_when(go_, ErrorCode::over_quota));
    group_.spawn(fail_when(later, ErrorCode::internal));
    auto const joined = runner_.start(group_.join());
    go_.set();
    drain();
    EXPECT_TRUE(group_.failed());
    EXPECT_FALSE(joined->done);
    later.set();
    drain();
    EXPECT_EQ(joined->failure(), ErrorCode::over_quota);
}

TEST_F(TaskGroupTest, CanBeUsedAgainAfterJoin) {
    go_.set();
    group_.spawn(fail_when(go_, ErrorCode::over_quota));
    EXPECT_EQ(runner_.run(group_.join())->failure(), ErrorCode::over_quota);
    group_.spawn(count_when(go_, count_));
    EXPECT_TRUE(runner_.run(group_.join())->result.ok());
    EXPECT_EQ(count_, 1);
}

}  // namespace
}  // namespace imapcopy
