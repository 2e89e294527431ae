#pragma once

// DaemonClient: what the commands ask of the daemon, with our types and our errors. Implemented over D-Bus by
// Client, and by a fake in the tests.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/job.hpp"
#include "common/secret.hpp"

namespace imapcopy::ctl {

/// Answer of a successful test of one account.
struct TestView {
    AccountSpec account;  ///< As resolved by the daemon.
    std::string greeting;
    std::vector<std::string> capabilities;
    std::uint32_t folders = 0;
};

/// What a copy would do.
struct PlanView {
    struct Folder {
        std::string source;
        std::string destination;
        bool create = false;
        std::uint64_t messages = 0;
        std::uint64_t to_copy = 0;
        std::uint64_t bytes = 0;
    };
    struct Exception {
        std::string folder;
        std::string code;
        std::string text;
    };
    AccountSpec source;
    AccountSpec destination;
    std::vector<Folder> folders;
    std::vector<Exception> exceptions;
};

/// What a verification found.
struct VerificationView {
    struct Total {
        std::string kind;
        bool explained = false;
        std::uint64_t count = 0;
    };
    struct Row {
        std::string kind;
        bool explained = false;
        std::string folder;
        std::string destination;
        std::uint32_t source_uid = 0;
        std::uint32_t destination_uid = 0;
        std::string text;
    };
    std::string level;
    std::uint64_t folders = 0;
    std::uint64_t messages = 0;
    std::uint64_t differences = 0;
    std::uint64_t explained = 0;
    std::vector<Total> totals;
    std::vector<Row> listed;  ///< The first ones of each kind.
};

/// One row of Job.GetItems.
struct ItemView {
    std::uint64_t source_uid = 0;
    std::string folder;
    std::string code;
    std::uint64_t size_bytes = 0;
    std::string text;
    std::string destination_uid;
};

struct StatusView {
    std::string version;
    std::string state;  ///< "running", "held", "stopping", "degraded: …"
    std::map<JobState, std::uint32_t> jobs_by_state;
    std::uint32_t workers_busy = 0;
    std::uint64_t bytes_per_second = 0;
};

/// What changed of the daemon as a whole; the rest is as it was.
struct StatusChange {
    std::optional<std::string> state;
    std::optional<std::map<JobState, std::uint32_t>> jobs_by_state;
    std::optional<std::uint32_t> workers_busy;
    std::optional<std::uint64_t> bytes_per_second;
};

/// A change that the daemon told of.
struct Event {
    enum class Kind : std::uint8_t {
        job_added,
        job_changed,
        job_ended,
        job_removed,
        status_changed,
        daemon_gone,
        daemon_back
    };
    Kind kind = Kind::status_changed;
    JobId id;                    ///< 0 for the last three kinds.
    std::optional<JobView> job;  ///< The whole job after the change: job_added, job_changed, job_ended.
    StatusChange status = {};    ///< Of status_changed.
};

/// Synchronous; runs no thread of its own. Every call but daemon_running() and start() throws Failure with
/// the error that the daemon named; a call waits at most 25 s, test and plan 130 s, verify as long as the
/// daemon takes. `side` of an error is set where the call is about one account. Nothing but start() starts a
/// stopped daemon: a call to one throws Failure(connection_lost).
class DaemonClient {
 public:
    virtual ~DaemonClient() = default;

    /// Whether the bus name is owned; asks the bus and starts nothing.
    virtual bool daemon_running() = 0;
    /// Starts the daemon by bus activation where it does not run. False: it cannot be started.
    virtual bool start() = 0;

    /// Lets the daemon log in to look; finish_test() waits for what it finds. One test a side at a time,
    /// those of both sides together.
    virtual void begin_test(AccountSpec const& account, Side side, Secret const& secret) = 0;
    virtual TestView finish_test(Side side) = 0;
    virtual JobId submit(JobSpec const& spec, Secret const& source, Secret const& destination) = 0;
    virtual PlanView plan(JobSpec const& spec, Secret const& source, Secret const& destination) = 0;

    virtual std::vector<JobView> jobs() = 0;  ///< Ascending by id.
    virtual std::optional<JobView> job(JobId id) = 0;
    virtual std::vector<JobId> find(std::string_view source_address) = 0;  ///< Newest last.

    virtual void hold(JobId id) = 0;
    virtual void release(JobId id) = 0;
    virtual void cancel(JobId id) = 0;
    /// Empty secrets are not sent: the stored ones are used.
    virtual void retry(JobId id, Secret const& source, Secret const& destination) = 0;
    virtual void resync(JobId id, Secret const& source, Secret const& destination) = 0;
    /// Empty secrets as for retry.
    virtual VerificationView verify(JobId id, VerifyLevel level, Secret const& source,
                                    Secret const& destination) = 0;
    virtual void set_secret(JobId id, Side side, Secret const& secret) = 0;
    enum class Ledger : std::uint8_t { keep, forget };
    virtual void forget(JobId id, Ledger ledger) = 0;
    /// kind: "copied", "exceptions", "ambiguous"; at most 1,000.
    virtual std::vector<ItemView> items(JobId id, std::string_view kind, std::uint32_t offset,
                                        std::uint32_t count) = 0;
    virtual std::string report(JobId id, std::string_view format, std::string_view language) = 0;

    virtual void hold_all() = 0;
    virtual void release_all() = 0;
    virtual void reload() = 0;
    virtual StatusView status() = 0;
    /// Of each provider: id s, name s, domains as, host s, host_hint s, port u, tls s, login s, auth as,
    /// source b, destination b, retired b, note s. `side` is "source", "destination" or "" for all.
    virtual std::vector<Dict> list_providers(std::string_view side, std::string_view language) = 0;
    /// The same for the domain of `address`; Failure(unknown_provider) where none is known.
    virtual Dict detect_provider(std::string_view address) = 0;

    /// Begins to collect changes; call it before jobs(), so that none is missed in between.
    virtual void follow() = 0;
    /// Changes since the last call, oldest first; waits up to `timeout` for the first one. Returns early,
    /// perhaps with nothing, when a signal arrives. While the daemon is away it waits too.
    virtual std::vector<Event> wait_for_change(std::chrono::milliseconds timeout) = 0;
};

}  // namespace imapcopy::ctl
