#pragma once

// Bounds: what the lanes of a pass wait for most, one window of some seconds after the other. Pure: it is
// told the times.

#include <cstdint>
#include <optional>

#include "common/clock_types.hpp"
#include "common/job.hpp"

namespace imapcopy::copy {

/// What the writing half of a lane does. Whatever a pass is bound by, this half has to wait for it in the
/// end.
enum class Doing : std::uint8_t {
    our_work,               ///< Computes, or waits for the journal.
    waiting_for_source,     ///< Has nothing to write.
    busy_with_destination,  ///< Uploads, or waits for answers.
};

/// Where the time of all lanes together has gone since the pass began.
struct Spending {
    Duration our_work{};
    Duration waiting_for_source{};
    Duration busy_with_destination{};
    // What the connections have waited for their lines, whatever the writing halves did meanwhile.
    Duration source_line{};
    Duration destination_line{};
    Duration processor{};  ///< Of our thread, whoever it worked for.

    Duration& of(Doing doing);
};
Spending operator+(Spending const& a, Spending const& b);
Spending operator-(Spending const& a, Spending const& b);

/// Whether the pass has as many lanes as are worth their connections.
enum class LaneSupply : std::uint8_t { enough, too_few };

/// What bounded a pass for `elapsed`, in which its lanes spent their time so. Unknown where there was no lane
/// for most of the time.
Bound judge(Spending const& spent, Duration elapsed, LaneSupply supply);

class Bounds {
 public:
    /// Shorter ones say more of single messages than of servers.
    static constexpr std::chrono::seconds window{3};

    /// What bounded the pass in the window that has just ended.
    struct Verdict {
        Bound bound = Bound::unknown;
        Duration span{};
    };

    /// Without a window open, or with one that has been open for long enough.
    bool is_due(TimePoint now) const { return !since_ || now - *since_ >= window; }
    /// When it is due: ends the window, if one is open, and opens the next. `spent` only grows.
    std::optional<Verdict> look(TimePoint now, Spending const& spent, LaneSupply supply);

 private:
    std::optional<TimePoint> since_;
    Spending before_;
};

}  // namespace imapcopy::copy
