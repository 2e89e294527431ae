#pragma once

// A clock that stands still until the test moves it; a day of back-off runs in a millisecond.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>

#include "common/clock.hpp"

namespace imapcopy::test {

class ManualClock final : public Clock {
 public:
    explicit ManualClock(boost::asio::io_context& io) : io_(io) {}

    TimePoint now() const override { return now_; }
    WallTime wall_now() const override {
        return wall_start_ + std::chrono::duration_cast<std::chrono::microseconds>(now_ - TimePoint{});
    }
    /// Work costs nothing here.
    Duration processor_time() const override { return {}; }
    Task<> sleep_until(TimePoint when) override;
    std::unique_ptr<Alarm> make_alarm(std::function<void()> on_alarm) override;

    /// Moves time and wakes what is due; run the io_context afterwards.
    void advance(Duration duration);
    /// Sets the wall clock forward (or back), as after a suspend; nobody is woken.
    void step_wall(std::chrono::microseconds step) { wall_start_ += step; }
    /// Moves to the next sleeper's time. False: nobody sleeps.
    bool advance_to_next();
    /// Runs the loop until nothing is left to do, moving time whenever only sleepers are left, at most to
    /// `limit` from the start of the call. True if all work ended.
    bool run(Duration limit = std::chrono::hours(24 * 30));
    /// Runs what is ready without moving time.
    void poll();

 private:
    class ManualAlarm;
    struct Sleeper {
        TimePoint when;
        boost::asio::steady_timer* timer = nullptr;
    };
    boost::asio::io_context& io_;
    TimePoint now_ = TimePoint{} + std::chrono::hours(1);
    WallTime wall_start_ = WallTime{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1}};
    std::list<Sleeper> sleepers_;
    std::list<ManualAlarm*> alarms_;
};

}  // namespace imapcopy::test
