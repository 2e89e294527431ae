#pragma once

// Time as an object, so that tests own it. The only door to steady_timer and to the clocks of <chrono>.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock_types.hpp"
#include "common/task.hpp"

namespace imapcopy {

/// A deadline that can be moved cheaply (once a read) and calls back once when it passes.
class Alarm {
 public:
    virtual ~Alarm() = default;
    /// Calls back at `when`, on the loop, unless moved or cleared before. Moving it later costs no system
    /// call.
    virtual void set(TimePoint when) = 0;
    virtual void clear() = 0;
};

class Clock {
 public:
    virtual ~Clock() = default;
    virtual TimePoint now() const = 0;
    virtual WallTime wall_now() const = 0;
    /// How long a processor has worked for the calling thread since the thread began.
    virtual Duration processor_time() const = 0;
    /// Returns at `when` or at once if it has passed. Ends early only by Asio cancellation (throws).
    virtual Task<> sleep_until(TimePoint when) = 0;
    /// `on_alarm` must not throw and outlives nothing: destroying the alarm forgets it.
    virtual std::unique_ptr<Alarm> make_alarm(std::function<void()> on_alarm) = 0;

    Task<> sleep_for(Duration duration) { return sleep_until(now() + duration); }
};

class RealClock final : public Clock {
 public:
    explicit RealClock(boost::asio::any_io_executor executor);
    TimePoint now() const override;
    WallTime wall_now() const override;
    Duration processor_time() const override;
    Task<> sleep_until(TimePoint when) override;
    std::unique_ptr<Alarm> make_alarm(std::function<void()> on_alarm) override;

 private:
    boost::asio::any_io_executor executor_;
};

/// RFC 3339, UTC, whole seconds: "2026-11-21T08:15:00Z". Empty for 0.
std::string to_rfc3339(WallTime time);
/// The reverse; also accepts "2026-11-21 08:15" and a numeric zone. Nothing for anything else.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace imapcopy
