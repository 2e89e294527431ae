#pragma once

// What everything that waits is handed first: time, randomness, log, and the wish to stop.

#include "common/clock.hpp"
#include "common/log.hpp"
#include "common/random.hpp"

namespace imapcopy {

/// A flag looked at between steps. Requesting a stop interrupts nothing by itself.
class StopSignal {
 public:
    void request() { requested_ = true; }
    bool requested() const { return requested_; }

 private:
    bool requested_ = false;
};

/// References to objects that main (or a test) owns and that outlive every coroutine.
struct Context {
    Clock& clock;
    Random& random;
    Log& log;
    StopSignal const& stop;
};

}  // namespace imapcopy
