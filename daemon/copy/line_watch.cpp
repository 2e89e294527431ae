#include "daemon/copy/line_watch.hpp"

#include <utility>

namespace imapcopy::copy {

bool LineWatch::is_slow(TimePoint now, LineUse const& use) {
    if (since_ && now - *since_ < window) return false;
    auto const since = std::exchange(since_, now);
    auto const before = std::exchange(before_, use);
    if (!since) return false;
    auto const seconds = std::chrono::duration<double>(now - *since).count();
    bool const mostly_waiting = 2 * (use.waited - before.waited) >= now - *since;
    auto const bytes = static_cast<double>(use.bytes - before.bytes);
    return mostly_waiting && bytes < static_cast<double>(slow_bytes_per_second_) * seconds;
}

}  // namespace imapcopy::copy
