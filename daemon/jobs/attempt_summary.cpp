#include "daemon/jobs/attempt_summary.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace imapcopy::jobs {
namespace {

/// Text of a time that may be unknown.
std::string microseconds(std::chrono::microseconds time) {
    return time.count() == 0 ? std::string() : std::to_string(time.count());
}

}  // namespace

void AttemptSummary::add(Progress const& progress) {
    lanes_most_ = std::max(lanes_most_, progress.lanes);
    latest_ = progress;
}

void AttemptSummary::bound_by(Bound bound, Duration span) {
    if (bound != Bound::unknown) spans_.at(static_cast<std::size_t>(bound)) += span;
}

std::string AttemptSummary::bounds() const {
    auto const known = std::accumulate(spans_.begin(), spans_.end(), Duration());
    std::vector<std::pair<Duration, Bound>> order;
    for (std::size_t i = 0; i < spans_.size(); ++i) {
        if (spans_.at(i) > Duration()) order.emplace_back(spans_.at(i), static_cast<Bound>(i));
    }
    std::ranges::stable_sort(order, std::ranges::greater(), &std::pair<Duration, Bound>::first);
    std::string text;
    for (auto const& [span, bound] : order) {
        auto const percent = (200 * span / known + 1) / 2;
        if (!text.empty()) text += ", ";
        text += std::string(to_string(bound)) + " " + std::to_string(percent) + " %";
    }
    return text;
}

void AttemptSummary::write(Log& log, JobView const& job, std::uint64_t exceptions, Duration elapsed) const {
    auto const milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count();
    auto const rate = 1000.0 * static_cast<double>(bytes()) / static_cast<double>(std::max(milliseconds, 1L));
    log.write(LogLevel::info, "attempt ended",
              {{"job", to_string(job.id)},
               {"phase", std::string(to_string(job.phase))},
               {"messages", std::to_string(job.progress.messages_done)},
               {"exceptions", std::to_string(exceptions)},
               {"bytes", std::to_string(bytes())},
               {"seconds", std::to_string((milliseconds + 999) / 1000)},
               {"bytes_per_second", std::to_string(static_cast<std::uint64_t>(rate))},
               {"lanes", std::to_string(lanes_most_)},
               {"source_round_trip_us", microseconds(latest_.source_round_trip)},
               {"destination_round_trip_us", microseconds(latest_.destination_round_trip)},
               {"bound", bounds()}});
}

}  // namespace imapcopy::jobs
