#include "daemon/copy/lane_load.hpp"

#include <algorithm>
#include <chrono>

namespace imapcopy::copy {
namespace {

constexpr std::chrono::milliseconds window{500};
constexpr std::chrono::milliseconds reserve{100};  ///< For whatever makes a source falter.

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

void LaneLoad::passed_on(TimePoint now) {
    if (!since_) since_ = now;
    ++passed_on_;
    auto const measured = now - *since_;
    if (measured < window) return;
    per_second_ = static_cast<double>(passed_on_) / seconds(measured);
    since_ = now;
    passed_on_ = 0;
    if (now - factor_since_ >= window) factor_ = std::max(1.0, factor_ * 0.9);
}

void LaneLoad::starves(TimePoint now) {
    constexpr double factor_max = 10'000;
    // Before the last change has had its effect another one would be too much.
    if (messages_ == 0 || per_second_ == 0 || now - factor_since_ < reserve) return;
    factor_ = std::min(factor_ * 2, factor_max);
    factor_since_ = now;
}

std::uint64_t LaneLoad::needed(Duration round_trip, std::uint64_t share) const {
    constexpr std::uint64_t least = 2;
    if (per_second_ == 0) return std::max(least, share / 4);
    auto const messages = per_second_ * seconds(round_trip + reserve);
    // Where nothing but the source counts there is no such number, and the others still get their share.
    auto const most = std::max(messages, static_cast<double>(share) / 4);
    return std::max(least, static_cast<std::uint64_t>(std::min(factor_ * messages, most)));
}

std::uint64_t LaneLoad::room(std::uint64_t needed) const {
    auto const room = needed - std::min(messages_, needed);
    return room >= std::max<std::uint64_t>(1, needed / 4) ? room : 0;
}

}  // namespace imapcopy::copy
