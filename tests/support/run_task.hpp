#pragma once

// Runs one coroutine to its end on a manual clock.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "common/attempt.hpp"
#include "tests/support/manual_clock.hpp"

namespace imapcopy::test {

template <class T>
Task<> store_attempt(Task<T> task, Attempt<T>& result, bool& ended) {
    result = co_await attempt(std::move(task));
    ended = true;
}

/// Moves time whenever only sleepers are left. Fails the test if the task does not end within a month.
template <class T>
Attempt<T> run_task(boost::asio::io_context& io, ManualClock& clock, Task<T> task) {
    Attempt<T> result;
    bool ended = false;
    boost::asio::co_spawn(io, store_attempt(std::move(task), result, ended), boost::asio::detached);
    while (!ended && (clock.poll(), !ended) && clock.advance_to_next()) {
    }
    clock.poll();
    EXPECT_TRUE(ended) << "the task is stuck";
    return result;
}

}  // namespace imapcopy::test
