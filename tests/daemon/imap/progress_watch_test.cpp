#include "daemon/imap/progress_watch.hpp"

#include <gtest/gtest.h>

namespace imapcopy::imap {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TimePoint const start = TimePoint{} + std::chrono::hours(1);

TEST(ProgressWatch, RunsOnlyWhileTheServerOwesAnAnswer) {
    ProgressWatch watch(SessionTimeouts{});
    EXPECT_FALSE(watch.deadline());
    watch.await_began(start);
    EXPECT_EQ(watch.deadline(), start + seconds(120));
    watch.hold(start);
    EXPECT_FALSE(watch.deadline()) << "it is our turn";
    watch.release(start + minutes(50));
    EXPECT_EQ(watch.deadline(), start + minutes(52));
    watch.await_ended(start + minutes(51));
    EXPECT_FALSE(watch.deadline());
}

TEST(ProgressWatch, EndsASilentServerAndATalkativeOne) {
    ProgressWatch watch(SessionTimeouts{});
    watch.await_began(start);
    EXPECT_FALSE(watch.exceeded(start + seconds(119)));
    EXPECT_TRUE(watch.exceeded(start + seconds(120)));
    for (auto now = start; now < start + minutes(30); now += minutes(1)) {
        watch.received(now);
        EXPECT_FALSE(watch.exceeded(now));
    }
    EXPECT_TRUE(watch.exceeded(start + minutes(30))) << "one byte a minute is no progress";
}

TEST(ProgressWatch, EndsABodyThatTrickles) {
    ProgressWatch watch(SessionTimeouts{});
    watch.await_began(start);
    watch.body_began(start);
    watch.received(start + seconds(100));
    watch.body_received(100);
    EXPECT_EQ(watch.deadline(), start + seconds(120));
    EXPECT_TRUE(watch.exceeded(start + seconds(120)));
}

TEST(ProgressWatch, GivesALargeBodyTheTimeItNeeds) {
    ProgressWatch watch(SessionTimeouts{});
    watch.await_began(start);
    watch.body_began(start);
    for (auto now = start + minutes(1); now < start + std::chrono::hours(5); now += minutes(1)) {
        watch.received(now);
        watch.body_received(5000);
        ASSERT_FALSE(watch.exceeded(now));
    }
}

TEST(ProgressWatch, BoundsAWriteByItsSize) {
    ProgressWatch watch(SessionTimeouts{});
    watch.await_began(start);
    watch.write_began(start, 10 * 1024);
    EXPECT_EQ(watch.deadline(), start + seconds(120) + minutes(10));
    EXPECT_FALSE(watch.exceeded(start + minutes(5)));
    watch.write_ended(start + minutes(5));
    EXPECT_EQ(watch.deadline(), start + minutes(7));
}

}  // namespace
}  // namespace imapcopy::imap
