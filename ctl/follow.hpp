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

/// Shows progress until every job ended and returns the gravest exit status of them; 3 where the time is
/// over, 130 after Ctrl-C. Bars on a terminal, lines elsewhere, JSON Lines for -o json and jsonl, nothing
/// with -q.
int follow_jobs(FollowOptions const& options, Style const& style, DaemonClient& client, Terminal& terminal);

}  // namespace imapcopy::ctl
