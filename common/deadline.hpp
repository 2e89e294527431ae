#pragma once

// with_deadline(): the only place that races two coroutines.

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <string>
#include <type_traits>
#include <utility>

#include "common/attempt.hpp"
#include "common/clock.hpp"
#include "common/result.hpp"

namespace imapcopy {

/// Awaits `task`, but at most until `deadline`; then cancels it, waits for it to end, and throws Failure
/// (timed_out, `what`). An exception of `task` passes through unchanged. `clock` must outlive the call.
/// Both sides are turned into values first: racing `op || timer` directly waits for the timer when `op`
/// throws, and loses the true error.
template <class T>
Task<T> with_deadline(Clock& clock, TimePoint deadline, std::string what, Task<T> task) {
    using boost::asio::experimental::awaitable_operators::operator||;
    auto race = attempt(std::move(task)) || attempt(clock.sleep_until(deadline));
    auto winner = co_await std::move(race);
    if (winner.index() == 1) throw Failure(ErrorCode::timed_out, std::move(what));
    auto& result = std::get<0>(winner);
    result.rethrow();
    if constexpr (!std::is_void_v<T>) co_return std::move(*result.value);
}

}  // namespace imapcopy
