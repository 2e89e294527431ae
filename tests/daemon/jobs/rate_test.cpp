#include "daemon/jobs/rate.hpp"

#include <gtest/gtest.h>

namespace imapcopy::jobs {
namespace {

using std::chrono::seconds;
TimePoint const start = TimePoint{} + std::chrono::hours(1);

TEST(Rate, IsUnknownBeforeTheSecondSample) {
    Rate rate;
    rate.add(start, 1000);
    EXPECT_EQ(rate.bytes_per_second(), 0U);
}

TEST(Rate, LooksAtTheLastSecondsOnly) {
    Rate rate;
    for (int i = 0; i < 60; ++i) rate.add(start + seconds(i), static_cast<std::uint64_t>(i) * 1000);
    EXPECT_EQ(rate.bytes_per_second(), 1000U);
    for (int i = 60; i < 120; ++i) rate.add(start + seconds(i), 60'000);
    EXPECT_EQ(rate.bytes_per_second(), 0U);
}

TEST(Rate, EstimatesTheEnd) {
    Rate rate;
    rate.add(start, 0);
    rate.add(start + seconds(2), 2000);
    Progress progress;
    progress.bytes_total = 12'000;
    progress.bytes_done = 2000;
    rate.apply(progress, WallTime(seconds(100)));
    EXPECT_EQ(progress.bytes_per_second, 1000U);
    EXPECT_EQ(progress.estimated_end, WallTime(seconds(110)));
}

TEST(Rate, StartsAfreshWhenTheCountFalls) {
    Rate rate;
    rate.add(start, 5000);
    rate.add(start + seconds(1), 0);
    EXPECT_EQ(rate.bytes_per_second(), 0U);
}

}  // namespace
}  // namespace imapcopy::jobs
