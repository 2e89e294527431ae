#pragma once

// LineWatch: whether the line of one connection is what it waits for, and so slow that compressing is worth
// the CPU of both ends. Pure: it is told the times.

#include <cstdint>
#include <optional>

#include "common/clock_types.hpp"

namespace imapcopy::copy {

/// What a connection has done since its login.
struct LineUse {
    Duration waited{};        ///< With nothing to do but to wait for bytes to pass.
    std::uint64_t bytes = 0;  ///< That have passed.
};

class LineWatch {
 public:
    /// How long it looks before it judges.
    static constexpr std::chrono::seconds window{3};

    /// Lines below `slow_bytes_per_second` are slow; 0: none is.
    explicit LineWatch(std::uint64_t slow_bytes_per_second) : slow_bytes_per_second_(slow_bytes_per_second) {}

    /// True if the window that ends now was mostly waiting, at a slow rate. Begins the next window; the first
    /// one begins with the first call.
    bool is_slow(TimePoint now, LineUse const& use);

 private:
    std::uint64_t slow_bytes_per_second_;
    std::optional<TimePoint> since_;
    LineUse before_;  ///< At the beginning of the window.
};

}  // namespace imapcopy::copy
