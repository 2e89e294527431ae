#include "ctl/local_time.hpp"

#include <gtest/gtest.h>

namespace imapcopy::ctl {
namespace {

constexpr WallTime now{std::chrono::seconds(1'795'248'900)};  // 2026-11-21T08:15:00Z

TEST(Times, AreShortOnTheSameDay) {
    EXPECT_EQ(full_time(now, Zone::utc), "2026-11-21 08:15:00");
    EXPECT_EQ(full_time(WallTime{}, Zone::utc), "");
    EXPECT_EQ(short_time(now + std::chrono::hours(2), now, Zone::utc), "10:15");
    EXPECT_EQ(short_time(now + std::chrono::hours(24), now, Zone::utc), "2026-11-22 08:15");
}

TEST(Duration, HasUnits) {
    EXPECT_EQ(parse_duration("90"), std::chrono::seconds(90));
    EXPECT_EQ(parse_duration("90s"), std::chrono::seconds(90));
    EXPECT_EQ(parse_duration("2h"), std::chrono::hours(2));
    EXPECT_EQ(parse_duration("1w"), std::chrono::days(7));
    for (auto const* const text : {"", "s", "h2", "-1", "1.5h", "1y", "99999999999"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(StartTime, ReadsEveryForm) {
    EXPECT_EQ(parse_start_time("+2h", now, Zone::utc).value(), now + std::chrono::hours(2));
    EXPECT_EQ(parse_start_time("09:15", now, Zone::utc).value(), now + std::chrono::hours(1));
    EXPECT_EQ(parse_start_time("08:15", now, Zone::utc).value(), now + std::chrono::hours(24));
    EXPECT_EQ(parse_start_time("2026-11-21 09:15", now, Zone::utc).value(), now + std::chrono::hours(1));
    EXPECT_EQ(parse_start_time("2026-11-21T10:15:00+01:00", now, Zone::local).value(),
              now + std::chrono::hours(1));
    for (auto const* const text : {"", "tomorrow", "24:00", "+x", "9:15"}) {
        EXPECT_TRUE(parse_start_time(text, now, Zone::utc).has_error()) << text;
    }
}

TEST(StartTime, LocalTimesReadBack) {
    auto const text = full_time(now, Zone::local);
    EXPECT_EQ(parse_start_time(text, now, Zone::local).value(), now);
}

}  // namespace
}  // namespace imapcopy::ctl
