#pragma once

// One attempt of a job, from connect to report.

#include <cstdint>

#include "common/context.hpp"
#include "common/job.hpp"
#include "daemon/config/config.hpp"
#include "daemon/copy/abort.hpp"
#include "daemon/copy/pass.hpp"
#include "daemon/jobs/pass_runner.hpp"
#include "daemon/store/job_store.hpp"
#include "daemon/store/reports.hpp"

namespace imapcopy::jobs {

/// Where an attempt reads and writes; owned by main, outlives every attempt.
struct AttemptParts {
    store::JobStore& jobs;
    store::Reports& reports;
    PassRunner& runner;
};

struct Attempt {
    store::JobRow row;
    config::Config config;
    std::uint32_t lanes_max = 1;
    bool alone = false;  ///< No other job ran, or waited for its turn, when it began.
};

/// How an attempt ended; a value, because the supervisor decides what follows.
struct AttemptEnd {
    enum class Kind : std::uint8_t {
        complete,
        stopped,  ///< The stop signal, or abort, ended it early; nothing is lost.
        failed,   ///< By `error`.
    } kind = Kind::failed;
    std::uint32_t pass = 0;        ///< Of `complete`: the number of this pass.
    std::uint64_t exceptions = 0;  ///< Of `complete`.
    Error error;
};

/// Hears of an attempt while it runs.
class AttemptObserver : public copy::Observer {
 public:
    /// A connection has logged in to this side.
    virtual void reached(Side side) = 0;
};

/// Opens the secrets, runs a pass, delivers the completion mail, stores the result. Never throws: errors
/// become part of the value. `context.stop` ends it between steps; `abort` together with Asio cancellation
/// ends it at once: the lanes of a pass hear the one, all else the other. `abort` and `observer` outlive it.
Task<AttemptEnd> run_job(Context context, AttemptParts parts, Attempt attempt, copy::Abort& abort,
                         AttemptObserver& observer);

}  // namespace imapcopy::jobs
