#include "daemon/jobs/supervisor.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "common/outcome.hpp"
#include "daemon/imap/classify.hpp"

namespace imapcopy::jobs {
namespace {

/// How often a job's progress is published and saved.
constexpr auto progress_interval = std::chrono::seconds(1);
/// How long after a failed write it is tried again.
constexpr auto store_retry = std::chrono::seconds(60);

/// How long to wait for `due`. Alarms run on a clock that stands still while the machine sleeps and that
/// nobody sets, so that the wall clock is looked at again from time to time.
Duration until(Clock const& clock, WallTime due) {
    using std::chrono::microseconds;
    constexpr microseconds look_again = std::chrono::minutes(5);
    // The wall clock counts in microseconds: never end one too early, nor count to the year 9999 in finer
    // ones.
    microseconds const left = due - clock.wall_now() + microseconds(1);
    return std::clamp(left, microseconds(0), look_again);
}

/// Whether the running attempt failed because of a server as a whole.
bool is_of_host(Entry const& entry, Error const& error) {
    return error.side && counts_for_host(error.code, entry.running->reached(*error.side));
}

}  // namespace

/// Hears of an attempt's progress and passes it on, at most once a second.
class Supervisor::ProgressObserver final : public AttemptObserver {
 public:
    ProgressObserver(Supervisor& supervisor, Entry& entry) : supervisor_(supervisor), entry_(entry) {}

    void phase(Phase phase) override {
        auto const event = event_of_running(phase);
        if (event.has_error() || entry_.row.view.phase == phase) return;
        auto const next = next_phase(entry_.row.view.phase, *event);
        if (next.has_error()) return;
        entry_.row.view.phase = *next;
        report();
    }

    void reached(Side side) override { supervisor_.reached(entry_, side); }

    void lane_refused(Error const& error) override {
        if (error.code == ErrorCode::too_many_connections) supervisor_.note_host(entry_, error);
        if (entry_.running->lanes > 1) --entry_.running->lanes;
    }

    bool take_lane() override {
        bool const free = supervisor_.has_room_for_lane(entry_);
        if (free) ++entry_.running->lanes;
        return free;
    }

    void give_lane_back() override {
        if (entry_.running->lanes > 1) --entry_.running->lanes;
        supervisor_.schedule();
    }

    void bound_by(Bound bound, Duration span) override { entry_.running->summary.bound_by(bound, span); }

    void progress(Progress const& progress) override {
        auto& view = entry_.row.view;
        auto& running = *entry_.running;
        view.progress = progress;
        view.progress.bytes_done += running.bytes_before;
        view.progress.bytes_total += running.bytes_before;
        running.summary.add(progress);
        auto const now = supervisor_.context_.clock.now();
        running.rate.apply(view.progress, supervisor_.context_.clock.wall_now());
        if (running.published != TimePoint::min() && now - running.published < progress_interval) return;
        running.rate.add(now, view.progress.bytes_done);
        running.published = now;
        report();
    }

 private:
    void report() {
        entry_.row.view.last_activity = supervisor_.context_.clock.wall_now();
        supervisor_.publish(entry_);
        if (entry_.running->saving) return;
        entry_.running->saving = true;
        supervisor_.spawn(supervisor_.save_progress(entry_.row.view.id));
    }

