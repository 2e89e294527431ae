// A server that says nothing more, at every step of a pass: an abort ends it at once, and the next pass goes
// on from there.

#include "daemon/copy/abort.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/post.hpp>

#include "daemon/copy/imap_endpoint.hpp"
#include "tests/daemon/copy/pass_fixture.hpp"
#include "tests/support/memory_imap_server.hpp"

namespace imapcopy::copy {
namespace {

using test::expected_contents;
using test::fill;
using test::MemoryServer;
using test::succeed;
using test::World;

/// A pass that is under way.
struct Running {
    Running(World& world, Connections& connections) {
        boost::asio::co_spawn(
            world.io,
            test::store_attempt(run_pass({world.clock, world.random, world.log, world.stop}, connections,
                                         world.journal, world.options, world.observer),
                                result, ended),
            boost::asio::bind_cancellation_slot(cancel.slot(), boost::asio::detached));
        world.clock.poll();
    }
    Attempt<PassResult> result;
    bool ended = false;
    boost::asio::cancellation_signal cancel;
};

void make_lanes(World& world) {
    fill(world);
    world.source.piece_bytes = 20'000;
    world.options.lanes_max = 2;
    world.options.connects_ahead = true;
    world.options.messages_per_lane = 1;
}

/// Returns false once the pass has fewer than `step` steps at that server.
bool abort_at(MemoryServer World::*server, std::size_t step, std::size_t open_entries) {
    World world;
    make_lanes(world);
    if (open_entries > 0) {
        world.destination.at("INBOX").messages.clear();
        test::run_task(world.io, world.clock, test::announce(world, open_entries)).rethrow();
    }
    auto& silent = world.*server;
    silent.falls_silent = [&silent, step](std::string_view) { return silent.steps() >= step; };
    Abort abort;
    AbortableConnections connections(world.connections, abort);
    Running running(world, connections);
    while (!running.ended && silent.steps() < step && world.clock.advance_to_next()) world.clock.poll();
    if (running.ended) return false;
    world.stop.request();
    // On the loop, where the signal is heard at once.
    boost::asio::post(world.io, [&] {
        abort.request();
        running.cancel.emit(boost::asio::cancellation_type::terminal);
    });
    world.clock.poll();
    EXPECT_TRUE(running.ended) << "step " << step;
    EXPECT_TRUE(!running.result.ok() || running.result.value->stopped) << "step " << step;
    if (!running.ended) return false;
    silent.falls_silent = nullptr;
    world.stop = {};
    (void)succeed(world);
    auto const expected = open_entries > 0 ? world.source.contents() : expected_contents(world);
    EXPECT_EQ(world.destination.contents(), expected) << "step " << step;
    return true;
}

TEST(Abort, EndsAPassWhereverAServerFallsSilent) {
    for (auto const server : {&World::source, &World::destination}) {
        std::size_t steps = 0;
        while (abort_at(server, steps + 1, 0)) ++steps;
        EXPECT_GT(steps, 30U);
    }
}

TEST(Abort, EndsAPassThatLooksForCopies) {
    std::size_t steps = 0;
    while (abort_at(&World::destination, steps + 1, 3)) ++steps;
    EXPECT_GT(steps, 30U);
}

/// The same mailboxes over the daemon's own connections.
class ImapConnections final : public Connections {
 public:
    explicit ImapConnections(World& world)
        : source(world.source, test::imap_dialect("all")),
          destination(world.destination, test::imap_dialect("all")),
          world_(world) {}
    ~ImapConnections() override { (void)world_.clock.run(std::chrono::minutes(1)); }
    ImapConnections(ImapConnections const&) = delete;
    ImapConnections& operator=(ImapConnections const&) = delete;

    Task<std::unique_ptr<Endpoint>> connect(Side side) override {
        auto& server = side == Side::source ? source : destination;
        imap::Credentials credentials;
        credentials.login = server.login;
        credentials.secret = Secret(server.password);
        net::Target target{"memory", 993, TlsMode::implicit, {}};
        Context const context{world_.clock, world_.random, world_.log, world_.stop};
        auto opening =
            open_imap_endpoint(context, server, std::move(target), std::move(credentials), side, {});
        auto endpoint = co_await std::move(opening);
        co_return endpoint;
    }

    test::MemoryImapServer source;
    test::MemoryImapServer destination;

 private:
    World& world_;
};

/// Returns false once so many bytes are more than the pass sends to the destination.
bool abort_at_byte(std::uint64_t offset) {
    World world;
    fill(world);
    ImapConnections servers(world);
    servers.destination.byte_faults.push_back({test::Direction::to_server, offset, test::Break::stall});
    Abort abort;
    AbortableConnections connections(servers, abort);
    Running running(world, connections);
    if (running.ended) return false;
    world.stop.request();
    abort.request();
    world.clock.poll();
    EXPECT_TRUE(running.ended) << "byte " << offset;
    if (!running.ended) return false;
    world.stop = {};
    auto const next = test::run_task(world.io, world.clock,
                                     run_pass({world.clock, world.random, world.log, world.stop}, servers,
                                              world.journal, world.options, world.observer));
    EXPECT_TRUE(next.ok()) << "byte " << offset;
    EXPECT_EQ(world.destination.contents(), expected_contents(world)) << "byte " << offset;
    return true;
}

TEST(Abort, EndsAPassWhoseServerReadsNoFurther) {
    std::uint64_t offset = 1;
    while (abort_at_byte(offset)) offset += 1999;
    EXPECT_GT(offset, 200'000U);
}

/// Nobody answers a connection.
class DeafConnections final : public Connections {
 public:
    Task<std::unique_ptr<Endpoint>> connect(Side) override {
        co_await never_.wait();
        co_return nullptr;
    }

 private:
    Event never_;
};

TEST(Abort, EndsAConnectionThatIsBeingOpened) {
    World world;
    DeafConnections deaf;
    Abort abort;
    AbortableConnections connections(deaf, abort);
    Running running(world, connections);
    EXPECT_FALSE(running.ended);
    abort.request();
    world.clock.poll();
    EXPECT_TRUE(running.ended);
}

TEST(Abort, LetsNoConnectionBeOpenedLater) {
    World world;
    Abort abort;
    AbortableConnections connections(world.connections, abort);
    abort.request();
    Running running(world, connections);
    ASSERT_TRUE(running.ended);
    EXPECT_EQ(error_of(running.result.exception)->code, ErrorCode::cancelled);
    EXPECT_EQ(world.connections.count, 0U);
}

}  // namespace
}  // namespace imapcopy::copy
