#pragma once

// The jobs of a daemon without its network: real store in a folder of the test, manual clock, and passes that
// end as the test says.

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/jobs/local_service.hpp"
#include "daemon/store/vault.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/memory_account.hpp"

namespace imapcopy::test {

/// What a pass does; `login` is the source's.
using PassScript =
    std::function<Task<copy::PassResult>(std::string login, Context context, copy::Observer& observer)>;

/// Ends at once, with one message copied.
Task<copy::PassResult> copy_one_message(copy::Observer& observer);
/// Throws Failure(code) for one side.
Task<copy::PassResult> fail_with(ErrorCode code, Side side);
/// Plans, then looks at the stop signal once a second; completes after `seconds`.
Task<copy::PassResult> work_for(Context context, copy::Observer& observer, std::chrono::seconds seconds);
/// Looks at the stop signal once a second, for a day; then throws as copy::verify_pass.
Task<copy::VerifyResult> verify_until_stopped(Context context);
/// Hears no stop signal for a day.
Task<copy::PassResult> hang(Context context);

class ScriptedPassRunner final : public jobs::PassRunner {
 public:
    explicit ScriptedPassRunner(Clock& clock) : destination(clock), source(clock) {
        destination.add_mailbox("INBOX");
    }

    PassScript script;  ///< Follows after a connection to both sides.
    /// The whole pass in place of the script, over the attempt's own connections.
    std::function<Task<copy::PassResult>(Context, copy::Connections&, copy::Observer&)> engine;
    /// Why a side cannot be connected to; empty: it can.
    std::function<std::optional<ErrorCode>(std::string const& login, Side side)> refuse;
    std::function<Task<jobs::Probe>(Context)> on_probe;
    std::function<Task<copy::VerifyResult>(Context, copy::VerifyOptions)> on_verify;
    MemoryServer destination;  ///< Receives the completion mails of all jobs.
    MemoryServer source;
    /// Shared with the passes: those of a daemon that has died go with its loop, after the runner.
    std::shared_ptr<std::uint32_t> running = std::make_shared<std::uint32_t>(0);
    std::uint32_t running_max = 0;
    std::map<std::string, std::uint32_t> attempts;     ///< By source login.
    copy::PassOptions last_options;                    ///< Of the last pass.
    std::map<std::string, std::string> last_password;  ///< Of the source, by its login.

    std::unique_ptr<copy::Connections> connections(Context context, jobs::Access source,
                                                   jobs::Access destination,
                                                   config::Config const& config) override;
    std::unique_ptr<copy::Journal> journal(store::PairId pair) override;
    Task<copy::PassResult> run(Context context, copy::Connections& connections, copy::Journal& journal,
                               copy::PassOptions options, copy::Observer& observer) override;
    Task<copy::PlanSummary> plan(Context context, copy::Connections& connections, copy::Journal& journal,
                                 copy::PassOptions options) override;
    Task<copy::VerifyResult> verify(Context context, copy::Connections& connections, copy::Journal& journal,
                                    copy::VerifyOptions options) override;
    Task<jobs::Probe> probe(Context context, jobs::Access access, Side side,
                            config::Config::Timeouts timeouts) override;

 private:
    std::map<StopSignal const*, std::string> logins_;  ///< Whose attempt has this signal.
};

/// Counts what it hears.
class ListenerLog final : public jobs::JobListener {
 public:
    void job_added(JobView const&) override { ++added; }
    void job_changed(JobView const& job) override { changes.push_back(job); }
    void job_ended(JobView const& job) override { ended.push_back(job.id); }
    void job_removed(JobId id) override { removed.push_back(id); }
    void status_changed() override {}

    std::uint32_t added = 0;
    std::vector<JobView> changes;
    std::vector<JobId> ended;
    std::vector<JobId> removed;
};

class JobDaemon {
 public:
    /// Starts over what `folder` holds. Destroyed without stop() it has died.
    explicit JobDaemon(std::string const& folder, config::Config config = {},
                       store::OpenOptions const& options = {});
    ~JobDaemon();
    JobDaemon(JobDaemon const&) = delete;
    JobDaemon& operator=(JobDaemon const&) = delete;

    boost::asio::io_context io;
    ManualClock clock{io};
    SeededRandom random{1};
    NullLog log;
    StopSignal stop;
    ScriptedPassRunner runner{clock};
    ListenerLog listener;
    config::Config reloaded;  ///< What the file says by now.
    int applied = 0;          ///< Reloads that were accepted.

    jobs::LocalService& service() { return *service_; }
    store::JobStore& store() { return store_; }
    store::Reports& reports() { return reports_; }

    /// Runs the loop, without moving time, until `task` has ended; its value or exception.
    template <class T>
    T call(Task<T> task) {
        std::optional<T> result;
        std::exception_ptr error;
        bool ended = false;
        auto on_end = [&](std::exception_ptr thrown, T value) {
            error = std::move(thrown);
            result.emplace(std::move(value));
            ended = true;
        };
        boost::asio::co_spawn(io, std::move(task), std::move(on_end));
        run_until([&] { return ended; });
        if (error) std::rethrow_exception(error);
        return std::move(result).value();
    }
    void call(Task<> task);
    /// The error of a call; nothing if there is none.
    template <class T>
    std::optional<Error> error_of(Task<T> task) {
        try {
            (void)call(std::move(task));
        } catch (Failure const& failure) {
            return failure.error();
        }
        return std::nullopt;
    }
    std::optional<Error> error_of(Task<> task);

    /// Runs the loop, without moving time, until `condition` holds; a test that waits for ever fails here.
    void run_until(std::function<bool()> const& condition);
    /// Everything that is ready or on its way to the database has happened.
    void settle();
    /// Moves time in steps of a second, and settles after each.
    void pass_time(std::chrono::seconds seconds);

    JobId submit(std::string const& login, JobSpec spec = {});
    Phase phase(JobId id);
    JobView view(JobId id);

 private:
    store::Vault vault_;
    store::Writer writer_;
    store::JobStore store_;
    store::Reports reports_;
    std::unique_ptr<jobs::LocalService> service_;
};

}  // namespace imapcopy::test
