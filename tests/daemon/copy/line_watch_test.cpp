#include "daemon/copy/line_watch.hpp"

#include <gtest/gtest.h>

namespace imapcopy::copy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint start{seconds(100)};

TEST(LineWatch, CallsALineSlowThatIsWaitedForMostOfTheTime) {
    LineWatch line(1000);
    line.waited(start, start + seconds(2), 2500);
    EXPECT_TRUE(line.is_slow(start + seconds(3)));
}

TEST(LineWatch, LooksForAWhileFirst) {
    LineWatch line(1000);
    EXPECT_FALSE(line.is_slow(start + seconds(50))) << "nothing has passed yet";
    line.waited(start, start + seconds(2), 1);
    EXPECT_FALSE(line.is_slow(start + LineWatch::window - milliseconds(1)));
    EXPECT_TRUE(line.is_slow(start + LineWatch::window));
}

TEST(LineWatch, DoesNotBlameALineThatIsFastOrSeldomWaitedFor) {
    LineWatch fast(1000);
    fast.waited(start, start + seconds(3), 3000);
    EXPECT_FALSE(fast.is_slow(start + seconds(3)));
    LineWatch idle(1000);
    idle.waited(start, start + seconds(1), 10);
    EXPECT_FALSE(idle.is_slow(start + seconds(3)));
    LineWatch never(0);
    never.waited(start, start + seconds(3), 1);
    EXPECT_FALSE(never.is_slow(start + seconds(3)));
}

TEST(LineWatch, JudgesEachWindowByItself) {
    LineWatch line(1000);
    line.waited(start, start + seconds(3), 9000);
    EXPECT_FALSE(line.is_slow(start + seconds(3)));
    line.waited(start + seconds(3), start + seconds(6), 30);
    EXPECT_TRUE(line.is_slow(start + seconds(6)));
}

}  // namespace
}  // namespace imapcopy::copy
