#pragma once

// Supervisor: owns every attempt. Schedules, spawns, records, publishes; rescues jobs left in progress.
// Between events nothing runs but a look at the wall clock every five minutes where somebody waits for it:
// one alarm wakes it when the next job becomes due.

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "common/context.hpp"
#include "common/event.hpp"
#include "common/task.hpp"
#include "daemon/jobs/host_health.hpp"
#include "daemon/jobs/retry.hpp"
#include "daemon/jobs/roster.hpp"
#include "daemon/jobs/run_job.hpp"
#include "daemon/jobs/service.hpp"
#include "daemon/jobs/transition.hpp"

namespace imapcopy::jobs {

/// A running job that is cancelled ends by itself within this time, or is aborted.
inline constexpr auto cancel_grace = std::chrono::seconds(10);

/// What a verification holds while it runs: its stop signal, and a place among the running jobs. May outlive
/// the supervisor where the loop is torn down under it.
class VerificationPlace {
 public:
    using OnEnd = std::function<void(StopSignal const&)>;

    explicit VerificationPlace(std::shared_ptr<OnEnd const> on_end)
        : on_end_(std::move(on_end)), stop_(std::make_unique<StopSignal>()) {}
    VerificationPlace(VerificationPlace&&) = default;
    VerificationPlace& operator=(VerificationPlace&&) = delete;
    ~VerificationPlace();

    StopSignal& stop() const { return *stop_; }

 private:
    std::weak_ptr<OnEnd const> on_end_;
    std::unique_ptr<StopSignal> stop_;  ///< On the heap: it is referred to, and places move.
};

/// All functions run on the loop. Memory changes first and is then written: what is read is always the
/// present, and after a crash the store holds at most a little less of it.
class Supervisor {
 public:
    /// Everything outlives the supervisor; `settings` may change between events.
    Supervisor(boost::asio::any_io_executor executor, Context context, AttemptParts parts,
               Settings const& settings);
    ~Supervisor();
    Supervisor(Supervisor const&) = delete;
    Supervisor& operator=(Supervisor const&) = delete;

    void set_listener(JobListener* listener) { listener_ = listener; }
    /// Reads the jobs. Throws what the store throws.
    Task<> load();
    /// After load(): puts those that a dead process left in progress back in the queue, and begins to work.
    void start();
    /// Lets running attempts drain, aborts them after timeouts.stop, and returns when everything is recorded.
    Task<> stop();
    /// Lets stop() wait no longer, whether it has begun or is about to: aborts running attempts.
    void stop_at_once();

    Roster& roster() { return roster_; }
    Roster const& roster() const { return roster_; }
    std::uint32_t running() const { return running_; }
    bool held() const { return held_; }
    bool stopping() const { return stopping_; }
    /// Why the last write failed, while writes fail. Meanwhile no attempt starts.
    std::optional<Error> const& store_error() const { return store_error_; }

    /// A job that the store has created.
    void adopt(store::JobRow row);
    /// Moves a job by what a person asked, and records it. A running job drains first; then this returns at
    /// once. Throws wrong_state, no_such_job, and what the store throws.
    Task<> hold(JobId id);
    Task<> release(JobId id);
    Task<> cancel(JobId id);
    /// Takes a place for a verification of the job, which then starts no attempt until the place is given
    /// back. Throws wrong_state while it runs or is verified, queue_full while there is no place for it.
    VerificationPlace begin_verification(JobId id);
    /// Back in the queue at once: retry of a waiting job. Throws wrong_state if it does not wait (any more).
    Task<> requeue(JobId id);
    /// A new password of this side is stored: a job that waits for it goes on, one that is held will.
    Task<> password_given(JobId id, Side side);
    /// An ended job that the store has reopened.
    void reopened(JobId id);
    /// The row of an ended job as it is when it runs again.
    store::JobUpdate reopening(JobId id) const;
    void removed(JobId id);

    /// Starts no attempt until release_all(), not after a restart either.
    Task<> hold_all();
    Task<> release_all();
    /// Looks at the queue again; after the limits changed.
    void schedule();

 private:
    class ProgressObserver;

    void spawn(Task<> task);
    void end_verification(StopSignal const& stop);
    void start_attempt(Entry& entry, Start const& start);
    bool has_room_for_lane(Entry const& entry) const;
    Task<> attempt(Entry& entry);
    void end_attempt(Entry& entry, AttemptEnd const& end);
    void stop_attempt(Entry& entry, Error const& error);
    void fail_attempt(Entry& entry, Error const& error);
    void reached(Entry& entry, Side side);
    void host_answered(std::string const& host);
    void note_host(Entry const& entry, Error const& error);
    RetryAnswer answer_to(Entry& entry, Error const& error);
    void interrupt(Running& running, Wish wish, Duration grace);
    void abort(JobId id);
    void set_wake(std::optional<WallTime> due);

    void move_to(Entry& entry, Phase phase);
    void wait_for(Entry& entry, RetryAnswer const& answer, Error const& error);
    Task<> save(Entry& entry);
    /// A write that failed is repeated by housekeeping until it succeeds.
    Task<Result<>> write(JobId id);
    Task<> save_quietly(JobId id);
    /// The same, and tells whoever asked for the change that it is not on disk yet.
    Task<> save_loudly(JobId id);
    Task<> save_progress(JobId id);
    /// Writes whether all jobs are held; the same for both.
    Task<> save_held();
    void keep_house();
    Task<> wipe_secrets();
    void wait_for_wipe();
    bool store_blocks() const;
    void note_store(Result<> const& result);
    void look_at_store_again();
    void publish(Entry& entry);
    void publish_end(Entry& entry);
    void publish_end_of_attempt(Entry& entry);

    boost::asio::any_io_executor executor_;
    Context context_;
    AttemptParts parts_;
    Settings const& settings_;
    JobListener* listener_ = nullptr;
    Roster roster_;
    HostHealth health_;
    std::unique_ptr<Alarm> wake_;
    std::shared_ptr<VerificationPlace::OnEnd const> on_verification_end_;
    std::unique_ptr<Alarm> housekeeping_;  ///< Wipes kept secrets; repeats writes that failed.
    std::set<JobId> unsaved_;
    bool held_unsaved_ = false;
    WallTime next_wipe_ = {};  ///< Of a kept secret; none: nothing is kept.
    std::optional<Error> store_error_;
    std::uint32_t running_ = 0;
    std::size_t tasks_ = 0;  ///< Coroutines spawned and not ended.
    Event idle_;             ///< Nothing runs any more, after stop().
    bool held_ = false;
    bool stopping_ = false;
    bool stops_at_once_ = false;
};

}  // namespace imapcopy::jobs
