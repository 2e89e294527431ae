#pragma once

// (phase, event) → next phase, or a refusal. One table; nothing else in the program decides about phases.

#include <cstdint>
#include <string_view>

#include "common/job.hpp"
#include "common/result.hpp"

namespace imapcopy::jobs {

/// What can happen to a job. The first four are reported by the running attempt itself.
enum class JobEvent : std::uint8_t {
    connecting,  ///< An attempt starts, or opens connections again.
    planning,
    copying,
    verifying,
    wait,       ///< The attempt failed and is tried again later, or when somebody acts.
    due,        ///< The time that it waited for has come.
    interrupt,  ///< The attempt ended early without an error: the daemon stops, is held, or died.
    complete,
    complete_with_exceptions,
    fail,
    // What people ask for.
    hold,
    release,
    cancel,
    retry,
    resync,
};
std::string_view to_string(JobEvent event);

/// The phase after `event`. For a running job (holds_slot) hold and cancel name the phase that follows once
/// the attempt has drained. Error: wrong_state, with a sentence that says what is possible instead.
Result<Phase> next_phase(Phase phase, JobEvent event);

/// The running phases as the event that leads there; nothing for a phase that no attempt reports.
Result<JobEvent> event_of_running(Phase phase);

bool is_over(JobState state);

/// Puts `view` into `phase` and clears what only belongs to the one that is left.
void enter(JobView& view, Phase phase, WallTime now);

/// The bus knows one language: whoever asks, the Reason and the Error of a job are these words.
inline constexpr std::string_view language_of_reasons = "en";

/// The error of a job that a person ended.
Error cancelled_error();

/// Makes `view`, in phase waiting, one that a person holds.
void hold_waiting(JobView& view);

/// Where a job starts, or starts again: held, scheduled or queued.
Phase initial_phase(JobSpec const& spec, WallTime now);

}  // namespace imapcopy::jobs
