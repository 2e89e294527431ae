#pragma once

// The two kinds of time, apart from clock.hpp so that plain values need no Asio.

#include <chrono>

namespace imapcopy {

/// Monotonic; for deadlines and delays.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;
/// Microseconds since the epoch, UTC; for people, for the bus and for times that outlive the process. 0 is
/// "none".
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

}  // namespace imapcopy
