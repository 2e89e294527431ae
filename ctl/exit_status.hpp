#pragma once

// Exit statuses that belong to no error of the table in common/error.

namespace imapcopy::ctl::exit_status {

inline constexpr int done = 0;
inline constexpr int usage = 2;
inline constexpr int wait_over = 3;
inline constexpr int job_failed = 4;
inline constexpr int with_exceptions = 5;
inline constexpr int differences = 6;
inline constexpr int no_daemon = 8;
inline constexpr int no_such = 10;
inline constexpr int source_refused = 12;
inline constexpr int destination_refused = 13;
inline constexpr int temporary = 75;
inline constexpr int detached = 130;

}  // namespace imapcopy::ctl::exit_status
