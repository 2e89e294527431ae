#include "daemon/bus/publisher.hpp"

#include <gtest/gtest.h>
#include <sdbus-c++/sdbus-c++.h>

#include "common/bus_value.hpp"
#include "tests/daemon/bus/bus_fixture.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;
using ctl::Client;
using ctl::Event;

namespace {

class PublisherTest : public BusFixture {};

}  // namespace

TEST_F(PublisherTest, TellsOfJobsThatComeEndAndGo) {
    client.follow();
    auto const id = submit();
    server.on_loop([&] {
        auto view = server.service.views.at(id);
        view.phase = Phase::failed;
        view.error = Error{ErrorCode::over_quota, "append uid 4", "disk is full", Side::destination};
        server.listener().job_ended(view);
    });
    client.forget(id, Client::Ledger::keep);
    auto const all = events(3);
    ASSERT_GE(all.size(), 2U);
    EXPECT_EQ(all.front().kind, Event::Kind::job_added);
    EXPECT_EQ(all.front().job->spec.label, "office");
    EXPECT_EQ(all.back().kind, Event::Kind::job_removed);
}

TEST_F(PublisherTest, ShowsTheLastErrorOfAnEndedJob) {
    client.follow();
    auto const id = submit();
    (void)events(1);
    server.on_loop([&] {
        auto view = server.service.views.at(id);
        view.phase = Phase::failed;
        view.error = Error{ErrorCode::over_quota, "append uid 4", "disk is full", Side::destination};
        server.listener().job_ended(view);
    });
    auto const all = events(1);
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all.front().kind, Event::Kind::job_ended);
    EXPECT_EQ(all.front().job->phase, Phase::failed);
    EXPECT_EQ(all.front().job->error->code, ErrorCode::over_quota);
    EXPECT_EQ(all.front().job->error->side, Side::destination);
}

TEST_F(PublisherTest, TellsWhatChangedOfTheDaemon) {
    client.follow();
    server.on_loop([&] {
        server.service.current_status.state = "held";
        server.service.current_status.jobs_by_state[JobState::finished] = 3;
        server.listener().status_changed();
    });
    auto const all = events(1);
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all.front().kind, Event::Kind::status_changed);
    EXPECT_EQ(all.front().status.state, "held");
    EXPECT_EQ(all.front().status.jobs_by_state->at(JobState::finished), 3U);
    EXPECT_FALSE(all.front().status.workers_busy);
    EXPECT_FALSE(all.front().status.bytes_per_second);
}

TEST_F(PublisherTest, TellsChangesOfAJobAtMostOnceASecond) {
    auto const id = submit();
    auto const bus = sdbus::createSessionBusConnectionWithAddress(private_bus.address());
    std::vector<BusDict> signals;
    auto const slot = bus->addMatch("type='signal',member='PropertiesChanged',path='" + job_path(id) + "'",
                                    [&](sdbus::Message& message) {
                                        std::string interface;
                                        message >> interface >> signals.emplace_back();
                                    });
    auto view = server.service.views.at(id);
    for (std::uint64_t messages = 1; messages <= 500; ++messages) {
        view.progress.messages_done = messages;
        server.on_loop([&] { server.listener().job_changed(view); });
    }
    // By the time of the second signal one second has passed since the first.
    client.follow();
    for (int turn = 0; turn < 50 && signals.size() < 2; ++turn) {
        (void)client.wait_for_change(std::chrono::milliseconds(100));
        while (bus->processPendingRequest()) {
        }
    }
    ASSERT_EQ(signals.size(), 2U);
    EXPECT_EQ(signals[1].size(), 1U) << "only what changed";
    EXPECT_EQ(signals[1].at("MessagesDone").get<std::uint64_t>(), 500U);
}
