#pragma once

// LineWatch: whether the line of one connection is what it waits for, and so slow that compressing is worth
// the CPU of both ends. Pure: it is told the times.

#include <cstdint>

#include "common/clock_types.hpp"

namespace imapcopy::copy {

class LineWatch {
 public:
    /// How long it looks before it judges.
    static constexpr std::chrono::seconds window{3};

    /// Lines below `slow_bytes_per_second` are slow; 0: none is.
    explicit LineWatch(std::uint64_t slow_bytes_per_second) : slow_bytes_per_second_(slow_bytes_per_second) {}

    /// From `began` to `ended` the connection had nothing to do but to wait for `bytes` to pass.
    void waited(TimePoint began, TimePoint ended, std::uint64_t bytes);
    /// True if the window that ends now was mostly waiting, at a slow rate. Begins the next window.
    bool is_slow(TimePoint now);

 private:
    std::uint64_t slow_bytes_per_second_;
    TimePoint since_ = TimePoint::min();
    Duration waited_{};
    std::uint64_t bytes_ = 0;
};

}  // namespace imapcopy::copy
