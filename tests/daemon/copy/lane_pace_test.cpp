// Whole passes on a manual clock that only moves where the test lets somebody take his time.

#include "daemon/copy/lane_pace.hpp"

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using std::chrono::seconds;
using test::MemoryServer;
using test::sample_message;
using test::World;

/// Each step of `server` takes a second; its connections wait for their line for so much of it.
void slow_down(World& world, MemoryServer& server, Duration line_wait = {}) {
    server.before_step = [&world, &server, line_wait] {
        world.clock.advance(seconds(1));
        server.line_wait += line_wait;
    };
}

/// Many pieces to read, one to write: what it takes is up to the source.
void add_large_messages(World& world) {
    for (int i = 0; i < 10; ++i) world.source.add_message("INBOX", sample_message(i, 20'000));
}

constexpr std::uint32_t folders_of_many = 24;

/// More than one lane takes up at once.
void add_folders(World& world) {
    for (std::uint32_t i = 0; i < folders_of_many; ++i) {
        auto const folder = "Folder " + std::to_string(i);
        world.source.add_mailbox(folder);
        world.source.add_message(folder, sample_message(static_cast<int>(i), 60'000));
    }
}

/// One piece each, and an APPEND of its own.
void add_small_messages(World& world) {
    world.options.batch_messages_max = 1;
    for (int i = 0; i < 20; ++i) world.source.add_message("INBOX", sample_message(i));
}

/// What held up the pass for most of the time.
Bound main_bound(World const& world) {
    auto const& bounds = world.observer.bounds;
    auto const by_span = [](auto const& a, auto const& b) { return a.second < b.second; };
    auto const longest = std::max_element(bounds.begin(), bounds.end(), by_span);
    return longest == bounds.end() ? Bound::unknown : longest->first;
}

TEST(LanePace, BlamesASourceThatTakesItsTime) {
    World world;
    add_large_messages(world);
    slow_down(world, world.source);
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(main_bound(world), Bound::source);
}

TEST(LanePace, BlamesADestinationThatTakesItsTime) {
    World world;
    add_small_messages(world);
    slow_down(world, world.destination);
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(main_bound(world), Bound::destination);
}

TEST(LanePace, BlamesADestinationThatTakesItsTimeForABodyInPieces) {
    World world;
    for (int i = 0; i < 3; ++i) world.source.add_message("INBOX", sample_message(i, 200'000));
    slow_down(world, world.destination);
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(main_bound(world), Bound::destination);
}

TEST(LanePace, BlamesTheLineWhereBytesAreWaitedFor) {
    World down;
    add_large_messages(down);
    slow_down(down, down.source, seconds(1));
    ASSERT_TRUE(down.run().ok());
    EXPECT_EQ(main_bound(down), Bound::line);
    World up;
    add_small_messages(up);
    slow_down(up, up.destination, seconds(1));
    ASSERT_TRUE(up.run().ok());
    EXPECT_EQ(main_bound(up), Bound::line);
}

TEST(LanePace, BlamesTheLimitOfLanesThatAServerCouldServe) {
    World world;
    world.options.messages_per_lane = 1;
    add_folders(world);
    slow_down(world, world.source);
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(main_bound(world), Bound::limit) << "one lane where many are worth it";
    EXPECT_GT(world.observer.bounds[Bound::source], seconds(0)) << "but not where none waits any longer";
}

TEST(LanePace, BlamesTheServerThatRefusedALane) {
    World world;
    world.options.lanes_max = 2;
    world.options.messages_per_lane = 1;
    add_folders(world);
    slow_down(world, world.source);
    world.connections.refuse_from = 3;
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(main_bound(world), Bound::limit);
}

TEST(LanePace, AddsTheLanesUp) {
    World world;
    world.options.lanes_max = folders_of_many;
    world.options.messages_per_lane = 1;
    add_folders(world);
    slow_down(world, world.source);
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(main_bound(world), Bound::source);
}

TEST(LanePace, SaysNothingOfAShortCopyNorWhenItIsOver) {
    World quick;
    add_small_messages(quick);
    ASSERT_TRUE(quick.run().ok());
    EXPECT_TRUE(quick.observer.bounds.empty());
    World slow;
    add_large_messages(slow);
    slow_down(slow, slow.source);
    ASSERT_TRUE(slow.run().ok());
    EXPECT_EQ(slow.observer.last.bound, Bound::unknown);
}

TEST(NoteRoundTrips, KeepsTheShortestOfEachSide) {
    World world;
    world.source.round_trip = std::chrono::milliseconds(100);
    world.destination.round_trip = std::chrono::nanoseconds(1);
    add_small_messages(world);
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(world.observer.last.source_round_trip, std::chrono::milliseconds(100));
    EXPECT_EQ(world.observer.last.destination_round_trip, std::chrono::microseconds(1));
    world.source.round_trip = {};
    ASSERT_TRUE(world.run().ok());
    EXPECT_EQ(world.observer.last.source_round_trip, std::chrono::microseconds(0)) << "not known";
}

}  // namespace
}  // namespace imapcopy::copy
