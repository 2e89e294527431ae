#include "daemon/copy/line_watch.hpp"

namespace imapcopy::copy {

void LineWatch::waited(TimePoint began, TimePoint ended, std::uint64_t bytes) {
    if (since_ == TimePoint::min()) since_ = began;
    waited_ += ended - began;
    bytes_ += bytes;
}

bool LineWatch::is_slow(TimePoint now) {
    if (since_ == TimePoint::min() || now - since_ < window) return false;
    auto const seconds = std::chrono::duration<double>(now - since_).count();
    bool const mostly_waiting = 2 * waited_ >= now - since_;
    bool const slow = static_cast<double>(bytes_) < static_cast<double>(slow_bytes_per_second_) * seconds;
    since_ = now;
    waited_ = {};
    bytes_ = 0;
    return mostly_waiting && slow;
}

}  // namespace imapcopy::copy
