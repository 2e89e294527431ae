#pragma once

// May this job be created, and as what? Pure.

#include <cstdint>
#include <string>

#include "common/job.hpp"
#include "common/result.hpp"
#include "daemon/jobs/roster.hpp"

namespace imapcopy::jobs {

/// Unfinished jobs of the moment.
struct Load {
    std::uint32_t jobs = 0;
    std::uint32_t jobs_of_user = 0;
};

/// `spec` with presets resolved and defaults filled. Errors: invalid_argument, and what Providers::resolve
/// says; same_mailbox where both sides open the same mailbox.
Result<JobSpec> resolved(JobSpec spec, Settings const& settings);

/// One account with its preset applied; `side` goes into the error.
Result<AccountSpec> resolved_account(AccountSpec account, Side side, config::Providers const& providers);

/// queue_full where the configuration allows no more.
Result<> check_load(Load const& load, config::Config::Limits const& limits);

}  // namespace imapcopy::jobs
