#include "daemon/jobs/degraded_service.hpp"

#include <utility>

namespace imapcopy::jobs {
namespace {

class DegradedService final : public Service {
 public:
    DegradedService(Error error, config::Providers providers)
        : error_(std::move(error)), providers_(std::move(providers)) {}

    void set_listener(JobListener*) override {}
    Task<TestResult> test(AccountSpec, Side, Secret) override { throw Failure(error_); }
    Task<JobId> submit(Caller, JobSpec, Secret, Secret) override { throw Failure(error_); }
    Task<PlanResult> plan(JobSpec, Secret, Secret) override { throw Failure(error_); }
    std::vector<JobView> jobs() const override { return {}; }
    std::optional<JobView> job(JobId) const override { return std::nullopt; }
    std::vector<JobId> find(std::string_view) const override { return {}; }
    Task<> hold(JobId) override { throw Failure(error_); }
    Task<> release(JobId) override { throw Failure(error_); }
    Task<> cancel(JobId) override { throw Failure(error_); }
    Task<> retry(JobId, Secret, Secret) override { throw Failure(error_); }
    Task<> resync(JobId, Secret, Secret) override { throw Failure(error_); }
    Task<copy::VerifyResult> verify(JobId, VerifyLevel, Secret, Secret) override { throw Failure(error_); }
    Task<> set_secret(JobId, Side, Secret) override { throw Failure(error_); }
    Task<> forget(JobId, bool) override { throw Failure(error_); }
    Task<std::vector<store::Item>> items(JobId, std::string, std::uint32_t, std::uint32_t) override {
        throw Failure(error_);
    }
    Task<std::string> report(JobId, std::string, std::string) override { throw Failure(error_); }
    Task<> hold_all() override { throw Failure(error_); }
    Task<> release_all() override { throw Failure(error_); }
    Task<> reload() override { throw Failure(error_); }
    ServiceStatus status() const override {
        ServiceStatus status;
        status.state = "degraded: " + to_string(error_);
        status.store_error = error_.code;
        return status;
    }
    config::Providers const& providers() const override { return providers_; }

 private:
    Error error_;
    config::Providers providers_;
};

}  // namespace

std::unique_ptr<Service> make_degraded_service(Error error, config::Providers providers) {
    return std::make_unique<DegradedService>(std::move(error), std::move(providers));
}

}  // namespace imapcopy::jobs
