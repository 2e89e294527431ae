#pragma once

// (jobs, limits, now) → which to start, and when to look again. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/job.hpp"
#include "daemon/config/config.hpp"
#include "daemon/jobs/host_health.hpp"

namespace imapcopy::jobs {

/// What one side of a job takes of a server while it runs.
struct SideUse {
    std::string host;
    std::string account;                        ///< Host and mailbox; equal means the same mailbox.
    bool connecting = false;                    ///< The job runs, and has not reached this side yet.
    std::uint32_t account_connections_max = 0;  ///< A provider's own limit; 0: only the configured one.
};

/// The server of `account`, as a key.
std::string host_key(AccountSpec const& account);
/// The mailbox that `account` opens, as a key: host and authorised identity, or login where there is none.
std::string mailbox_key(AccountSpec const& account);

struct Candidate {
    JobId id;
    bool running = false;
    std::uint32_t lanes = 1;  ///< Of a running job: as it was started, each a connection to both sides.
    WallTime due = {};        ///< Not before; 0: now.
    SideUse source;
    SideUse destination;
};

struct Start {
    JobId id;
    std::uint32_t lanes = 1;
    bool alone = false;  ///< No other job runs, or waits for its turn.
};

struct Schedule {
    std::vector<Start> start;
    std::optional<WallTime>
        wake;  ///< When the next job becomes due or its host may be tried; nothing if only a job can help.
};

/// `candidates` are the running jobs and those that may run, in the order of their right to start (oldest
/// first). A job whose host or account is busy is passed over without holding up those behind it. One job at
/// a time writes to a destination account. A job that alone exceeds a host's limit runs when that host is
/// otherwise unused. Connections that are then left go to further lanes of the jobs that start, to each in
/// turn, up to four a job: what more are worth it finds out by itself. What `health` knows of a host narrows
/// what the configuration allows.
Schedule make_schedule(std::vector<Candidate> const& candidates, config::Config::Limits const& limits,
                       HostHealth const& health, WallTime now);

/// True if the running job `id` may open one lane more.
bool has_room(JobId id, std::vector<Candidate> const& candidates, config::Config::Limits const& limits,
              HostHealth const& health, WallTime now);

}  // namespace imapcopy::jobs
