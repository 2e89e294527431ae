#pragma once

// Runs one coroutine to its end on a loop of the test, from outside of any coroutine.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "common/result.hpp"
#include "common/task.hpp"

namespace imapcopy::test {

/// The value of `task`; what it throws is thrown here.
template <class T>
T await(boost::asio::io_context& loop, Task<T> task) {
    std::optional<T> result;
    std::exception_ptr error;
    auto const on_end = [&](std::exception_ptr thrown, T value) {
        error = std::move(thrown);
        if (!error) result.emplace(std::move(value));
    };
    boost::asio::co_spawn(loop, std::move(task), on_end);
    loop.restart();
    loop.run();
    if (error) std::rethrow_exception(error);
    return std::move(result).value();
}

inline void await(boost::asio::io_context& loop, Task<> task) {
    std::exception_ptr error;
    auto const on_end = [&](std::exception_ptr thrown) { error = std::move(thrown); };
    boost::asio::co_spawn(loop, std::move(task), on_end);
    loop.restart();
    loop.run();
    if (error) std::rethrow_exception(error);
}

/// What `call` threw as a Failure; nothing if it did not.
template <class Call>
std::optional<Error> error_of(Call&& call) {
    try {
        (void)std::forward<Call>(call)();
        return std::nullopt;
    } catch (Failure const& failure) {
        return failure.error();
    }
}

}  // namespace imapcopy::test
