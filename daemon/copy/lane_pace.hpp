#pragma once

// LanePace: how one lane spends its time. The paces of all lanes together tell what bounds the pass.

#include "daemon/copy/bounds.hpp"
#include "daemon/copy/lane.hpp"

namespace imapcopy::copy {

/// One lane at work. Nothing happens in its destructor, which may run when the loop is torn down.
class LanePace {
 public:
    /// The lane begins. `parts` outlives it.
    explicit LanePace(LaneParts& parts);
    LanePace(LanePace const&) = delete;
    LanePace& operator=(LanePace const&) = delete;

    /// To be called, whatever became of the lane.
    void end();
    /// The writing half begins to do something else. Returns what it has done until now.
    Doing turn_to(Doing doing);
    /// Tells the pass's observer what bounds it, once in each window. Cheap between two windows.
    void look();
    /// Up to `now`.
    Spending spent(TimePoint now) const;

 private:
    LaneParts& parts_;
    Doing doing_ = Doing::our_work;
    TimePoint since_;
    Spending spent_;
    // What the connections had waited before this lane.
    Duration source_line_before_;
    Duration destination_line_before_;
};

/// Takes over what the connections of a lane have found out about the way to their servers.
void note_round_trips(LaneParts& parts);

}  // namespace imapcopy::copy
