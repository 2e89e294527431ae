#include "common/event.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "tests/support/loop_runner.hpp"

namespace imapcopy {
namespace {

class Waiting : public testing::Test {
 protected:
    void drain() {
        io_.restart();
        io_.poll();
    }

    boost::asio::io_context io_;
    test::LoopRunner runner_{io_};
};

using EventTest = Waiting;
using AsyncMutexTest = Waiting;

TEST_F(EventTest, WakesEverybodyWhoWaits) {
    Event event;
    auto const first = runner_.start(event.wait());
    auto const second = runner_.start(event.wait());
    drain();
    EXPECT_FALSE(first->done || second->done);
    event.set();
    drain();
    EXPECT_TRUE(first->done && second->done);
    EXPECT_TRUE(event.is_set());
}

TEST_F(EventTest, StaysSetUntilCleared) {
    Event event;
    event.set();
    auto const at_once = runner_.start(event.wait());
    drain();
    EXPECT_TRUE(at_once->done);
    event.clear();
    auto const later = runner_.start(event.wait());
    drain();
    EXPECT_FALSE(later->done);
    event.set();
    drain();
    EXPECT_TRUE(later->done);
}

TEST_F(EventTest, CancelledWaiterLeavesTheOthersWaiting) {
    Event event;
    boost::asio::cancellation_signal signal;
    bool cancelled = false;
    auto on_end = [&](std::exception_ptr thrown) { cancelled = thrown != nullptr; };
    boost::asio::co_spawn(io_, event.wait(),
                          boost::asio::bind_cancellation_slot(signal.slot(), std::move(on_end)));
    auto const other = runner_.start(event.wait());
    drain();
    signal.emit(boost::asio::cancellation_type::terminal);
    drain();
    EXPECT_TRUE(cancelled);
    EXPECT_FALSE(other->done);
    event.set();
    drain();
    EXPECT_TRUE(other->done);
}

/// Takes the lock, notes its turn, and keeps the lock until `leave` is set.
Task<> visit(AsyncMutex& mutex, Event& leave, std::vector<int>& order, int name) {
    auto const lock = co_await mutex.lock();
    order.push_back(name);
    co_await leave.wait();
}

TEST_F(AsyncMutexTest, LetsInOneAtATimeFirstComeFirstServed) {
    AsyncMutex mutex;
    Event leave[3];
    std::vector<int> order;
    for (int i = 0; i < 3; ++i) (void)runner_.start(visit(mutex, leave[i], order, i));
    drain();
    EXPECT_EQ(order, std::vector<int>({0}));
    leave[0].set();
    drain();
    EXPECT_EQ(order, std::vector<int>({0, 1}));
    leave[1].set();
    leave[2].set();
    drain();
    EXPECT_EQ(order, std::vector<int>({0, 1, 2}));
    (void)runner_.start(visit(mutex, leave[0], order, 3));
    drain();
    EXPECT_EQ(order.back(), 3);
}

TEST_F(AsyncMutexTest, CancelledWaiterLeavesTheQueue) {
    AsyncMutex mutex;
    Event leave;
    std::vector<int> order;
    auto const holder = runner_.start(visit(mutex, leave, order, 0));
    boost::asio::cancellation_signal signal;
    auto on_end = [](std::exception_ptr const&) {};
    boost::asio::co_spawn(io_, visit(mutex, leave, order, 1),
                          boost::asio::bind_cancellation_slot(signal.slot(), std::move(on_end)));
    auto const last = runner_.start(visit(mutex, leave, order, 2));
    drain();
    signal.emit(boost::asio::cancellation_type::terminal);
    drain();
    leave.set();
    drain();
    EXPECT_TRUE(holder->done && last->done);
    EXPECT_EQ(order, std::vector<int>({0, 2}));
}

TEST_F(AsyncMutexTest, TurnThatComesTogetherWithCancellationIsPassedOn) {
    AsyncMutex mutex;
    Event leave;
    std::vector<int> order;
    auto const holder = runner_.start(visit(mutex, leave, order, 0));
    boost::asio::cancellation_signal signal;
    auto on_end = [](std::exception_ptr const&) {};
    boost::asio::co_spawn(io_, visit(mutex, leave, order, 1),
                          boost::asio::bind_cancellation_slot(signal.slot(), std::move(on_end)));
    auto const last = runner_.start(visit(mutex, leave, order, 2));
    drain();
    leave.set();
    signal.emit(boost::asio::cancellation_type::terminal);
    drain();
    EXPECT_TRUE(holder->done && last->done) << "the lock was lost";
    EXPECT_EQ(order.back(), 2);
}

}  // namespace
}  // namespace imapcopy
