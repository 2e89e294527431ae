#include "daemon/copy/lane_trial.hpp"

#include <utility>

namespace imapcopy::copy {

LaneAdvice LaneTrial::look(TimePoint now, std::uint32_t lanes, std::uint64_t work) {
    // One fewer is tried late: a short job is not to be slowed down.
    if (!std::exchange(begun_, true)) fewer_.not_before = now + pause;
    if (lanes != lanes_) {
        measure_anew(now, lanes, work);
        return LaneAdvice::stay;
    }
    auto const measured = rate(now, work);
    if (!measured) return LaneAdvice::stay;
    return trial_ ? judge(now, lanes, *measured) : begin(now, lanes, *measured);
}

void LaneTrial::refused(TimePoint now) {
    if (!trial_ || !trial_->more) return;
    trial_.reset();
    more_.failed(now);
}

void LaneTrial::Way::failed(TimePoint now) {
    not_before = now + next_pause;
    next_pause *= 2;
}

void LaneTrial::measure_anew(TimePoint now, std::uint32_t lanes, std::uint64_t work) {
    lanes_ = lanes;
    since_ = now + settling;
    work_since_ = work;
}

std::optional<double> LaneTrial::rate(TimePoint now, std::uint64_t work) {
    if (now <= since_) {
        work_since_ = work;
        return std::nullopt;
    }
    if (now - since_ < period) return std::nullopt;
    auto const seconds = std::chrono::duration<double>(now - since_).count();
    auto const units = static_cast<double>(work - work_since_);
    since_ = now;
    work_since_ = work;
    return units / seconds;
}

LaneAdvice LaneTrial::judge(TimePoint now, std::uint32_t lanes, double rate) {
    auto& way = trial_->more ? more_ : fewer_;
    if (lanes == trial_->lanes_before) {
        // It has not come about yet. A lane that is to end finishes what it has taken.
        if (now - trial_->since >= pause) {
            trial_.reset();
            way.failed(now);
        }
        return LaneAdvice::stay;
    }
    auto const [more, since, lanes_before, rate_before] = *std::exchange(trial_, std::nullopt);
    if (more && rate < rate_before * gain_min) {
        way.failed(now);
        return LaneAdvice::close;
    }
    if (!more && rate < rate_before * loss_max) {
        way.failed(now);
        return LaneAdvice::open;
    }
    return begin(now, lanes, rate);
}

LaneAdvice LaneTrial::begin(TimePoint now, std::uint32_t lanes, double rate) {
    bool const more = now >= more_.not_before;
    if (!more && (lanes < 2 || now < fewer_.not_before)) return LaneAdvice::stay;
    trial_ = Trial{more, now, lanes, rate};
    return more ? LaneAdvice::open : LaneAdvice::close;
}

}  // namespace imapcopy::copy
