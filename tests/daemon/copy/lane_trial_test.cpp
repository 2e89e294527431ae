#include "daemon/copy/lane_trial.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace imapcopy::copy {
namespace {

using std::chrono::seconds;

/// A job whose rate depends on its lanes, looked at four times a second.
class Copying {
 public:
    explicit Copying(std::vector<std::uint64_t> units_per_second) : rates_(std::move(units_per_second)) {}

    /// Goes on for `duration` and does what is advised.
    void run(Duration duration) {
        auto const end = now_ + duration;
        while (now_ < end) {
            now_ += std::chrono::milliseconds(250);
            work_ += rates_.at(lanes - 1) / 4;
            switch (trial_.look(now_, lanes, work_)) {
                case LaneAdvice::stay: break;
                case LaneAdvice::open:
                    ++opened;
                    if (lanes < lanes_max) {
                        ++lanes;
                    } else {
                        trial_.refused(now_);
                    }
                    break;
                case LaneAdvice::close:
                    ++closed;
                    if (closes) --lanes;
                    break;
            }
        }
    }

    std::uint32_t lanes = 1;
    std::uint32_t lanes_max = 9;
    bool closes = true;
    int opened = 0;
    int closed = 0;

 private:
    std::vector<std::uint64_t> rates_;
    LaneTrial trial_;
    TimePoint now_ = TimePoint(seconds(1000));
    std::uint64_t work_ = 0;
};

TEST(LaneTrial, OpensLanesAsLongAsEachMakesTheJobFaster) {
    Copying copying({1000, 1900, 2700, 2800});
    copying.run(seconds(25));
    EXPECT_EQ(copying.opened, 3);
    EXPECT_EQ(copying.closed, 1) << "the fourth one brought 4 %";
    EXPECT_EQ(copying.lanes, 3U);
}

TEST(LaneTrial, TriesWhatFailedLessAndLessOften) {
    Copying copying({1000, 1000});
    copying.run(seconds(30));
    EXPECT_EQ(copying.opened, 1);
    copying.run(seconds(600));
    EXPECT_GE(copying.opened, 3);
    EXPECT_LE(copying.opened, 5);
    EXPECT_EQ(copying.lanes, 1U);
}

TEST(LaneTrial, GivesBackALaneThatBringsNothing) {
    Copying copying({1000, 1000, 1000});
    copying.lanes = 3;
    copying.lanes_max = 3;
    copying.run(seconds(20));
    EXPECT_EQ(copying.closed, 0) << "a short job is not to be slowed down by a trial";
    copying.run(seconds(100));
    EXPECT_EQ(copying.lanes, 1U);
}

TEST(LaneTrial, TakesBackALaneThatWasMissed) {
    Copying copying({1000, 2000, 3000});
    copying.lanes = 3;
    copying.lanes_max = 3;
    copying.run(seconds(60));
    EXPECT_EQ(copying.closed, 1);
    EXPECT_EQ(copying.lanes, 3U);
}

TEST(LaneTrial, ForgetsWhatDoesNotComeAbout) {
    Copying copying({1000, 1000});
    copying.lanes = 2;
    copying.lanes_max = 2;
    copying.closes = false;
    copying.run(seconds(62));
    EXPECT_EQ(copying.closed, 1) << "the lane is still at its work";
    copying.closes = true;
    copying.run(seconds(120));
    EXPECT_EQ(copying.lanes, 1U);
}

}  // namespace
}  // namespace imapcopy::copy
