#include "daemon/copy/imap_transfer.hpp"

#include <gtest/gtest.h>

#include "tests/support/manual_clock.hpp"
#include "tests/support/run_task.hpp"

namespace imapcopy::copy {
namespace {

using std::chrono::seconds;

/// Takes so long for each piece.
class SlowSink final : public BodySink {
 public:
    SlowSink(test::ManualClock& clock, seconds pace) : clock_(clock), pace_(pace) {}
    Task<> begin(Uid, std::uint64_t) override { co_return; }
    Task<> data(std::string_view) override {
        clock_.advance(pace_);
        co_return;
    }
    Task<> end() override { co_return; }
    Task<> missing(Uid) override { co_return; }

 private:
    test::ManualClock& clock_;
    seconds pace_;
};

class BodyInletTest : public testing::Test {
 protected:
    /// One body in pieces of 100 bytes: the server takes `server_pace` for each, the sink `sink_pace`.
    bool is_slow(seconds server_pace, seconds sink_pace) {
        LineWatch line(1000);
        SlowSink sink(clock_, sink_pace);
        BodyRelay relay(sink);
        relay.expect({Uid(1)});
        BodyInlet inlet(clock_, line, relay);
        test::run_task(io_, clock_, inlet.begin(Uid(1), 400)).rethrow();
        for (int i = 0; i < 4; ++i) {
            clock_.advance(server_pace);
            test::run_task(io_, clock_, inlet.data(std::string(100, 'x'))).rethrow();
        }
        return line.is_slow(clock_.now());
    }

    boost::asio::io_context io_;
    test::ManualClock clock_{io_};
};

TEST_F(BodyInletTest, CountsTheTimeInWhichNothingArrives) {
    EXPECT_TRUE(is_slow(seconds(1), seconds(0)));
}

TEST_F(BodyInletTest, DoesNotBlameTheLineForASinkThatTakesItsTime) {
    EXPECT_FALSE(is_slow(seconds(0), seconds(1)));
    EXPECT_FALSE(is_slow(seconds(1), seconds(2)));
}

}  // namespace
}  // namespace imapcopy::copy
