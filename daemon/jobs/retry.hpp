#pragma once

// (error, attempts without progress, jitter) → when to try again, or never. Pure.

#include <cstdint>
#include <optional>

#include "common/job.hpp"
#include "daemon/config/config.hpp"
#include "daemon/jobs/host_health.hpp"

namespace imapcopy::jobs {

struct RetryQuestion {
    Error error;
    /// Attempts that failed since the last one that got something done, this one included; at least 1.
    std::uint32_t attempts_without_progress = 1;
    /// Uniform in [0, 2^32): spreads the retries of many jobs that failed together.
    std::uint32_t jitter = 0;
};

/// An error of our own database: no server's doing, so that no attempt is counted.
bool is_of_store(ErrorCode code);

enum class RetryKind : std::uint8_t {
    later,   ///< After `delay`.
    parked,  ///< When somebody gives a secret, or restarts a daemon whose database has failed.
    never,   ///< The job ends in state error.
};

struct RetryAnswer {
    RetryKind kind = RetryKind::never;
    WaitReason reason = WaitReason::none;
    Duration delay{};
    bool operator==(RetryAnswer const&) const = default;
};

/// Back-off is delay_min plus full jitter over an exponential window capped at delay_max; a server's own
/// pause lengthens it (at most a day). A full mailbox is probed after 15 minutes, then ever more seldom up to
/// 4 hours, and a full disk every minute, for as long as it takes. Refused credentials park at once: a second
/// try could lock the account.
RetryAnswer next_retry(RetryQuestion const& question, config::Config::Retry const& config);

/// `error`, but `unavailable` in place of a refused password with which the same attempt had logged in
/// before: then the server is out of order (seen with a Dovecot that is being killed). The next attempt will
/// tell.
Error believed(Error error, Reached reached);
/// Whether a job that ended with `error` needs a password, or another one.
bool wants_password(Error const& error);
/// Whether the job's last error is that it has no password, or one that a server refused. Whoever says that
/// the password is right clears that error.
bool lacks_password(JobView const& view);
/// The same of one side; an error that names no side is about both.
bool lacks_password(JobView const& view, Side side);
/// Whether the clock was set back behind the last change of the job. A wait that was reckoned then may end
/// hours too late, and counts no longer; spec.not_before, which a person named, does.
bool is_dated_ahead(JobView const& view, WallTime now);
/// What a job that was held while it waited waits for again once it is released: the password that a server
/// refused, or the rest of a pause that a server asked for. Nothing: it may go on.
std::optional<RetryAnswer> wait_after_hold(JobView const& view, Duration pause_left);

/// The account that `error` is about; the destination where it names no side.
AccountSpec const& account_of(JobView const& view, Error const& error);
/// What a job waits for after `error`, as a sentence for people.
std::string wait_text(JobView const& view, RetryAnswer const& answer, Error const& error);

}  // namespace imapcopy::jobs
