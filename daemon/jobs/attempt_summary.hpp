#pragma once

// AttemptSummary: what the log says of an attempt when it has ended.

#include <array>
#include <cstdint>
#include <string>

#include "common/job.hpp"
#include "common/log.hpp"

namespace imapcopy::jobs {

class AttemptSummary {
 public:
    void add(Progress const& progress);
    /// As copy::Observer::bound_by.
    void bound_by(Bound bound, Duration span);

    /// Bytes of messages that were copied.
    std::uint64_t bytes() const { return latest_.bytes_done; }
    /// "line 71 %, source 29 %" of the time in which it was known what bounds the job, most first; empty: it
    /// never was.
    std::string bounds() const;
    /// One line about `job`, which has entered the phase that follows the attempt.
    void write(Log& log, JobView const& job, std::uint64_t exceptions, Duration elapsed) const;

 private:
    Progress latest_;
    std::uint32_t lanes_most_ = 0;
    std::array<Duration, 6> spans_{};  ///< By Bound.
};

}  // namespace imapcopy::jobs
