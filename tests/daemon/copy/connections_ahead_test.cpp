#include "daemon/copy/connections_ahead.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "common/attempt.hpp"
#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using std::chrono::seconds;

class ConnectionsAheadTest : public testing::Test {
 protected:
    ~ConnectionsAheadTest() override { close(); }

    void open(std::uint32_t pairs) {
        ahead_.open(pairs);
        world_.clock.poll();
    }
    void close() { test::run_task(world_.io, world_.clock, ahead_.close()).rethrow(); }
    Attempt<std::unique_ptr<Endpoint>> connect(Side side) {
        return test::run_task(world_.io, world_.clock, ahead_.connect(side));
    }
    std::size_t left() const { return world_.source.left + world_.destination.left; }

    test::World world_;
    ConnectionsAhead ahead_{world_.connections, world_.io.get_executor()};
};

TEST_F(ConnectionsAheadTest, GivesThoseFirstThatItHas) {
    open(2);
    EXPECT_EQ(world_.connections.count, 4U);
    EXPECT_TRUE(connect(Side::source).ok());
    EXPECT_TRUE(connect(Side::source).ok());
    EXPECT_TRUE(connect(Side::destination).ok());
    EXPECT_EQ(world_.connections.count, 4U);
    EXPECT_TRUE(connect(Side::source).ok());
    EXPECT_EQ(world_.connections.count, 5U);
}

TEST_F(ConnectionsAheadTest, WaitsForOneThatIsBeingOpened) {
    world_.connections.takes = seconds(10);
    auto const began = world_.clock.now();
    open(1);
    world_.clock.advance(seconds(4));
    EXPECT_TRUE(connect(Side::source).ok());
    EXPECT_EQ(world_.clock.now() - began, seconds(10));
    EXPECT_TRUE(connect(Side::destination).ok());
    EXPECT_EQ(world_.clock.now() - began, seconds(10));
}

TEST_F(ConnectionsAheadTest, SaysWhyOneCouldNotBeOpened) {
    world_.connections.refuse_from = 1;
    open(1);
    auto const error = error_of(connect(Side::destination).exception);
    EXPECT_TRUE(error && error->code == ErrorCode::too_many_connections);
    world_.connections.refuse_from = 0;
    EXPECT_TRUE(connect(Side::destination).ok()) << "a new one";
}

TEST_F(ConnectionsAheadTest, LeavesThoseThatNobodyNeeds) {
    open(3);
    EXPECT_TRUE(connect(Side::source).ok());
    ahead_.keep(1);
    EXPECT_EQ(left(), 3U) << "one of two to the source, two of three to the destination";
    close();
    EXPECT_EQ(left(), 5U);
    EXPECT_TRUE(connect(Side::source).ok());
    EXPECT_EQ(world_.connections.count, 7U);
}

TEST_F(ConnectionsAheadTest, WaitsForNoneThatNobodyNeeds) {
    world_.connections.takes = seconds(100);
    open(2);
    auto const began = world_.clock.now();
    close();
    EXPECT_EQ(world_.clock.now(), began);
}

TEST_F(ConnectionsAheadTest, PrefersThoseThatAreOpen) {
    world_.connections.refuse_once = 1;  // The first to the source.
    open(2);
    EXPECT_TRUE(connect(Side::source).ok());
    EXPECT_FALSE(connect(Side::source).ok());
    world_.connections.refuse_once = world_.connections.count + 1;
    open(2);
    ahead_.keep(1);
    EXPECT_TRUE(connect(Side::source).ok());
}

/// Forty messages in two folders, which are worth two lanes.
void give_work_to_two_lanes(test::World& world) {
    world.source.add_mailbox("Work");
    for (int i = 0; i < 40; ++i)
        world.source.add_message(i % 2 == 0 ? "INBOX" : "Work", test::sample_message(i));
    world.options.messages_per_lane = 30;
    world.options.lanes_max = 4;
    world.options.connects_ahead = true;
}

TEST(ConnectionsAheadOfAPass, AreThoseOfItsLanes) {
    test::World world;
    give_work_to_two_lanes(world);
    EXPECT_EQ(test::succeed(world).messages_copied, 40U);
    EXPECT_EQ(world.connections.count, 8U);
    EXPECT_EQ(world.source.left, 4U);
    EXPECT_EQ(world.source.fetched_by.size(), 2U);
    EXPECT_TRUE(world.destination.contents() == world.source.contents());
}

TEST(ConnectionsAheadOfAPass, AreNotOpenedByALaterTry) {
    test::World world;
    give_work_to_two_lanes(world);
    world.source.fail_at(3, test::Fault::lose_connection);
    EXPECT_EQ(test::succeed(world).messages_copied, 40U);
    EXPECT_EQ(world.connections.count, 8U + 4U) << "four lanes ahead, then those that are worth it";
    EXPECT_TRUE(world.destination.contents() == world.source.contents());
}

}  // namespace
}  // namespace imapcopy::copy
