#pragma once

// TaskGroup: coroutines that run side by side, with an owner that waits for all of them.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <memory>

#include "common/task.hpp"

namespace imapcopy {

/// To be awaited where a coroutine goes on after a failure that may have been its cancellation: until then
/// whatever it awaits throws before it begins, so it would leave without a join().
inline auto clear_cancellation() {
    return boost::asio::this_coro::reset_cancellation_state(boost::asio::enable_terminal_cancellation());
}

/// Owner of coroutines that run side by side. All must have ended (join) before the group is destroyed.
class TaskGroup {
 public:
    explicit TaskGroup(boost::asio::any_io_executor executor);
    ~TaskGroup();
    TaskGroup(TaskGroup const&) = delete;
    TaskGroup& operator=(TaskGroup const&) = delete;

    /// Starts `task` now.
    void spawn(Task<> task);
    /// Waits until every task has ended; rethrows the first exception that any of them threw.
    Task<> join();
    bool failed() const;

 private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace imapcopy