    Supervisor& supervisor_;
    Entry& entry_;
};

Supervisor::Supervisor(boost::asio::any_io_executor executor, Context context, AttemptParts parts,
                       Settings const& settings)
    : executor_(std::move(executor)),
      context_(context),
      parts_(parts),
      settings_(settings),
      wake_(context_.clock.make_alarm([this] { schedule(); })),
      on_verification_end_(std::make_shared<VerificationPlace::OnEnd const>(
          [this](StopSignal const& stop) { end_verification(stop); })),
      housekeeping_(context_.clock.make_alarm([this] { keep_house(); })) {}

Supervisor::~Supervisor() = default;

Task<> Supervisor::load() {
    held_ = co_await parts_.jobs.all_held();
    auto rows = co_await parts_.jobs.load_all();
    for (auto& row : rows) roster_.add(std::move(row));
}

void Supervisor::start() {
    if (held_) context_.log.write(LogLevel::warning, "all jobs are held, as before the restart");
    for (auto* const each : roster_.all()) {
        auto& entry = *each;
        auto& view = entry.row.view;
        bool const waits_for_store = view.phase == Phase::waiting && view.wait_reason == WaitReason::store;
        if (!holds_slot(view.phase) && !waits_for_store) continue;
        context_.log.write(LogLevel::info, "goes on after a restart", {{"job", to_string(view.id)}});
        auto const event = waits_for_store ? JobEvent::due : JobEvent::interrupt;
        move_to(entry, next_phase(view.phase, event).value());
        spawn(save_quietly(view.id));
    }
    spawn(wipe_secrets());
    schedule();
}

Task<> Supervisor::stop() {
    stopping_ = true;
    wake_->clear();
    housekeeping_->clear();
    auto const patience = settings_.config.timeouts.stop;
    for (auto* const entry : roster_.running()) {
        interrupt(*entry->running, entry->running->wish, patience);
        if (stops_at_once_ || patience == Duration::zero()) abort(entry->row.view.id);
    }
    // Who asked for a verification waits for it; here it is only told.
    for (auto* const entry : roster_.verified()) entry->verification->request();
    if (tasks_ > 0) co_await idle_.wait();
}

void Supervisor::stop_at_once() {
    stops_at_once_ = true;
    // Before it is told to stop, an attempt would take the abort for a failure.
    if (!stopping_) return;
    for (auto* const entry : roster_.running()) abort(entry->row.view.id);
}

void Supervisor::adopt(store::JobRow row) {
    auto& entry = roster_.add(std::move(row));
    context_.log.write(LogLevel::info, "job created",
                       {{"job", to_string(entry.row.view.id)},
                        {"source", entry.row.view.spec.source.address},
                        {"destination", entry.row.view.spec.destination.address}});
    if (listener_ != nullptr) {
        listener_->job_added(entry.row.view);
        listener_->status_changed();
    }
    schedule();
}

void Supervisor::schedule() {
    wake_->clear();
    // Every end of an attempt comes back here, so with all places taken there is nothing to look for.
    if (held_ || stopping_ || store_blocks() || running_ >= settings_.config.limits.max_jobs) return;
    auto const now = context_.clock.wall_now();
    auto const plan =
        make_schedule(roster_.candidates(settings_, now), settings_.config.limits, health_, now);
    for (auto const& start : plan.start) start_attempt(roster_.at(start.id), start);
    set_wake(plan.wake);
}

bool Supervisor::has_room_for_lane(Entry const& entry) const {
    auto const now = context_.clock.wall_now();
    return has_room(entry.row.view.id, roster_.candidates(settings_, now), settings_.config.limits, health_,
                    now);
}

void Supervisor::set_wake(std::optional<WallTime> due) {
    if (due) wake_->set(context_.clock.now() + until(context_.clock, *due));
}

void Supervisor::spawn(Task<> task) {
    ++tasks_;
    auto on_end = [this](std::exception_ptr const&, Result<> const& result) {
        --tasks_;
        if (result.has_error()) {
            context_.log.write(LogLevel::error, "a task failed", {{"error", to_string(result.error())}});
        }
        if (stopping_ && tasks_ == 0) idle_.set();
    };
    boost::asio::co_spawn(executor_, as_result(std::move(task)), std::move(on_end));
}

void Supervisor::start_attempt(Entry& entry, Start const& start) {
    auto& view = entry.row.view;
    auto const now = context_.clock.wall_now();
    entry.running = std::make_unique<Running>();
    entry.pause_until = {};
    entry.running->lanes = start.lanes;
    entry.running->began_alone = start.alone;
    entry.running->began = now;
    entry.running->messages_before = view.progress.messages_done;
    entry.running->bytes_before = view.progress.bytes_done;
    entry.running->abort_alarm = context_.clock.make_alarm([this, id = view.id] { abort(id); });
    ++running_;
    // A waiting or scheduled job whose time has come passes through the queue.
    if (view.phase != Phase::queued) move_to(entry, next_phase(view.phase, JobEvent::due).value());
    move_to(entry, next_phase(view.phase, JobEvent::connecting).value());
    ++view.attempt;
    if (view.started == WallTime{}) view.started = now;
    publish(entry);
    if (listener_ != nullptr) listener_->status_changed();
    spawn(attempt(entry));
}

Task<> Supervisor::attempt(Entry& entry) {
    auto const id = entry.row.view.id;
    context_.log.write(LogLevel::info, "attempt starts",
                       {{"job", to_string(id)}, {"attempt", std::to_string(entry.row.view.attempt)}});
    auto saving = as_result(save(entry));
    auto const saved = co_await std::move(saving);
    AttemptEnd end;
    if (saved.has_error()) {
        if (entry.running->stop.requested()) end.kind = AttemptEnd::Kind::stopped;
        end.error = saved.error();
    } else {
        auto const context = Context{context_.clock, context_.random, context_.log, entry.running->stop};
        ProgressObserver observer(*this, entry);
        Attempt begun{entry.row, settings_.config, entry.running->lanes, entry.running->began_alone};
        auto running = run_job(context, parts_, std::move(begun), entry.running->abort, observer);
        // Spawned on its own: an abort ends the attempt, and this coroutine lives on to record it.
        auto token =
            boost::asio::bind_cancellation_slot(entry.running->cancel.slot(), boost::asio::use_awaitable);
        auto spawned = boost::asio::co_spawn(executor_, std::move(running), std::move(token));
        end = co_await std::move(spawned);
    }
    end_attempt(entry, end);
    auto const phase = entry.row.view.phase;
    // Whoever is told of the end finds it recorded. A failed write is repeated by housekeeping.
    co_await save_quietly(id);
    entry.running.reset();
    --running_;
    // Somebody may have held, cancelled or reopened it meanwhile, and has published that.
    if (entry.row.view.phase == phase) publish_end_of_attempt(entry);
    if (listener_ != nullptr) listener_->status_changed();
    schedule();
}

void Supervisor::publish_end_of_attempt(Entry& entry) {
    if (!is_over(state_of(entry.row.view.phase))) {
        publish(entry);
        return;
    }
    publish_end(entry);
    if (entry.row.view.spec.keep_secrets_seconds > 0) spawn(wipe_secrets());
}

void Supervisor::end_attempt(Entry& entry, AttemptEnd const& end) {
    auto& view = entry.row.view;
    auto const& running = *entry.running;
    bool const progressed = view.progress.messages_done > running.messages_before ||
                            view.progress.bytes_done > running.bytes_before;
    if (progressed) entry.failures = entry.quota_waits = 0;
    auto const error =
        believed(end.error, end.error.side ? entry.running->reached(*end.error.side) : Reached::no);
    switch (end.kind) {
        case AttemptEnd::Kind::complete: {
            entry.row.pass = end.pass;
            entry.failures = 0;
            view.error.reset();
            auto const event = end.exceptions == 0 ? JobEvent::complete : JobEvent::complete_with_exceptions;
            move_to(entry, next_phase(view.phase, event).value());
            break;
        }
        case AttemptEnd::Kind::stopped: stop_attempt(entry, error); break;
        case AttemptEnd::Kind::failed: fail_attempt(entry, error); break;
    }
    auto const elapsed = context_.clock.wall_now() - running.began;
    running.summary.write(context_.log, view, end.exceptions, elapsed);
}

void Supervisor::stop_attempt(Entry& entry, Error const& error) {
    auto& view = entry.row.view;
    auto const wish = entry.running->wish;
    // A password that was refused on the way out must not be sent again.
    bool const refused = wants_password(error) && !entry.running->has_new_password(error.side);
    if (refused && wish == Wish::none) return fail_attempt(entry, error);
    auto const event = wish == Wish::hold     ? JobEvent::hold
                       : wish == Wish::cancel ? JobEvent::cancel
                                              : JobEvent::interrupt;
    move_to(entry, next_phase(view.phase, event).value());
    if (wish == Wish::hold && refused) view.error = error;
    if (wish == Wish::hold) hold_waiting(view);
    if (wish == Wish::cancel) view.error = cancelled_error();
}

void Supervisor::fail_attempt(Entry& entry, Error const& error) {
    auto& view = entry.row.view;
    note_host(entry, error);
    if (wants_password(error) && entry.running->has_new_password(error.side)) {
        // What was refused is no longer the password of the job.
        return move_to(entry, next_phase(view.phase, JobEvent::interrupt).value());
    }
    auto const answer = answer_to(entry, error);
    view.error = error;
    if (answer.kind == RetryKind::never) {
        move_to(entry, next_phase(view.phase, JobEvent::fail).value());
    } else {
        move_to(entry, next_phase(view.phase, JobEvent::wait).value());
        wait_for(entry, answer, error);
    }
    context_.log.write(LogLevel::warning, "attempt failed",
                       {{"job", to_string(view.id)},
                        {"error", std::string(info(error.code).name)},
                        {"side", std::string(error.side ? to_string(*error.side) : "")},
                        {"reason", to_string(error)},
                        {"next", to_rfc3339(view.waiting_until)}});
}

RetryAnswer Supervisor::answer_to(Entry& entry, Error const& error) {
    // A full mailbox is asked for as long as it takes.
    bool const full = info(error.code).retry == RetryClass::quota;
    if (!is_of_store(error.code)) ++(full ? entry.quota_waits : entry.failures);
    RetryQuestion question{error, std::max(full ? entry.quota_waits : entry.failures, 1U)};
    question.jitter = static_cast<std::uint32_t>(context_.random.below(std::uint64_t{1} << 32U));
    auto answer = next_retry(question, settings_.config.retry);
    auto const& view = entry.row.view;
    if (answer.kind != RetryKind::later || !is_of_host(entry, error)) return answer;
    answer.reason = WaitReason::host;
    auto const now = context_.clock.wall_now();
    auto const closed_until = health_.closed_until(host_key(account_of(view, error)), now);
    answer.delay = std::max<Duration>(answer.delay, closed_until - now);
    return answer;
}

void Supervisor::note_host(Entry const& entry, Error const& error) {
    if (!error.side) return;
    auto const& view = entry.row.view;
    auto const& account = account_of(view, error);
    auto const now = context_.clock.wall_now();
    if (error.code == ErrorCode::too_many_connections) {
        auto const key = imap::counts_one_login(error) ? mailbox_key(account) : host_key(account);
        health_.had_too_many(key, roster_.open_connections(key), now);
    } else if (is_of_host(entry, error)) {
        health_.did_not_answer(host_key(account), entry.running->began, now);
    } else if (info(error.code).retry == RetryClass::credentials && !error.server_text.empty()) {
        // Refused by the server, and not for want of a password here.
        host_answered(host_key(account));
    }
}

void Supervisor::reached(Entry& entry, Side side) {
    if (std::exchange(entry.running->reached(side), Reached::yes) == Reached::yes) return;
    auto const& spec = entry.row.view.spec;
    host_answered(host_key(side == Side::source ? spec.source : spec.destination));
    schedule();
}

/// Whoever waited for a host that is back may try it now.
void Supervisor::host_answered(std::string const& host) {
    if (!health_.answered(host)) return;
    for (auto* const entry : roster_.waiting(WaitReason::host)) {
        auto& view = entry->row.view;
        bool const stood_still = view.error && counts_for_host(view.error->code, Reached::no);
        if (!stood_still || host_key(account_of(view, *view.error)) != host) continue;
        view.waiting_until = context_.clock.wall_now();
        publish(*entry);
    }
}

void Supervisor::wait_for(Entry& entry, RetryAnswer const& answer, Error const& error) {
    auto& view = entry.row.view;
    view.wait_reason = answer.reason;
    view.wait_text = wait_text(view, answer, error);
    if (answer.kind == RetryKind::parked) return;
    auto const delay = std::chrono::duration_cast<std::chrono::microseconds>(answer.delay);
    view.waiting_until = context_.clock.wall_now() + delay;
}

void Supervisor::abort(JobId id) {
    auto* const entry = roster_.find(id);
    // Once: a second cancellation would tear a pass from what it waits for on its way out.
    if (entry == nullptr || !entry->running || entry->running->abort.requested()) return;
    context_.log.write(LogLevel::warning, "aborted, since it did not stop by itself",
                       {{"job", to_string(id)}});
    entry->running->abort.request();
    entry->running->cancel.emit(boost::asio::cancellation_type::terminal);
}

void Supervisor::interrupt(Running& running, Wish wish, Duration grace) {
    running.stop.request();
    // A cancel stays a cancel, whoever asks for what afterwards.
    if (running.wish != Wish::cancel) running.wish = wish;
    if (grace > Duration::zero()) running.abort_alarm->set(context_.clock.now() + grace);
}

void Supervisor::move_to(Entry& entry, Phase phase) {
    enter(entry.row.view, phase, context_.clock.wall_now());
}

Task<> Supervisor::save(Entry& entry) {
    auto const& view = entry.row.view;
    bool const wipes = is_over(state_of(view.phase)) && view.spec.keep_secrets_seconds == 0;
    auto const secrets = wipes ? store::JobStore::Secrets::wipe : store::JobStore::Secrets::keep;
    // Taken here and not by the caller, so that a late writer can only write the present.
    return parts_.jobs.update(view.id, update_of(view), secrets);
}

Task<Result<>> Supervisor::write(JobId id) {
    auto* const entry = roster_.find(id);
    if (entry == nullptr) co_return Result<>();
    auto saving = as_result(save(*entry));
    auto saved = co_await std::move(saving);
    note_store(saved);
    if (!saved.has_error()) {
        unsaved_.erase(id);
        co_return saved;
    }
    if (roster_.find(id) != nullptr) unsaved_.insert(id);
    if (!stopping_) look_at_store_again();
    co_return saved;
}

Task<> Supervisor::save_quietly(JobId id) {
    (void)co_await write(id);
}

Task<> Supervisor::save_loudly(JobId id) {
    auto const saved = co_await write(id);
    saved.value();
}

Task<> Supervisor::save_progress(JobId id) {
    co_await save_quietly(id);
    auto* const entry = roster_.find(id);
    if (entry != nullptr && entry->running) entry->running->saving = false;
}

bool Supervisor::store_blocks() const {
    return store_error_ && is_of_store(store_error_->code);
}

void Supervisor::note_store(Result<> const& result) {
    auto const before = std::exchange(store_error_, std::nullopt);
    if (result.has_error()) store_error_ = result.error();
    if (before.has_value() == store_error_.has_value()) return;
    if (store_error_) {
        context_.log.write(LogLevel::error,
                           "the database refuses a write; no job starts until it works again",
                           {{"error", to_string(*store_error_)}});
    } else {
        context_.log.write(LogLevel::info, "the database works again");
        schedule();
    }
    if (listener_ != nullptr) listener_->status_changed();
}

/// In a while; but a database that cannot be trusted has been closed for writing until a restart.
void Supervisor::look_at_store_again() {
    if (store_error_ && store_error_->code == ErrorCode::store_corrupt) return;
    housekeeping_->set(context_.clock.now() + store_retry);
    if (!store_blocks()) return;
    for (auto* const entry : roster_.waiting(WaitReason::store)) {
        entry->row.view.waiting_until =
            context_.clock.wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(store_retry);
        publish(*entry);
    }
}

Task<> Supervisor::wipe_secrets() {
    auto const unsaved = unsaved_;
    for (auto const id : unsaved) {
        auto const* const entry = roster_.find(id);
        if (entry != nullptr && !entry->changing) co_await save_quietly(id);
    }
    if (held_unsaved_) {
        auto saving = as_result(save_held());
        (void)co_await std::move(saving);
    }
    auto wiping = as_result(parts_.jobs.wipe_expired_secrets(context_.clock.wall_now()));
    auto const next = co_await std::move(wiping);
    bool const all_saved = unsaved_.empty() && !held_unsaved_;
    if (all_saved) note_store(next.has_error() ? Result<>(next.error()) : Result<>());
    if (stopping_) co_return;
    if (next.has_error() || !all_saved) co_return look_at_store_again();
    next_wipe_ = *next;
    wait_for_wipe();
}

void Supervisor::keep_house() {
    // While the store is in trouble every look is a write, or nobody would learn that it works again.
    bool const all_well = !store_error_ && unsaved_.empty() && !held_unsaved_;
    if (all_well && next_wipe_ > context_.clock.wall_now()) return wait_for_wipe();
    spawn(wipe_secrets());
}

void Supervisor::wait_for_wipe() {
    if (next_wipe_ == WallTime{}) return;
    auto const delay = std::max<Duration>(until(context_.clock, next_wipe_), std::chrono::seconds(1));
    housekeeping_->set(context_.clock.now() + delay);
}

void Supervisor::publish(Entry& entry) {
    if (listener_ != nullptr) listener_->job_changed(entry.row.view);
}

void Supervisor::publish_end(Entry& entry) {
    publish(entry);
    if (listener_ == nullptr) return;
    listener_->job_ended(entry.row.view);
    listener_->status_changed();
}

}  // namespace imapcopy::jobs
