#pragma once

// LoopRunner: runs coroutines on an io_context and hands back what became of them.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>

#include "common/attempt.hpp"

namespace imapcopy::test {

/// A coroutine under way; `done` with its value or its error.
template <class T = void>
struct Running {
    bool done = false;
    Attempt<T> result;

    /// The code that it failed with, or nothing.
    std::optional<ErrorCode> failure() const {
        auto const error = error_of(result.exception);
        return error ? std::optional(error->code) : std::nullopt;
    }
    std::string message() const {
        auto const error = error_of(result.exception);
        return error ? to_string(*error) : "no error";
    }
};

class LoopRunner {
 public:
    explicit LoopRunner(boost::asio::io_context& io) : io_(io) {}

    template <class T>
    std::shared_ptr<Running<T>> start(Task<T> task) {
        auto running = std::make_shared<Running<T>>();
        auto finish = [running](std::exception_ptr const&, Attempt<T> result) {
            running->result = std::move(result);
            running->done = true;
        };
        boost::asio::co_spawn(io_, attempt(std::move(task)), std::move(finish));
        return running;
    }

    /// Runs the loop until `condition()`; a test failure after ten seconds without it.
    template <class Condition>
    void run_until(Condition const& condition) {
        auto const give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!condition()) {
            io_.restart();
            io_.run_one_for(std::chrono::milliseconds(100));
            if (std::chrono::steady_clock::now() > give_up) {
                ADD_FAILURE() << "the loop did not get there";
                return;
            }
        }
    }

    template <class T>
    std::shared_ptr<Running<T>> run(Task<T> task) {
        auto running = start(std::move(task));
        run_until([&] { return running->done; });
        return running;
    }

 private:
    boost::asio::io_context& io_;
};

}  // namespace imapcopy::test
