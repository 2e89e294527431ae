#include "daemon/imap/round_trip.hpp"

#include <gtest/gtest.h>

namespace imapcopy::imap {
namespace {

using std::chrono::milliseconds;

constexpr TimePoint start{std::chrono::seconds(100)};

class RoundTripTest : public testing::Test {
 protected:
    void ask(std::uint64_t command, int when) {
        round_trip_.await_began(CommandId(command), start + milliseconds(when));
    }
    void answer(std::uint64_t command, int when) {
        round_trip_.carried_out(CommandId(command), start + milliseconds(when));
        round_trip_.await_ended(CommandId(command));
    }

    RoundTrip round_trip_;
};

TEST_F(RoundTripTest, IsTheShortestOfAll) {
    EXPECT_EQ(round_trip_.least(), milliseconds(0));
    ask(1, 0);
    answer(1, 50);
    ask(2, 100);
    answer(2, 130);
    ask(3, 200);
    answer(3, 290);
    EXPECT_EQ(round_trip_.least(), milliseconds(30));
}

TEST_F(RoundTripTest, LeavesOutWhatWaitedBehindOthers) {
    ask(1, 0);
    ask(2, 95);
    answer(1, 100);
    answer(2, 101);
    EXPECT_EQ(round_trip_.least(), milliseconds(100));
    ask(3, 200);
    ask(4, 201);
    answer(3, 220);
    ask(5, 221);
    answer(4, 222);
    answer(5, 223);
    EXPECT_EQ(round_trip_.least(), milliseconds(20));
    ask(6, 300);
    answer(6, 310);
    EXPECT_EQ(round_trip_.least(), milliseconds(10)) << "alone again";
}

TEST_F(RoundTripTest, BelievesNoRefusal) {
    ask(1, 0);
    round_trip_.await_ended(CommandId(1));
    EXPECT_EQ(round_trip_.least(), milliseconds(0));
    ask(2, 50);
    answer(2, 90);
    EXPECT_EQ(round_trip_.least(), milliseconds(40));
}

}  // namespace
}  // namespace imapcopy::imap
