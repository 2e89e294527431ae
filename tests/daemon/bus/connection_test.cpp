#include "daemon/bus/connection.hpp"

#include <gtest/gtest.h>
#include "tests/daemon/bus/bus_fixture.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;
using ctl::Event;

namespace {

class ConnectionTest : public BusFixture {};

}  // namespace

TEST_F(ConnectionTest, OwnsTheNameWhileItRuns) {
    EXPECT_TRUE(client.daemon_running());
    server.stop();
    EXPECT_FALSE(client.daemon_running());
    EXPECT_EQ(error_of([&] { (void)client.jobs(); }).code, ErrorCode::connection_lost);
}

TEST_F(ConnectionTest, RefusesASecondOwnerOfTheName) {
    EXPECT_EQ(error_of([&] { BusServer second(private_bus.address()); }).code, ErrorCode::in_use);
}

TEST_F(ConnectionTest, NoticesThatTheBusIsGone) {
    auto lost = server.lost();
    private_bus.kill();
    ASSERT_EQ(lost.wait_for(std::chrono::seconds(10)), std::future_status::ready);
    EXPECT_EQ(lost.get().code, ErrorCode::connection_lost);
}

TEST_F(ConnectionTest, UsesNoProcessorTimeWhenIdle) {
    (void)submit();
    (void)client.jobs();
    auto const before = server.cpu_time();
    // Nothing happens on this bus but the passing of time.
    (void)client.wait_for_change(std::chrono::milliseconds(2000));
    EXPECT_LT(server.cpu_time() - before, std::chrono::milliseconds(10));
}

TEST_F(ConnectionTest, LearnsOfTheDaemonGoingAway) {
    client.follow();
    server.stop();
    auto const all = events(1);
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all.front().kind, Event::Kind::daemon_gone);
}
