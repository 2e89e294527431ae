#include "daemon/jobs/rate.hpp"

#include <chrono>

namespace imapcopy::jobs {
namespace {

/// Long enough to be calm, short enough to show a stall.
constexpr auto window = std::chrono::seconds(15);
/// Longer estimates say nothing.
constexpr std::uint64_t estimate_seconds_max = 30ULL * 86400;

}  // namespace

void Rate::add(TimePoint now, std::uint64_t bytes) {
    if (!samples_.empty() && bytes < samples_.back().bytes) samples_.clear();
    samples_.push_back({now, bytes});
    while (samples_.size() > 2 && samples_.front().when < now - window) samples_.pop_front();
}

std::uint64_t Rate::bytes_per_second() const {
    if (samples_.size() < 2) return 0;
    auto const elapsed = samples_.back().when - samples_.front().when;
    auto const milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count();
    if (milliseconds <= 0) return 0;
    auto const bytes = samples_.back().bytes - samples_.front().bytes;
    return static_cast<std::uint64_t>(static_cast<double>(bytes) * 1000.0 /
                                      static_cast<double>(milliseconds));
}

void Rate::apply(Progress& progress, WallTime now) const {
    progress.bytes_per_second = bytes_per_second();
    progress.estimated_end = {};
    if (progress.bytes_per_second == 0 || progress.bytes_total < progress.bytes_done) return;
    auto const seconds = (progress.bytes_total - progress.bytes_done) / progress.bytes_per_second;
    if (seconds <= estimate_seconds_max) progress.estimated_end = now + std::chrono::seconds(seconds);
}

}  // namespace imapcopy::jobs
