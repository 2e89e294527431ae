#pragma once

// attempt(): what became of a coroutine, as a value. For code that must go on (clean up, try again, race)
// after a failure: a handler cannot wait, a value can be waited for.

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "common/result.hpp"
#include "common/task.hpp"

namespace imapcopy {

template <class T = void>
struct Attempt {
    std::exception_ptr exception = nullptr;
    std::optional<std::conditional_t<std::is_void_v<T>, std::monostate, T>> value = std::nullopt;

    bool ok() const { return exception == nullptr; }
    void rethrow() const {
        if (exception) std::rethrow_exception(exception);
    }
};

/// Runs `task` to its end and never throws.
template <class T>
Task<Attempt<T>> attempt(Task<T> task) {
    Attempt<T> result;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(task);
            result.value.emplace();
        } else {
            result.value.emplace(co_await std::move(task));
        }
    } catch (...) {
        result.exception = std::current_exception();
    }
    co_return result;
}

/// The Error of a failed attempt: that of a Failure; anything else is `internal` with its text.
inline std::optional<Error> error_of(std::exception_ptr const& exception) {
    if (!exception) return std::nullopt;
    try {
        std::rethrow_exception(exception);
    } catch (Failure const& failure) {
        return failure.error();
    } catch (std::exception const& other) {
        return Error{ErrorCode::internal, other.what()};
    }
}

}  // namespace imapcopy
