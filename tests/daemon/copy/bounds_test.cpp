#include "daemon/copy/bounds.hpp"

#include <gtest/gtest.h>

namespace imapcopy::copy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds elapsed{10};
constexpr TimePoint start{seconds(100)};

/// Three lanes for ten seconds: thirty in all.
Spending three_lanes(seconds our_work, seconds source, seconds destination) {
    EXPECT_EQ(our_work + source + destination, 3 * elapsed);
    return {our_work, source, destination, {}, {}, {}};
}

TEST(Judge, BlamesTheServerThatIsWaitedForMost) {
    EXPECT_EQ(judge(three_lanes(seconds(2), seconds(20), seconds(8)), elapsed, LaneSupply::enough),
              Bound::source);
    EXPECT_EQ(judge(three_lanes(seconds(2), seconds(8), seconds(20)), elapsed, LaneSupply::enough),
              Bound::destination);
}

TEST(Judge, BlamesTheLineOfThatSideWhereMostOfTheWaitIsForBytes) {
    auto slow_source = three_lanes(seconds(2), seconds(20), seconds(8));
    slow_source.destination_line = seconds(8);
    EXPECT_EQ(judge(slow_source, elapsed, LaneSupply::enough), Bound::source) << "the other side's line";
    slow_source.source_line = seconds(9);
    EXPECT_EQ(judge(slow_source, elapsed, LaneSupply::enough), Bound::source);
    slow_source.source_line = seconds(10);
    EXPECT_EQ(judge(slow_source, elapsed, LaneSupply::enough), Bound::line);
    EXPECT_EQ(judge(slow_source, elapsed, LaneSupply::too_few), Bound::line)
        << "more lanes share the same line";
    auto slow_destination = three_lanes(seconds(2), seconds(8), seconds(20));
    slow_destination.source_line = seconds(8);
    EXPECT_EQ(judge(slow_destination, elapsed, LaneSupply::enough), Bound::destination);
    slow_destination.destination_line = seconds(15);
    EXPECT_EQ(judge(slow_destination, elapsed, LaneSupply::enough), Bound::line);
}

TEST(Judge, BlamesALimitWhereMoreLanesWouldHelpAgainstAServer) {
    EXPECT_EQ(judge(three_lanes(seconds(2), seconds(20), seconds(8)), elapsed, LaneSupply::too_few),
              Bound::limit);
    EXPECT_EQ(judge(three_lanes(seconds(2), seconds(8), seconds(20)), elapsed, LaneSupply::too_few),
              Bound::limit);
    EXPECT_EQ(judge(three_lanes(seconds(20), seconds(5), seconds(5)), elapsed, LaneSupply::too_few),
              Bound::us);
}

TEST(Judge, BlamesUsWhereNobodyIsWaitedForMuch) {
    EXPECT_EQ(judge(three_lanes(seconds(20), seconds(5), seconds(5)), elapsed, LaneSupply::enough),
              Bound::us);
    EXPECT_EQ(judge(three_lanes(seconds(10), seconds(10), seconds(10)), elapsed, LaneSupply::enough),
              Bound::us);
    EXPECT_EQ(judge(three_lanes(seconds(9), seconds(11), seconds(10)), elapsed, LaneSupply::enough),
              Bound::source);
}

TEST(Judge, BlamesUsWhereOurProcessorHasNoTimeLeft) {
    auto spent = three_lanes(seconds(0), seconds(30), seconds(0));
    spent.source_line = seconds(30);
    spent.processor = milliseconds(8999);
    EXPECT_EQ(judge(spent, elapsed, LaneSupply::too_few), Bound::line);
    spent.processor = milliseconds(9000);
    EXPECT_EQ(judge(spent, elapsed, LaneSupply::too_few), Bound::us);
}

TEST(Judge, SaysNothingWhereThereWasHardlyALane) {
    EXPECT_EQ(judge({}, elapsed, LaneSupply::enough), Bound::unknown);
    Spending late;
    late.waiting_for_source = milliseconds(4999);
    EXPECT_EQ(judge(late, elapsed, LaneSupply::enough), Bound::unknown);
    late.waiting_for_source = milliseconds(5000);
    EXPECT_EQ(judge(late, elapsed, LaneSupply::enough), Bound::source);
}

TEST(Bounds, LooksForAWhileBeforeItJudges) {
    Bounds bounds;
    EXPECT_TRUE(bounds.is_due(start));
    EXPECT_FALSE(bounds.look(start, {}, LaneSupply::enough)) << "the first window begins here";
    EXPECT_FALSE(bounds.is_due(start + Bounds::window - milliseconds(1)));
    EXPECT_TRUE(bounds.is_due(start + Bounds::window));
}

TEST(Bounds, JudgesEachWindowByItself) {
    Bounds bounds;
    Spending spent;
    spent.our_work = seconds(1000);
    (void)bounds.look(start, spent, LaneSupply::enough);
    spent.waiting_for_source = seconds(4);
    auto const first = bounds.look(start + seconds(4), spent, LaneSupply::enough);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->bound, Bound::source);
    EXPECT_EQ(first->span, seconds(4));
    spent.busy_with_destination = seconds(3);
    auto const second = bounds.look(start + seconds(7), spent, LaneSupply::enough);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->bound, Bound::destination);
    EXPECT_EQ(second->span, seconds(3));
}

}  // namespace
}  // namespace imapcopy::copy
