#include "common/clock.hpp"

#include <gtest/gtest.h>

namespace imapcopy {
namespace {

WallTime at(std::int64_t seconds) {
    return WallTime{std::chrono::seconds(seconds)};
}

TEST(Rfc3339, PrintsWholeSecondsInUtc) {
    EXPECT_EQ(to_rfc3339(at(1'795'248'900)), "2026-11-21T08:15:00Z");
    EXPECT_EQ(to_rfc3339(at(1'795'248'900) + std::chrono::microseconds(999'999)), "2026-11-21T08:15:00Z");
    EXPECT_EQ(to_rfc3339(WallTime{}), "");
}

TEST(Rfc3339, ReadsWhatItPrints) {
    for (std::int64_t const seconds : {1LL, 951'782'399LL, 951'868'800LL, 1'795'248'900LL, 4'102'444'800LL}) {
        EXPECT_EQ(parse_rfc3339(to_rfc3339(at(seconds))), at(seconds));
    }
}

TEST(Rfc3339, AcceptsZonesAndTheShortForm) {
    EXPECT_EQ(parse_rfc3339("2026-11-21T10:15:00+02:00"), at(1'795'248'900));
    EXPECT_EQ(parse_rfc3339("2026-11-21T03:45:00-0430"), at(1'795'248'900));
    EXPECT_EQ(parse_rfc3339("2026-11-21 08:15"), at(1'795'248'900));
    EXPECT_EQ(parse_rfc3339("2026-11-21t08:15:00z"), at(1'795'248'900));
}

TEST(Rfc3339, RefusesEverythingElse) {
    for (auto const* const text : {"", "tomorrow", "2026-02-30T00:00:00Z", "2026-11-21",
                                   "2026-11-21T24:00:00Z", "2026-11-21T08:60:00Z", "2026-11-21T08:15:00Zx",
                                   "2026-11-21T08:15:00+1", "2026-11-21T08:15:61Z", "26-11-21T08:15:00Z"}) {
        EXPECT_FALSE(parse_rfc3339(text)) << text;
    }
}

}  // namespace
}  // namespace imapcopy
