#pragma once

// Times as people read and write them, and durations on the command line.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock_types.hpp"
#include "common/result.hpp"
#include "ctl/arguments.hpp"

namespace imapcopy::ctl {

/// "2026-11-21 14:05:07"; empty for 0.
std::string full_time(WallTime time, Zone zone);
/// "14:05", with the date in front where it is not the day of `now`.
std::string short_time(WallTime time, WallTime now, Zone zone);

/// "90", "90s", "30m", "12h", "7d", "2w".
std::optional<std::chrono::seconds> parse_duration(std::string_view text);
/// "+2h", "HH:MM" (the next such time), "YYYY-MM-DD HH:MM[:SS]" in `zone`, or RFC 3339 with its own zone.
Result<WallTime> parse_start_time(std::string_view text, WallTime now, Zone zone);

}  // namespace imapcopy::ctl
