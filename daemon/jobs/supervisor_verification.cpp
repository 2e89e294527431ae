// Verifications take places among the running jobs.

#include "daemon/jobs/supervisor.hpp"

namespace imapcopy::jobs {

VerificationPlace::~VerificationPlace() {
    auto const on_end = on_end_.lock();
    if (on_end && stop_) (*on_end)(*stop_);
}

VerificationPlace Supervisor::begin_verification(JobId id) {
    auto& entry = roster_.at(id);
    auto const name = "verify: job " + to_string(id);
    if (stopping_) throw Failure(ErrorCode::unavailable, "imapcopyd is stopping");
    if (entry.running)
        throw Failure(ErrorCode::wrong_state, name + " is running; wait for its end, or hold it first");
    if (entry.verification != nullptr)
        throw Failure(ErrorCode::wrong_state, name + " is being verified already");
    auto const now = context_.clock.wall_now();
    auto candidates = roster_.candidates(settings_, now);
    std::erase_if(candidates, [](Candidate const& candidate) { return !candidate.running; });
    candidates.push_back(candidate_of(entry.row.view, settings_));
    if (make_schedule(candidates, settings_.config.limits, health_, now).start.empty()) {
        throw Failure(
            ErrorCode::queue_full,
            name +
                " finds no place: its servers are busy with other jobs, or do not answer; try again later");
    }
    VerificationPlace place(on_verification_end_);
    entry.verification = &place.stop();
    return place;
}

void Supervisor::end_verification(StopSignal const& stop) {
    for (auto* const entry : roster_.verified()) {
        if (entry->verification == &stop) entry->verification = nullptr;
    }
    // Not at once: this runs wherever the place is given back.
    if (!stopping_) wake_->set(context_.clock.now());
}

}  // namespace imapcopy::jobs
