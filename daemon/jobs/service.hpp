#pragma once

// Service: everything a user can ask, as plain functions. What the bus calls. All throw Failure.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/job.hpp"
#include "common/secret.hpp"
#include "common/task.hpp"
#include "daemon/config/providers.hpp"
#include "daemon/copy/verify.hpp"
#include "daemon/store/job_store.hpp"

namespace imapcopy::jobs {

/// Who asks: the uid that the bus driver vouches for.
struct Caller {
    std::uint32_t uid = 0;
};

struct TestResult {
    AccountSpec account;  ///< As resolved.
    std::string greeting;
    std::vector<std::string> capabilities;
    std::uint32_t folders = 0;
};

struct PlanResult {
    copy::PlanSummary summary;
    AccountSpec source;
    AccountSpec destination;
};

struct ServiceStatus {
    std::string state;  ///< "running", "held", "stopping", "degraded: …"
    std::map<JobState, std::uint32_t> jobs_by_state;
    std::uint32_t workers_busy = 0;
    std::uint64_t bytes_per_second = 0;
    std::optional<ErrorCode> store_error = {};  ///< Why the database cannot be used, while it cannot.
};

/// Told of every change of a job; the bus turns it into signals. Calls come from the loop and must not throw.
class JobListener {
 public:
    virtual ~JobListener() = default;
    virtual void job_added(JobView const& job) = 0;
    virtual void job_changed(JobView const& job) = 0;
    virtual void job_ended(JobView const& job) = 0;
    virtual void job_removed(JobId id) = 0;
    virtual void status_changed() = 0;
};

class Service {
 public:
    virtual ~Service() = default;
    virtual void set_listener(JobListener* listener) = 0;  ///< One, or none. Not owned.

    virtual Task<TestResult> test(AccountSpec account, Side side, Secret secret) = 0;
    virtual Task<JobId> submit(Caller caller, JobSpec spec, Secret source, Secret destination) = 0;
    virtual Task<PlanResult> plan(JobSpec spec, Secret source, Secret destination) = 0;

    virtual std::vector<JobView> jobs() const = 0;  ///< Ascending by id.
    virtual std::optional<JobView> job(JobId id) const = 0;
    virtual std::vector<JobId> find(
        std::string_view source_address) const = 0;  ///< Address or login, any case.

    virtual Task<> hold(JobId id) = 0;
    virtual Task<> release(JobId id) = 0;
    /// Ends the job, and a verification of it; of an ended job only the latter.
    virtual Task<> cancel(JobId id) = 0;
    /// Secrets may be empty: then the stored ones are used, and where those are gone: credentials_missing.
    virtual Task<> retry(JobId id, Secret source, Secret destination) = 0;
    virtual Task<> resync(JobId id, Secret source, Secret destination) = 0;
    /// Compares both sides of the job's pair; changes nothing. Secrets as for resync, but given ones are not
    /// stored. wrong_state while the job runs or is verified already; queue_full while its servers have no
    /// connections left; cancelled where cancel() ended it.
    virtual Task<copy::VerifyResult> verify(JobId id, VerifyLevel level, Secret source,
                                            Secret destination) = 0;
    virtual Task<> set_secret(JobId id, Side side, Secret secret) = 0;
    virtual Task<> forget(JobId id, bool ledger) = 0;
    virtual Task<std::vector<store::Item>> items(JobId id, std::string kind, std::uint32_t offset,
                                                 std::uint32_t count) = 0;
    virtual Task<std::string> report(JobId id, std::string format, std::string language) = 0;

    virtual Task<> hold_all() = 0;
    virtual Task<> release_all() = 0;
    virtual Task<> reload() = 0;
    virtual ServiceStatus status() const = 0;
    virtual config::Providers const& providers() const = 0;
};

}  // namespace imapcopy::jobs
