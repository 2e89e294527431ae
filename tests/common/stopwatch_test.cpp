#include "common/stopwatch.hpp"

#include <gtest/gtest.h>

namespace imapcopy {
namespace {

using std::chrono::seconds;

constexpr TimePoint start{seconds(100)};

TEST(Stopwatch, AddsItsPiecesUpAndCountsTheOneUnderWay) {
    Stopwatch watch;
    EXPECT_EQ(watch.total(start), seconds(0));
    watch.start(start);
    EXPECT_EQ(watch.total(start + seconds(2)), seconds(2));
    watch.stop(start + seconds(3));
    EXPECT_EQ(watch.total(start + seconds(50)), seconds(3));
    watch.start(start + seconds(50));
    EXPECT_EQ(watch.total(start + seconds(54)), seconds(7));
}

TEST(Stopwatch, StandsStillUntilItIsStarted) {
    Stopwatch watch;
    watch.stop(start);
    EXPECT_EQ(watch.total(start + seconds(1)), seconds(0));
}

}  // namespace
}  // namespace imapcopy
