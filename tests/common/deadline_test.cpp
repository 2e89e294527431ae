#include "common/deadline.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "tests/support/manual_clock.hpp"

namespace imapcopy {
namespace {

Task<int> answer_after(Clock& clock, Duration delay) {
    co_await clock.sleep_for(delay);
    co_return 42;
}

Task<> fail_after(Clock& clock, Duration delay) {
    co_await clock.sleep_for(delay);
    throw Failure(ErrorCode::auth_rejected, "log in");
}

/// Runs `task` to its end on the manual clock and gives back what it threw, if anything.
template <class T>
std::optional<Error> error_of(boost::asio::io_context& io, test::ManualClock& clock, Task<T> task) {
    std::optional<Error> error;
    bool ended = false;
    auto const on_end = [&](std::exception_ptr thrown, auto&&...) {
        ended = true;
        if (!thrown) return;
        try {
            std::rethrow_exception(thrown);
        } catch (Failure const& failure) {
            error = failure.error();
        }
    };
    boost::asio::co_spawn(io, std::move(task), on_end);
    clock.run();
    EXPECT_TRUE(ended);
    return error;
}

TEST(WithDeadline, PassesTheValueOn) {
    boost::asio::io_context io;
    test::ManualClock clock(io);
    auto const start = clock.now();
    EXPECT_FALSE(error_of(io, clock,
                          with_deadline(clock, start + std::chrono::seconds(5), "wait",
                                        answer_after(clock, std::chrono::seconds(1)))));
}

TEST(WithDeadline, TimesOutAtTheDeadline) {
    boost::asio::io_context io;
    test::ManualClock clock(io);
    auto const start = clock.now();
    auto const error = error_of(io, clock,
                                with_deadline(clock, start + std::chrono::seconds(5), "wait for the greeting",
                                              answer_after(clock, std::chrono::hours(1))));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::timed_out);
    EXPECT_EQ(error->message, "wait for the greeting");
    EXPECT_EQ(clock.now(), start + std::chrono::seconds(5));
}

TEST(WithDeadline, KeepsTheTrueErrorAndEndsAtOnce) {
    boost::asio::io_context io;
    test::ManualClock clock(io);
    auto const start = clock.now();
    auto const error = error_of(io, clock,
                                with_deadline(clock, start + std::chrono::hours(1), "wait",
                                              fail_after(clock, std::chrono::seconds(1))));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::auth_rejected);
    EXPECT_EQ(clock.now(), start + std::chrono::seconds(1));
}

}  // namespace
}  // namespace imapcopy
