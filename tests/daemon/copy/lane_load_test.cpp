#include "daemon/copy/lane_load.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace imapcopy::copy {
namespace {

using namespace std::chrono_literals;

constexpr Duration no_round_trip{};

/// So many a second, for one second.
void pass_on(LaneLoad& load, int per_second) {
    TimePoint now{};
    for (int i = 0; i <= per_second; ++i) load.passed_on(now + i * 1s / per_second);
}

TEST(LaneLoadTest, CountsMessagesFromTheirRequestToTheirEnd) {
    LaneLoad load;
    int told = 0;
    load.on_fewer([&told] { ++told; });
    {
        LaneLoad::Token first(load);
        LaneLoad::Token const moved(std::move(first));
        LaneLoad::Token const second(load);
        EXPECT_EQ(load.messages(), 2U);
        EXPECT_EQ(told, 0);
    }
    EXPECT_EQ(load.messages(), 0U);
    EXPECT_EQ(told, 2);
    load.on_fewer({});
    { LaneLoad::Token const unheard(load); }
    EXPECT_EQ(told, 2);
}

TEST(LaneLoadTest, NeedsAPartOfItsShareUntilARateIsKnown) {
    LaneLoad const load;
    EXPECT_EQ(load.needed(no_round_trip, 80), 20U);
    EXPECT_EQ(load.needed(no_round_trip, 100'000), 25'000U);
    EXPECT_EQ(load.needed(no_round_trip, 0), 2U);
}

TEST(LaneLoadTest, NeedsWhatIsPassedOnWhileARequestIsAnswered) {
    LaneLoad load;
    pass_on(load, 1000);
    EXPECT_NEAR(static_cast<double>(load.needed(no_round_trip, 80)), 100, 2);
    EXPECT_NEAR(static_cast<double>(load.needed(200ms, 80)), 300, 5);
}

TEST(LaneLoadTest, FollowsTheRate) {
    LaneLoad load;
    LaneLoad::Token const token(load);
    pass_on(load, 1000);
    TimePoint const later(10s);
    load.passed_on(later);
    load.passed_on(later + 100s);
    EXPECT_EQ(load.needed(no_round_trip, 80), 2U) << "the next comes behind the one that is on its way";
}

TEST(LaneLoadTest, MeasuresNoRateWhileItIsIdle) {
    LaneLoad load;
    pass_on(load, 1000);
    auto const before = load.needed(no_round_trip, 80);
    TimePoint const later(100s);
    LaneLoad::Token const token(load);
    load.passed_on(later);
    load.passed_on(later + 1ms);
    EXPECT_EQ(load.needed(no_round_trip, 80), before);
}

TEST(LaneLoadTest, NeedsMoreWhereTheSourceTakesLongerThanItsRoundTrip) {
    constexpr std::uint64_t share = 1200;
    LaneLoad load;
    TimePoint const end(1s);
    load.starves(end);
    LaneLoad::Token const token(load);
    load.starves(end);
    EXPECT_EQ(load.needed(no_round_trip, 40), 10U) << "nothing is known yet";
    pass_on(load, 1000);
    auto const before = load.needed(no_round_trip, share);
    load.starves(end + 1s);
    EXPECT_NEAR(static_cast<double>(load.needed(no_round_trip, share)), 2.0 * static_cast<double>(before), 1);
    load.starves(end + 1050ms);
    EXPECT_NEAR(static_cast<double>(load.needed(no_round_trip, share)), 2.0 * static_cast<double>(before), 1)
        << "that has had no effect yet";
    load.starves(end + 1100ms);
    EXPECT_EQ(load.needed(no_round_trip, share), share / 4) << "but no more than leaves others their share";
    EXPECT_EQ(load.needed(no_round_trip, 40), before) << "of which it always has what it needs";
    for (int i = 0; i < 100'000; ++i) load.passed_on(end + 2s + i * 1ms);
    EXPECT_NEAR(static_cast<double>(load.needed(no_round_trip, share)), 100, 2) << "and not for ever";
}

TEST(LaneLoadTest, AsksForMoreOnceAQuarterIsThrough) {
    LaneLoad load;
    EXPECT_EQ(load.room(8), 8U);
    std::vector<LaneLoad::Token> tokens;
    for (int i = 0; i < 7; ++i) tokens.emplace_back(load);
    EXPECT_EQ(load.room(8), 0U);
    tokens.pop_back();
    EXPECT_EQ(load.room(8), 2U);
    EXPECT_EQ(load.room(3), 0U) << "more are under way than are needed";
    tokens.clear();
    EXPECT_EQ(load.room(2), 2U);
}

}  // namespace
}  // namespace imapcopy::copy
