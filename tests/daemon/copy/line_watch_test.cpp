#include "daemon/copy/line_watch.hpp"

#include <gtest/gtest.h>

namespace imapcopy::copy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint start{seconds(100)};

/// A watch whose window began at `start`, when the connection had waited and transferred before.
LineWatch watch(std::uint64_t slow_bytes_per_second) {
    LineWatch line(slow_bytes_per_second);
    EXPECT_FALSE(line.is_slow(start, {seconds(50), 7})) << "nothing was seen yet";
    return line;
}

TEST(LineWatch, CallsALineSlowThatIsWaitedForMostOfTheTime) {
    EXPECT_TRUE(watch(1000).is_slow(start + seconds(3), {seconds(52), 2507}));
}

TEST(LineWatch, LooksForAWhileFirst) {
    auto line = watch(1000);
    EXPECT_FALSE(line.is_slow(start + LineWatch::window - milliseconds(1), {seconds(52), 8}));
    EXPECT_TRUE(line.is_slow(start + LineWatch::window, {seconds(52), 8}));
}

TEST(LineWatch, DoesNotBlameALineThatIsFastOrSeldomWaitedFor) {
    EXPECT_FALSE(watch(1000).is_slow(start + seconds(3), {seconds(53), 3007}));
    EXPECT_FALSE(watch(1000).is_slow(start + seconds(3), {seconds(51), 17}));
    EXPECT_FALSE(watch(0).is_slow(start + seconds(3), {seconds(53), 8}));
}

TEST(LineWatch, JudgesEachWindowByItself) {
    auto line = watch(1000);
    EXPECT_FALSE(line.is_slow(start + seconds(3), {seconds(53), 9007}));
    EXPECT_TRUE(line.is_slow(start + seconds(6), {seconds(56), 9037}));
}

}  // namespace
}  // namespace imapcopy::copy
