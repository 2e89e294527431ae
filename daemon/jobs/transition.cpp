#include "daemon/jobs/transition.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "common/messages.hpp"

namespace imapcopy::jobs {
namespace {

constexpr std::size_t phases = 12;
constexpr std::size_t events = 15;
using Cell = std::optional<Phase>;
using Row = std::array<Cell, events>;

using enum Phase;
constexpr Cell no = std::nullopt;

/// What every phase that holds a slot does; they follow each other in any order, since a pass may connect
/// again.
constexpr Row running = {
    connecting, planning, copying, verifying, waiting, no, queued, complete, complete_with_exceptions,
    failed,     waiting,  no,      cancelled, no,      no};

// Rows in the order of Phase, columns in the order of JobEvent:
//  connecting  planning copying verifying wait | due interrupt complete with_exceptions fail |
//  hold release cancel retry resync
constexpr std::array<Row, phases> table = {{
    /* queued */ {connecting, no, no, no, no, no, no, no, no, no, held, no, cancelled, no, no},
    /* held */ {no, no, no, no, no, no, no, no, no, no, no, queued, cancelled, no, no},
    /* scheduled */ {no, no, no, no, no, queued, no, no, no, no, held, no, cancelled, no, no},
    /* connecting */ running,
    /* planning */ running,
    /* copying */ running,
    /* verifying */ running,
    /* waiting */ {no, no, no, no, no, queued, no, no, no, no, waiting, queued, cancelled, queued, no},
    /* complete */ {no, no, no, no, no, no, no, no, no, no, no, no, no, no, queued},
    /* with exceptions */ {no, no, no, no, no, no, no, no, no, no, no, no, no, no, queued},
    /* failed */ {no, no, no, no, no, no, no, no, no, no, no, no, no, queued, no},
    /* cancelled */ {no, no, no, no, no, no, no, no, no, no, no, no, no, queued, no},
}};

/// What a person can do instead.
std::string_view way_out(Phase phase) {
    switch (phase) {
        case queued: return "it starts as soon as a place is free";
        case held: return "release it first";
        case scheduled: return "it starts at its time";
        case connecting:
        case planning:
        case copying:
        case verifying: return "wait for its end, or cancel it";
        case waiting: return "retry, hold or cancel it";
        case complete:
        case complete_with_exceptions: return "resync runs it again";
        case failed:
        case cancelled: return "retry runs it again";
    }
    return {};
}

}  // namespace

std::string_view to_string(JobEvent event) {
    constexpr std::array<std::string_view, events> names = {
        "connect",  "plan", "copy", "verify",  "wait",   "become due", "interrupt", "complete",
        "complete", "fail", "hold", "release", "cancel", "retry",      "resync"};
    return names.at(static_cast<std::size_t>(event));
}

Result<Phase> next_phase(Phase phase, JobEvent event) {
    auto const cell = table.at(static_cast<std::size_t>(phase)).at(static_cast<std::size_t>(event));
    if (cell) return *cell;
    return Error{ErrorCode::wrong_state, std::string(to_string(event)) + ": the job is " +
                                             std::string(to_string(phase)) + "; " +
                                             std::string(way_out(phase))};
}

Result<JobEvent> event_of_running(Phase phase) {
    switch (phase) {
        case connecting: return JobEvent::connecting;
        case planning: return JobEvent::planning;
        case copying: return JobEvent::copying;
        case verifying: return JobEvent::verifying;
        case queued:
        case held:
        case scheduled:
        case waiting:
        case complete:
        case complete_with_exceptions:
        case failed:
        case cancelled: break;
    }
    return Error{ErrorCode::internal, "an attempt reported phase " + std::string(to_string(phase))};
}

bool is_over(JobState state) {
    return state == JobState::finished || state == JobState::error;
}

void enter(JobView& view, Phase phase, WallTime now) {
    view.phase = phase;
    view.wait_reason = WaitReason::none;
    view.wait_text.clear();
    view.waiting_until = {};
    view.last_activity = now;
    view.ended = is_over(state_of(phase)) ? now : WallTime{};
    if (holds_slot(phase)) return;
    view.progress.bytes_per_second = 0;
    view.progress.estimated_end = {};
    view.progress.current_folder.clear();
    view.progress.lanes = 0;
    view.progress.source_round_trip = {};
    view.progress.destination_round_trip = {};
    view.progress.bound = Bound::unknown;
}

Error cancelled_error() {
    return {ErrorCode::cancelled, message(Message::error_cancelled, language_of_reasons)};
}

void hold_waiting(JobView& view) {
    view.wait_reason = WaitReason::held;
    view.wait_text = message(Message::reason_held, language_of_reasons);
}

Phase initial_phase(JobSpec const& spec, WallTime now) {
    if (spec.hold) return held;
    return spec.not_before > now ? scheduled : queued;
}

}  // namespace imapcopy::jobs
