#pragma once

// Roster: every job in memory, as the store holds it, and what is known of those that run.

#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "common/clock.hpp"
#include "common/context.hpp"
#include "daemon/config/config.hpp"
#include "daemon/config/providers.hpp"
#include "daemon/copy/abort.hpp"
#include "daemon/jobs/attempt_summary.hpp"
#include "daemon/jobs/rate.hpp"
#include "daemon/jobs/schedule.hpp"
#include "daemon/store/job_store.hpp"

namespace imapcopy::jobs {

/// What reload replaces, all of it or none.
struct Settings {
    config::Config config;
    config::Providers providers;
};

/// What follows once a running attempt has drained.
enum class Wish : std::uint8_t { none, hold, cancel };

/// An attempt under way.
struct Running {
    StopSignal stop;
    Wish wish = Wish::none;
    copy::Abort abort;                        ///< Of its connections.
    boost::asio::cancellation_signal cancel;  ///< Of what it waits for otherwise.
    std::unique_ptr<Alarm> abort_alarm;       ///< Set when a drain must end soon.
    Rate rate;
    AttemptSummary summary;
    TimePoint published = TimePoint::min();
    bool saving = false;       ///< A save of the progress is under way.
    std::uint32_t lanes = 1;   ///< That it may open.
    bool began_alone = false;  ///< As of Start.
    WallTime began = {};       ///< When the attempt began.
    Reached source = Reached::no;
    Reached destination = Reached::no;
    std::uint64_t messages_before = 0;  ///< Progress of the job when the attempt began.
    std::uint64_t bytes_before = 0;

    std::set<Side> new_passwords = {};  ///< Stored since the attempt began: it may have read older ones.

    /// Whether the side that lacks its password has got another one meanwhile; without a side, either.
    bool has_new_password(std::optional<Side> side) const {
        return side ? new_passwords.contains(*side) : !new_passwords.empty();
    }
    /// Whether the attempt has logged in there.
    Reached& reached(Side side) { return side == Side::source ? source : destination; }
};

struct Entry {
    store::JobRow row;
    std::uint32_t failures = 0;        ///< Attempts since the last that got something done.
    std::uint32_t quota_waits = 0;     ///< Likewise, ended by a full mailbox: no failures.
    WallTime pause_until = {};         ///< Of a job held during a pause that a server asked for: its end.
    std::unique_ptr<Running> running;  ///< From the start of an attempt until its end is recorded.
    /// While a verification runs: ends it. Owned by the place of the verification.
    StopSignal* verification = nullptr;
    bool changing = false;  ///< Somebody waits for the store before he changes it. See Roster::Change.
};

/// What `job` takes of its servers, due now.
Candidate candidate_of(JobView const& job, Settings const& settings);

/// What the store writes when the job moves on.
store::JobUpdate update_of(JobView const& view);

class Roster {
 public:
    /// Keeps everybody else from changing what a person asked of a job, from before the store is waited for.
    class Change {
     public:
        /// Throws Failure(no_such_job, or wrong_state where there is a Change of the job).
        Change(Roster& roster, JobId id);
        ~Change();
        Change(Change const&) = delete;
        Change& operator=(Change const&) = delete;

     private:
        Roster& roster_;
        JobId id_;
    };

    /// The reference stays valid until remove().
    Entry& add(store::JobRow row);
    /// Throws Failure(no_such_job).
    Entry& at(JobId id);
    Entry* find(JobId id);
    void remove(JobId id) { entries_.erase(id); }

    std::vector<Entry*> all();           ///< Ascending by id.
    std::vector<JobView> views() const;  ///< Likewise.
    std::optional<JobView> view(JobId id) const;
    /// By address, login or authorisation identity of the source, in any case.
    std::vector<JobId> find_source(std::string_view address) const;
    /// Another job of the same pair of mailboxes.
    std::optional<JobId> other_of_pair(JobId id) const;
    /// A job of the same pair of mailboxes, for its ledger.
    std::optional<store::PairId> pair_of(JobSpec const& spec) const;

    std::map<JobState, std::uint32_t> count_by_state() const;
    std::uint32_t unfinished() const;
    std::uint32_t unfinished_of(std::uint32_t owner_uid) const;
    std::vector<Entry*> running();
    std::vector<Entry*> verified();  ///< Those under verification.
    std::uint32_t running_count() const;
    std::uint64_t bytes_per_second() const;

    /// For make_schedule: jobs that run or are verified, and those that start by themselves at some time. A
    /// job whose wait was reckoned before the clock was set back is due.
    std::vector<Candidate> candidates(Settings const& settings, WallTime now) const;
    /// Those in phase waiting for `reason`.
    std::vector<Entry*> waiting(WaitReason reason);
    /// Connections of running jobs that have logged in to `key`: a host or a mailbox, as in SideUse.
    std::uint32_t open_connections(std::string const& key) const;

 private:
    std::map<JobId, std::unique_ptr<Entry>> entries_;
};

}  // namespace imapcopy::jobs
