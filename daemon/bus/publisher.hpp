#pragma once

// Publisher: turns what the service tells into objects and signals, each job's changes at most once a second.

#include <functional>
#include <memory>
#include <set>

#include "common/clock.hpp"
#include "daemon/bus/calls.hpp"
#include "daemon/bus/connection.hpp"
#include "daemon/bus/job_object.hpp"
#include "daemon/bus/manager_object.hpp"
#include "daemon/jobs/service.hpp"

namespace imapcopy::bus {

class Publisher final : public jobs::JobListener {
 public:
    static constexpr std::chrono::seconds interval{1};

    /// Exports the manager and every job that the service has by now, without signals. All references outlive
    /// it. `jobs` is its own to fill, and empty again when it goes. `on_status` is told what the manager
    /// publishes, as often.
    Publisher(Connection& connection, Calls& calls, jobs::Service& service, JobObjects& jobs,
              std::function<void(jobs::ServiceStatus const&)> on_status);
    ~Publisher() override;
    Publisher(Publisher const&) = delete;
    Publisher& operator=(Publisher const&) = delete;

    void job_added(JobView const& job) override;
    void job_changed(JobView const& job) override;
    void job_ended(JobView const& job) override;
    void job_removed(JobId id) override;
    void status_changed() override;

 private:
    JobObject& object_of(JobView const& job);
    void mark(JobView const& job);
    void schedule();
    void flush();
    void emit(std::function<void()> const& signal);

    Connection& connection_;
    Calls& calls_;
    jobs::Service& service_;
    JobObjects& jobs_;
    std::function<void(jobs::ServiceStatus const&)> on_status_;
    ManagerObject manager_;
    std::set<JobId> dirty_;
    bool status_dirty_ = false;
    bool scheduled_ = false;
    TimePoint next_flush_{};
    std::unique_ptr<Alarm> alarm_;
};

}  // namespace imapcopy::bus
