#pragma once

// LocalService: the Service of a working daemon.

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <set>

#include "daemon/jobs/service.hpp"
#include "daemon/jobs/supervisor.hpp"

namespace imapcopy::jobs {

/// Reading the configuration again, in two steps so that it is all or nothing.
struct Reloader {
    std::function<config::Config()> load = {};                ///< Throws Failure(invalid_argument).
    std::function<void(config::Config const&)> applied = {};  ///< Told after everything was accepted.
};

class LocalService final : public Service {
 public:
    /// What `context` and `parts` refer to outlives the service.
    LocalService(boost::asio::any_io_executor executor, Context context, AttemptParts parts,
                 Settings settings, Reloader reloader);

    /// Reads the jobs. Throws what the store throws.
    Task<> load() { return supervisor_.load(); }
    /// After load(): begins to work.
    void start() { supervisor_.start(); }
    /// Drains; afterwards nothing of the service runs any more but calls that are under way.
    Task<> stop() { return supervisor_.stop(); }
    /// Lets stop() wait no longer, whether it has begun or is about to.
    void stop_at_once() { supervisor_.stop_at_once(); }

    void set_listener(JobListener* listener) override { supervisor_.set_listener(listener); }
    Task<TestResult> test(AccountSpec account, Side side, Secret secret) override;
    Task<JobId> submit(Caller caller, JobSpec spec, Secret source, Secret destination) override;
    Task<PlanResult> plan(JobSpec spec, Secret source, Secret destination) override;
    std::vector<JobView> jobs() const override { return supervisor_.roster().views(); }
    std::optional<JobView> job(JobId id) const override { return supervisor_.roster().view(id); }
    std::vector<JobId> find(std::string_view source_address) const override;
    Task<> hold(JobId id) override;
    Task<> release(JobId id) override;
    Task<> cancel(JobId id) override;
    Task<> retry(JobId id, Secret source, Secret destination) override;
    Task<> resync(JobId id, Secret source, Secret destination) override;
    Task<copy::VerifyResult> verify(JobId id, VerifyLevel level, Secret source, Secret destination) override;
    Task<> set_secret(JobId id, Side side, Secret secret) override;
    Task<> forget(JobId id, bool ledger) override;
    Task<std::vector<store::Item>> items(JobId id, std::string kind, std::uint32_t offset,
                                         std::uint32_t count) override;
    Task<std::string> report(JobId id, std::string format, std::string language) override;
    Task<> hold_all() override;
    Task<> release_all() override;
    Task<> reload() override;
    ServiceStatus status() const override;
    config::Providers const& providers() const override { return settings_->providers; }

 private:
    /// Test and plan hold connections that no schedule counts: few at a time.
    class LookPermit;
    class Arrival;
    Task<Secret> stored_secret(JobId id, Side side);
    Task<Access> access_to(JobId id, AccountSpec account, Side side, Secret given);
    Task<> reopen(JobId id, JobEvent event, Secret source, Secret destination);
    Task<> store_secrets(JobId id, Secret source, Secret destination);

    Context context_;
    AttemptParts parts_;
    /// On the heap: the supervisor refers to it, and reload replaces its contents.
    std::unique_ptr<Settings> settings_;
    Reloader reloader_;
    Supervisor supervisor_;
    /// Shared with the permits, which may outlive the service when the loop is torn down under them.
    std::shared_ptr<std::uint32_t> looks_ = std::make_shared<std::uint32_t>(0);
    /// Owners of the jobs that are on their way into the database; shared alike.
    std::shared_ptr<std::multiset<std::uint32_t>> arriving_ =
        std::make_shared<std::multiset<std::uint32_t>>();
};

}  // namespace imapcopy::jobs
