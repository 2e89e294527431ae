#pragma once

// Following jobs: the live display of `watch` and the waiting of `submit --wait`.

#include <map>
#include <optional>
#include <vector>

#include "ctl/arguments.hpp"
#include "ctl/service_proxy.hpp"
#include "ctl/terminal.hpp"

namespace imapcopy::ctl {

struct FollowOptions {
    std::vector<JobId> jobs;
    bool every_unfinished =
        false;  ///< All unfinished jobs, also those that are created meanwhile; `jobs` is not read.
    bool until_parked = false;  ///< A job that waits for a person counts as ended.
    std::optional<std::chrono::seconds> limit;
};

struct Followed {
    /// The gravest of the jobs, 10 where one of those asked for went before its end was seen; 3 where the
    /// time is over, 130 after Ctrl-C.
    int status = 0;
    std::map<JobId, JobView> jobs;  ///< As they were last; without those that were forgotten meanwhile.
};

/// Shows progress until every job ended: bars on a terminal, lines elsewhere, JSON Lines for -o jsonl,
/// nothing with -q. Nothing for -o json either: the caller prints the one document.
Followed follow_jobs(FollowOptions const& options, Style const& style, DaemonClient& client,
                     Terminal& terminal);

}  // namespace imapcopy::ctl
