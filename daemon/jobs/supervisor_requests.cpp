// What people ask of a job, or of all.

#include "common/outcome.hpp"
#include "daemon/jobs/supervisor.hpp"

namespace imapcopy::jobs {
namespace {

/// What a finished job has copied belongs to its past; one that failed goes on counting.
void reopen(JobView& view, WallTime now) {
    if (state_of(view.phase) == JobState::finished) view.progress.bytes_done = view.progress.bytes_total = 0;
    enter(view, Phase::queued, now);
    view.error.reset();
}

}  // namespace

Task<> Supervisor::hold(JobId id) {
    auto& entry = roster_.at(id);
    auto& view = entry.row.view;
    if (view.phase == Phase::waiting && view.wait_reason == WaitReason::held) {
        throw Failure(ErrorCode::wrong_state,
                      "hold: job " + to_string(id) + " is held already; release it first");
    }
    auto const next = next_phase(view.phase, JobEvent::hold).value();
    if (holds_slot(view.phase)) {
        interrupt(*entry.running, Wish::hold, Duration::zero());
        co_return;
    }
    bool const pauses =
        view.wait_reason == WaitReason::throttled && !is_dated_ahead(view, context_.clock.wall_now());
    entry.pause_until = pauses ? view.waiting_until : WallTime{};
    move_to(entry, next);
    if (next == Phase::waiting) hold_waiting(view);
    publish(entry);
    co_await save_loudly(id);
}

Task<> Supervisor::release(JobId id) {
    auto& entry = roster_.at(id);
    auto& view = entry.row.view;
    if (holds_slot(view.phase) && entry.running->wish == Wish::hold) {
        entry.running->wish = Wish::none;
        co_return;
    }
    if (view.phase == Phase::waiting && view.wait_reason != WaitReason::held) {
        throw Failure(ErrorCode::wrong_state,
                      "release: job " + to_string(id) + " is not held; retry it to go on now");
    }
    auto const next = next_phase(view.phase, JobEvent::release).value();
    auto const now = context_.clock.wall_now();
    bool const early = next == Phase::queued && view.spec.not_before > now;
    auto const pause_left = is_dated_ahead(view, now) ? Duration::zero() : Duration(entry.pause_until - now);
    auto const wait = view.phase == Phase::waiting ? wait_after_hold(view, pause_left) : std::nullopt;
    move_to(entry, wait ? Phase::waiting : early ? Phase::scheduled : next);
    if (wait) wait_for(entry, *wait, *view.error);
    publish(entry);
    if (listener_ != nullptr) listener_->status_changed();
    schedule();
    co_await save_loudly(id);
}

Task<> Supervisor::cancel(JobId id) {
    auto& entry = roster_.at(id);
    if (entry.verification != nullptr) {
        entry.verification->request();
        if (is_over(state_of(entry.row.view.phase))) co_return;
    }
    auto const next = next_phase(entry.row.view.phase, JobEvent::cancel).value();
    if (holds_slot(entry.row.view.phase)) {
        interrupt(*entry.running, Wish::cancel, cancel_grace);
        co_return;
    }
    move_to(entry, next);
    entry.row.view.error = cancelled_error();
    publish_end(entry);
    bool const keeps_secrets = entry.row.view.spec.keep_secrets_seconds > 0;
    co_await save_loudly(id);
    if (keeps_secrets) spawn(wipe_secrets());  // Housekeeping learns when.
}

Task<> Supervisor::requeue(JobId id) {
    auto& entry = roster_.at(id);
    auto& view = entry.row.view;
    if (view.phase != Phase::waiting)
        throw Failure(ErrorCode::wrong_state, "job " + to_string(id) + " does not wait any more");
    move_to(entry, next_phase(view.phase, JobEvent::retry).value());
    entry.failures = entry.quota_waits = 0;
    if (lacks_password(view)) view.error.reset();
    publish(entry);
    if (listener_ != nullptr) listener_->status_changed();
    schedule();
    co_await save_loudly(id);
}

Task<> Supervisor::password_given(JobId id, Side side) {
    auto& entry = roster_.at(id);
    auto& view = entry.row.view;
    if (entry.running) entry.running->new_passwords.insert(side);
    if (!lacks_password(view, side)) co_return;
    if (view.wait_reason == WaitReason::credentials) {
        co_await requeue(id);
        co_return;
    }
    view.error.reset();
    publish(entry);
    co_await save_loudly(id);
}

store::JobUpdate Supervisor::reopening(JobId id) const {
    auto view = roster_.view(id).value_or(JobView{});
    reopen(view, context_.clock.wall_now());
    return update_of(view);
}

void Supervisor::reopened(JobId id) {
    auto* const entry = roster_.find(id);
    if (entry == nullptr || !is_over(state_of(entry->row.view.phase))) return;
    reopen(entry->row.view, context_.clock.wall_now());
    entry->failures = entry->quota_waits = 0;
    publish(*entry);
    if (listener_ != nullptr) listener_->status_changed();
    schedule();
}

void Supervisor::removed(JobId id) {
    roster_.remove(id);
    unsaved_.erase(id);
    if (listener_ == nullptr) return;
    listener_->job_removed(id);
    listener_->status_changed();
}

Task<> Supervisor::hold_all() {
    held_ = true;
    for (auto* const entry : roster_.running()) {
        interrupt(*entry->running, entry->running->wish, Duration::zero());
    }
    if (listener_ != nullptr) listener_->status_changed();
    co_await save_held();
}

Task<> Supervisor::release_all() {
    held_ = false;
    if (listener_ != nullptr) listener_->status_changed();
    schedule();
    co_await save_held();
}

Task<> Supervisor::save_held() {
    auto saving = as_result(parts_.jobs.set_all_held(held_));
    auto const saved = co_await std::move(saving);
    note_store(saved);
    held_unsaved_ = saved.has_error();
    if (held_unsaved_ && !stopping_) look_at_store_again();
    saved.value();
}

}  // namespace imapcopy::jobs
