#include "daemon/bus/publisher.hpp"

#include <algorithm>
#include <utility>

#include "common/bus_value.hpp"
#include "daemon/bus/job_properties.hpp"

namespace imapcopy::bus {

Publisher::Publisher(Connection& connection, Calls& calls, jobs::Service& service, JobObjects& jobs,
                     std::function<void(jobs::ServiceStatus const&)> on_status)
    : connection_(connection),
      calls_(calls),
      service_(service),
      jobs_(jobs),
      on_status_(std::move(on_status)),
      manager_(connection.bus(), calls, service, jobs),
      alarm_(calls.context().clock.make_alarm([this] { flush(); })) {
    for (auto const& job : service_.jobs()) (void)object_of(job);
    service_.set_listener(this);
}

Publisher::~Publisher() {
    service_.set_listener(nullptr);
    jobs_.clear();
}

void Publisher::job_added(JobView const& job) {
    auto& object = object_of(job);
    emit([&object] { object.emitInterfacesAddedSignal(); });
}

void Publisher::job_changed(JobView const& job) {
    mark(job);
}

void Publisher::job_ended(JobView const& job) {
    mark(job);
    auto const state = std::string(to_string(state_of(job.phase)));
    emit([&] { manager_.emitJobEnded(job.id.value(), job_path(job.id), state, error_words(job).name); });
}

void Publisher::job_removed(JobId id) {
    auto const job = jobs_.find(id);
    if (job == jobs_.end()) return;
    emit([&job] { job->second->emitInterfacesRemovedSignal(); });
    dirty_.erase(id);
    jobs_.erase(job);
}

void Publisher::status_changed() {
    status_dirty_ = true;
    schedule();
}

JobObject& Publisher::object_of(JobView const& job) {
    auto const [entry, added] = jobs_.try_emplace(job.id);
    if (added) entry->second = std::make_unique<JobObject>(connection_.bus(), calls_, service_, jobs_, job);
    return *entry->second;
}

void Publisher::mark(JobView const& job) {
    object_of(job).set_view(job);
    dirty_.insert(job.id);
    schedule();
}

/// The first change after a quiet second is told in the next turn of the loop, later ones when the second is
/// over.
void Publisher::schedule() {
    if (scheduled_) return;
    scheduled_ = true;
    alarm_->set(std::max(next_flush_, calls_.context().clock.now()));
}

void Publisher::flush() {
    scheduled_ = false;
    next_flush_ = calls_.context().clock.now() + interval;
    for (auto const id : std::exchange(dirty_, {})) emit([this, id] { jobs_.at(id)->publish(); });
    if (!std::exchange(status_dirty_, false)) return;
    emit([this] { manager_.publish(); });
    on_status_(service_.status());
}

/// Listeners must not throw, and a bus that is gone is the connection's business.
void Publisher::emit(std::function<void()> const& signal) {
    try {
        signal();
    } catch (sdbus::Error const& error) {
        calls_.context().log.write(LogLevel::debug, "signal not sent", {{"error", error.getMessage()}});
    }
    connection_.kick();
}

}  // namespace imapcopy::bus
