#include "daemon/net/resolver.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "tests/support/loop_runner.hpp"
#include "tests/support/manual_clock.hpp"

namespace imapcopy::net {
namespace {

using namespace std::chrono_literals;

Result<Addresses> loopback() {
    return Addresses{boost::asio::ip::make_address("127.0.0.1")};
}

class ResolverTest : public testing::Test {
 protected:
    ~ResolverTest() override { clock_.poll(); }
    TimePoint deadline() const { return clock_.now() + 10s; }

    boost::asio::io_context io_;
    test::ManualClock clock_{io_};
    test::LoopRunner runner_{io_};
};

TEST_F(ResolverTest, KnowsLocalhost) {
    Resolver resolver(io_.get_executor(), clock_);
    auto const resolved = runner_.run(resolver.resolve("localhost", deadline()));
    ASSERT_TRUE(resolved->result.ok()) << resolved->message();
    EXPECT_TRUE(resolved->result.value->front().is_loopback());
}

TEST_F(ResolverTest, TakesLiteralsAsTheyAre) {
    auto look_up = [](std::string const&) -> Result<Addresses> {
        return Error{ErrorCode::internal, "not asked"};
    };
    Resolver resolver(io_.get_executor(), clock_, look_up);
    for (auto const* const text : {"192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"}) {
        auto const resolved = runner_.run(resolver.resolve(text, deadline()));
        ASSERT_TRUE(resolved->result.ok()) << text << ": " << resolved->message();
        EXPECT_EQ(resolved->result.value->front(), boost::asio::ip::make_address(text));
    }
}

TEST_F(ResolverTest, PassesOnWhyANameWasNotFound) {
    auto look_up = [](std::string const&) -> Result<Addresses> {
        return Error{ErrorCode::name_not_found, "none"};
    };
    Resolver resolver(io_.get_executor(), clock_, look_up);
    EXPECT_EQ(runner_.run(resolver.resolve("nowhere.example", deadline()))->failure(),
              ErrorCode::name_not_found);
}

TEST_F(ResolverTest, ADeadZoneHoldsUpNobodyElse) {
    // More callers than threads wait for one dead name; another name is answered meanwhile.
    std::promise<void> release;
    auto const released = release.get_future().share();
    std::atomic<int> dead_look_ups = 0;
    auto look_up = [&, released](std::string const& host) -> Result<Addresses> {
        if (host != "dead.example") return loopback();
        ++dead_look_ups;
        released.wait();
        return Error{ErrorCode::unavailable, "no answer"};
    };
    Resolver resolver(io_.get_executor(), clock_, look_up);
    std::vector<std::shared_ptr<test::Running<Addresses>>> dead;
    for (std::size_t i = 0; i < 3 * Resolver::threads_max; ++i) {
        dead.push_back(runner_.start(resolver.resolve("dead.example", deadline())));
    }
    clock_.poll();
    auto const alive = runner_.run(resolver.resolve("alive.example", deadline()));
    EXPECT_TRUE(alive->result.ok()) << alive->message();
    EXPECT_FALSE(dead.front()->done);
    clock_.advance(11s);
    clock_.poll();
    for (auto const& waiting : dead)
        EXPECT_EQ(waiting->failure(), ErrorCode::timed_out) << waiting->message();
    EXPECT_EQ(dead_look_ups, 1);
    release.set_value();
}

TEST_F(ResolverTest, AnswersEveryCallerOfOneName) {
    auto look_up = [](std::string const&) { return loopback(); };
    Resolver resolver(io_.get_executor(), clock_, look_up);
    auto const first = runner_.start(resolver.resolve("a.example", deadline()));
    auto const second = runner_.start(resolver.resolve("a.example", deadline()));
    runner_.run_until([&] { return first->done && second->done; });
    EXPECT_TRUE(first->result.ok() && second->result.ok());
    EXPECT_TRUE(runner_.run(resolver.resolve("a.example", deadline()))->result.ok());
}

TEST_F(ResolverTest, MayGoWhileALookupIsUnderWay) {
    std::promise<void> release;
    auto const released = release.get_future().share();
    auto look_up = [released](std::string const&) -> Result<Addresses> {
        released.wait();
        return loopback();
    };
    std::shared_ptr<test::Running<Addresses>> running;
    {
        Resolver resolver(io_.get_executor(), clock_, look_up);
        running = runner_.start(resolver.resolve("slow.example", deadline()));
        clock_.poll();
        clock_.advance(11s);
        clock_.poll();
        release.set_value();
    }
    clock_.poll();
    EXPECT_EQ(running->failure(), ErrorCode::timed_out);
}

}  // namespace
}  // namespace imapcopy::net
