#pragma once

// How fast a job is, and when it will be done: over the last seconds, not since its beginning.

#include <cstdint>
#include <deque>

#include "common/job.hpp"

namespace imapcopy::jobs {

class Rate {
 public:
    /// `bytes` is a count that only grows; a smaller one starts afresh. Call it about once a second.
    void add(TimePoint now, std::uint64_t bytes);
    /// 0 until there are two samples.
    std::uint64_t bytes_per_second() const;
    /// Writes rate and estimated end into `progress`; no end where nothing moves.
    void apply(Progress& progress, WallTime now) const;

 private:
    struct Sample {
        TimePoint when;
        std::uint64_t bytes = 0;
    };
    std::deque<Sample> samples_;  ///< At most window of them; see rate.cpp.
};

}  // namespace imapcopy::jobs
