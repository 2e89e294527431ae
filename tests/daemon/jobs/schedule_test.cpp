#include "daemon/jobs/schedule.hpp"

#include <gtest/gtest.h>

namespace imapcopy::jobs {
namespace {

WallTime const now(std::chrono::hours(1));

Candidate job(std::uint32_t id, std::string source_host, std::string destination) {
    Candidate candidate;
    candidate.id = JobId(id);
    candidate.source.host = source_host;
    candidate.source.account = source_host + "\nuser" + std::to_string(id);
    candidate.destination.host = "new";
    candidate.destination.account = "new\n" + destination;
    return candidate;
}

/// Hosts to which many jobs have connected.
HostHealth well() {
    HostHealth health;
    for (auto const* const host : {"a", "b", "old", "other", "new", "d1", "d2", "d3", "d4"}) {
        for (int i = 0; i < 100; ++i) (void)health.answered(host);
    }
    return health;
}

std::vector<std::uint32_t> started(std::vector<Candidate> const& candidates,
                                   config::Config::Limits const& limits, HostHealth const& health = well()) {
    std::vector<std::uint32_t> ids;
    for (auto const& start : make_schedule(candidates, limits, health, now).start)
        ids.push_back(start.id.value());
    return ids;
}

TEST(Schedule, FillsThePlacesOldestFirst) {
    config::Config::Limits limits;
    limits.max_jobs = 3;
    auto first = job(1, "a", "1");
    first.running = true;
    EXPECT_EQ(started({first, job(2, "a", "2"), job(3, "b", "3"), job(4, "b", "4")}, limits),
              (std::vector<std::uint32_t>{2, 3}));
}

TEST(Schedule, PassesOverABlockedJob) {
    config::Config::Limits limits;
    limits.connections_per_host = 2;
    auto a = job(1, "old", "1");
    a.destination.host = "d1";
    auto b = job(2, "old", "2");
    b.destination.host = "d2";
    auto c = job(3, "old", "3");
    c.destination.host = "d3";
    auto d = job(4, "other", "4");
    d.destination.host = "d4";
    EXPECT_EQ(started({a, b, c, d}, limits), (std::vector<std::uint32_t>{1, 2, 4}));
}

TEST(Schedule, LetsOneJobWriteToADestination) {
    config::Config::Limits limits;
    EXPECT_EQ(started({job(1, "a", "same"), job(2, "b", "same"), job(3, "c", "else")}, limits),
              (std::vector<std::uint32_t>{1, 3}));
}

TEST(Schedule, RespectsTheLimitOfAnAccount) {
    config::Config::Limits limits;
    auto a = job(1, "old", "1");
    auto b = job(2, "old", "2");
    auto c = job(3, "old", "3");
    for (auto* candidate : {&a, &b, &c}) {
        candidate->source.account = "old\nshared";
        candidate->source.account_connections_max = 2;
    }
    EXPECT_EQ(started({a, b, c}, limits), (std::vector<std::uint32_t>{1, 2}));
}

TEST(Schedule, RunsAJobThatAloneExceedsALimit) {
    config::Config::Limits limits;
    limits.connections_per_host = 1;
    auto const both_sides = job(1, "new", "1");
    EXPECT_EQ(started({both_sides}, limits), (std::vector<std::uint32_t>{1}));
    EXPECT_EQ(started({both_sides, job(2, "new", "2")}, limits), (std::vector<std::uint32_t>{1}));
}

TEST(Schedule, TellsAJobWhenItIsAlone) {
    auto const starts_alone = [](std::vector<Candidate> const& candidates) {
        auto const schedule = make_schedule(candidates, {}, well(), now);
        return schedule.start.size() == 1 && schedule.start.front().alone;
    };
    EXPECT_TRUE(starts_alone({job(1, "a", "1")}));
    auto later = job(2, "b", "2");
    later.due = now + std::chrono::minutes(1);
    EXPECT_TRUE(starts_alone({job(1, "a", "1"), later}));
    EXPECT_FALSE(starts_alone({job(1, "a", "same"), job(2, "b", "same")})) << "the second waits its turn";
    auto running = job(2, "b", "2");
    running.running = true;
    EXPECT_FALSE(starts_alone({job(1, "a", "1"), running}));
    for (auto const& start : make_schedule({job(1, "a", "1"), job(2, "b", "2")}, {}, well(), now).start)
        EXPECT_FALSE(start.alone);
}

TEST(Schedule, WakesForTheNextDueJob) {
    auto early = job(1, "a", "1");
    early.due = now + std::chrono::minutes(9);
    auto late = job(2, "a", "2");
    late.due = now + std::chrono::minutes(10);
    auto const schedule = make_schedule({late, early}, {}, {}, now);
    EXPECT_TRUE(schedule.start.empty());
    EXPECT_EQ(schedule.wake, early.due);
    EXPECT_FALSE(make_schedule({}, {}, {}, now).wake);
}

TEST(Schedule, TriesAnUnknownHostWithOneJob) {
    auto on_its_way = job(1, "a", "1");
    on_its_way.running = on_its_way.source.connecting = on_its_way.destination.connecting = true;
    EXPECT_TRUE(started({on_its_way, job(2, "b", "2")}, {}, {}).empty()) << "both go to the host new";
    // The host a may hang as long as it likes.
    on_its_way.destination.connecting = false;
    EXPECT_EQ(started({on_its_way, job(2, "b", "2"), job(3, "b", "3")}, {}, {}),
              (std::vector<std::uint32_t>{2}));
}

TEST(Schedule, LeavesAHostAloneThatDoesNotAnswerAndServesTheOthers) {
    auto health = well();
    health.did_not_answer("a", now, now);
    auto const jobs = std::vector{job(1, "a", "1"), job(2, "b", "2")};
    auto const schedule = make_schedule(jobs, {}, health, now);
    ASSERT_EQ(schedule.start.size(), 1U);
    EXPECT_EQ(schedule.start[0].id, JobId(2));
    EXPECT_EQ(schedule.wake, now + HostHealth::pause_first);
}

TEST(Schedule, KeepsToTheConnectionsThatAServerAllowed) {
    auto health = well();
    health.had_too_many("old", 2, now);
    auto const jobs = std::vector{job(1, "old", "1"), job(2, "old", "2"), job(3, "old", "3")};
    EXPECT_EQ(started(jobs, {}, health), (std::vector<std::uint32_t>{1, 2}));
    health.had_too_many("old\nuser1", 1, now);
    auto shared = jobs;
    for (auto& candidate : shared) candidate.source.account = "old\nuser1";
    EXPECT_EQ(started(shared, {}, health), (std::vector<std::uint32_t>{1}));
}

std::vector<std::uint32_t> lanes_of(std::vector<Candidate> const& candidates,
                                    config::Config::Limits const& limits) {
    std::vector<std::uint32_t> lanes;
    for (auto const& start : make_schedule(candidates, limits, well(), now).start)
        lanes.push_back(start.lanes);
    return lanes;
}

TEST(Schedule, GivesFurtherLanesOfWhatIsLeft) {
    config::Config::Limits limits;  // 8 places, 16 connections to a host, 5 to an account.
    auto const a = job(1, "a", "1");
    auto const b = job(2, "b", "2");
    EXPECT_EQ(lanes_of({a}, limits), std::vector<std::uint32_t>{4});
    limits.connections_per_account = 2;
    EXPECT_EQ(lanes_of({a}, limits), std::vector<std::uint32_t>{2});
    limits.connections_per_account = 5;
    auto preset = a;
    preset.source.account_connections_max = 1;
    EXPECT_EQ(lanes_of({preset}, limits), std::vector<std::uint32_t>{1});
    limits.max_jobs = 2;
    limits.connections_per_host = 5;
    EXPECT_EQ(lanes_of({a, b}, limits), (std::vector<std::uint32_t>{3, 2})) << "in turn";
    limits.max_jobs = 4;
    EXPECT_EQ(lanes_of({a, b}, limits), (std::vector<std::uint32_t>{2, 1}))
        << "a free place keeps a connection";
    auto running = a;
    running.running = true;
    running.lanes = 4;
    EXPECT_EQ(lanes_of({running, b}, limits), std::vector<std::uint32_t>{1});
    EXPECT_EQ(lanes_of({running, b, job(3, "c", "3")}, limits), std::vector<std::uint32_t>{1})
        << "the lanes of a running job count";
}

TEST(Schedule, GivesARunningJobOneLaneMore) {
    config::Config::Limits limits;
    auto a = job(1, "a", "1");
    auto b = job(2, "b", "2");
    auto const room = [&] { return has_room(a.id, {a, b}, limits, well(), now); };
    EXPECT_FALSE(room()) << "it does not run";
    a.running = true;
    a.lanes = 4;
    EXPECT_TRUE(room());
    a.lanes = 5;
    EXPECT_FALSE(room()) << "lanes_per_job";
    limits.lanes_per_job = 8;
    EXPECT_FALSE(room()) << "connections_per_account";
    limits.connections_per_account = 8;
    EXPECT_TRUE(room());
    limits.connections_per_host = 11;
    EXPECT_FALSE(room()) << "each of the seven free places keeps a connection";
    limits.max_jobs = 2;
    EXPECT_TRUE(room());
    b.running = true;
    b.lanes = 7;
    EXPECT_FALSE(room()) << "the other job has the rest";
}

TEST(Schedule, KeepsToTheConnectionsOfAHostWhereMoreJobsRunThanPlacesAreLeft) {
    config::Config::Limits limits;
    limits.connections_per_host = 6;
    limits.max_jobs = 1;
    std::vector running{job(1, "a", "1"), job(2, "b", "2"), job(3, "d1", "3")};
    for (auto& each : running) each.running = true;
    auto const room = [&] { return has_room(JobId(1), running, limits, well(), now); };
    for (auto& each : running) each.lanes = 2;
    EXPECT_FALSE(room()) << "all six are in use";
    running.back().lanes = 3;
    EXPECT_FALSE(room()) << "seven are";
    running.back().lanes = 1;
    EXPECT_TRUE(room()) << "no place is free that would keep a connection";
}

TEST(Schedule, KnowsAMailboxByItsHostAndIdentity) {
    AccountSpec a;
    a.host = "imap.example.org";
    a.login = "Anna@example.org";
    auto b = a;
    b.host = "IMAP.example.org";
    b.login = "anna@example.org";
    EXPECT_EQ(mailbox_key(a), mailbox_key(b));
    b.login = "admin";
    EXPECT_NE(mailbox_key(a), mailbox_key(b));
    b.authorize_as = "anna@example.org";
    EXPECT_EQ(mailbox_key(a), mailbox_key(b));
}

}  // namespace
}  // namespace imapcopy::jobs
