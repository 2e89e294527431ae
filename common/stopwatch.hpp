#pragma once

// Stopwatch: how long something has gone on in all, in however many pieces. Pure: it is told the times.

#include <optional>

#include "common/clock_types.hpp"

namespace imapcopy {

class Stopwatch {
 public:
    void start(TimePoint now) { since_ = now; }
    void stop(TimePoint now) {
        total_ = total(now);
        since_.reset();
    }
    /// The piece that is under way counts up to `now`.
    Duration total(TimePoint now) const { return since_ ? total_ + (now - *since_) : total_; }

 private:
    Duration total_{};
    std::optional<TimePoint> since_;
};

}  // namespace imapcopy
