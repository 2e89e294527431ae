#pragma once

// with_deadline(): the only place that races two coroutines.

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "common/clock.hpp"
#include "common/result.hpp"

namespace imapcopy {
namespace detail {

/// What became of a coroutine, as a value: racing `op || timer` directly would wait for the timer when `op`
/// throws, and lose the true error.
template <class T>
struct Settled {
    std::exception_ptr exception = nullptr;
    std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> value = std::nullopt;
};

template <class T>
Task<Settled<T>> settle(Task<T> task) {
    Settled<T> settled;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(task);
            settled.value.emplace();
        } else {
            settled.value.emplace(co_await std::move(task));
        }
    } catch (...) {
        settled.exception = std::current_exception();
    }
    co_return settled;
}

}  // namespace detail

/// Awaits `task`, but at most until `deadline`; then cancels it, waits for it to end, and throws Failure
/// (timed_out, `what`). An exception of `task` passes through unchanged. `clock` must outlive the call.
template <class T>
Task<T> with_deadline(Clock& clock, TimePoint deadline, std::string what, Task<T> task) {
    using boost::asio::experimental::awaitable_operators::operator||;
    auto race = detail::settle(std::move(task)) || detail::settle(clock.sleep_until(deadline));
    auto winner = co_await std::move(race);
    if (winner.index() == 1) throw Failure(ErrorCode::timed_out, std::move(what));
    auto& settled = std::get<0>(winner);
    if (settled.exception) std::rethrow_exception(settled.exception);
    if constexpr (!std::is_void_v<T>) co_return std::move(*settled.value);
}

}  // namespace imapcopy
