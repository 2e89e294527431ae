#include "daemon/jobs/roster.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace imapcopy::jobs {
namespace {

WallTime const now(std::chrono::hours(24));

store::JobRow row(std::uint32_t id, Phase phase) {
    store::JobRow row;
    row.view.id = JobId(id);
    row.view.owner_uid = 1000 + id % 2;
    row.view.phase = phase;
    row.view.spec.source.host = "old.example";
    row.view.spec.source.login = "user" + std::to_string(id) + "@old.example";
    row.view.spec.source.address = row.view.spec.source.login;
    row.view.spec.destination.host = "new.example";
    row.view.spec.destination.login = "user" + std::to_string(id);
    row.pair = store::PairId(id);
    return row;
}

TEST(Roster, KnowsItsJobs) {
    Roster roster;
    roster.add(row(2, Phase::queued));
    roster.add(row(1, Phase::complete));
    ASSERT_EQ(roster.views().size(), 2U);
    EXPECT_EQ(roster.views().front().id, JobId(1));
    EXPECT_EQ(roster.view(JobId(2))->phase, Phase::queued);
    EXPECT_FALSE(roster.view(JobId(3)));
    EXPECT_THROW((void)roster.at(JobId(3)), Failure);
    roster.remove(JobId(1));
    EXPECT_EQ(roster.views().size(), 1U);
}

TEST(Roster, FindsJobsBySourceInAnyCase) {
    Roster roster;
    auto master = row(2, Phase::queued);
    master.view.spec.source.authorize_as = "Customer@old.example";
    roster.add(row(1, Phase::queued));
    roster.add(std::move(master));
    EXPECT_EQ(roster.find_source("USER1@old.example"), std::vector<JobId>{JobId(1)});
    EXPECT_EQ(roster.find_source("customer@OLD.example"), std::vector<JobId>{JobId(2)});
    EXPECT_TRUE(roster.find_source("").empty());
}

TEST(Roster, FindsThePairOfTwoMailboxes) {
    Roster roster;
    auto const known = row(5, Phase::complete);
    roster.add(known);
    auto spec = known.view.spec;
    spec.source.host = "OLD.example";
    EXPECT_EQ(roster.pair_of(spec), store::PairId(5));
    std::swap(spec.source, spec.destination);
    EXPECT_FALSE(roster.pair_of(spec));
}

TEST(Roster, CountsJobs) {
    Roster roster;
    roster.add(row(1, Phase::queued));
    roster.add(row(2, Phase::waiting));
    roster.add(row(3, Phase::complete));
    roster.add(row(4, Phase::failed));
    EXPECT_EQ(roster.unfinished(), 2U);
    EXPECT_EQ(roster.unfinished_of(1001), 1U);
    EXPECT_EQ(roster.count_by_state().at(JobState::in_progress), 1U);
    EXPECT_EQ(roster.count_by_state().at(JobState::error), 1U);
}

TEST(Roster, OffersWhatRunsOrStartsByItself) {
    Roster roster;
    Settings const settings;
    roster.add(row(1, Phase::held));
    roster.add(row(2, Phase::queued));
    auto parked = row(3, Phase::waiting);
    parked.view.wait_reason = WaitReason::credentials;
    roster.add(std::move(parked));
    auto waiting = row(4, Phase::waiting);
    waiting.view.waiting_until = WallTime(std::chrono::seconds(50));
    roster.add(std::move(waiting));
    roster.add(row(5, Phase::copying)).running = std::make_unique<Running>();
    auto const candidates = roster.candidates(settings, now);
    ASSERT_EQ(candidates.size(), 3U);
    EXPECT_EQ(candidates[0].id, JobId(2));
    EXPECT_EQ(candidates[1].due, WallTime(std::chrono::seconds(50)));
    EXPECT_TRUE(candidates[2].running);
}

TEST(Roster, OffersAtOnceWhoHasWaitedSinceBeforeTheClockWasSetBack) {
    Roster roster;
    Settings const settings;
    auto const later = now + std::chrono::hours(3);
    auto waiting = row(1, Phase::waiting);
    waiting.view.waiting_until = later + std::chrono::minutes(1);
    waiting.view.last_activity = later;
    auto parked = waiting;
    parked.view.id = JobId(2);
    parked.view.waiting_until = {};
    auto scheduled = row(3, Phase::scheduled);
    scheduled.view.spec.not_before = later + std::chrono::hours(1);
    scheduled.view.last_activity = later;
    for (auto const& each : {waiting, parked, scheduled}) roster.add(each);
    auto const candidates = roster.candidates(settings, now);
    ASSERT_EQ(candidates.size(), 2U);
    EXPECT_EQ(candidates[0].due, now);
    EXPECT_EQ(candidates[1].due, scheduled.view.spec.not_before) << "a person has named it";
    EXPECT_EQ(roster.candidates(settings, later)[0].due, waiting.view.waiting_until);
}

TEST(Roster, KnowsWhoWaitsForWhat) {
    Roster roster;
    auto waiting = row(1, Phase::waiting);
    waiting.view.wait_reason = WaitReason::host;
    auto* const entry = &roster.add(std::move(waiting));
    roster.add(row(2, Phase::queued));
    EXPECT_EQ(roster.waiting(WaitReason::host), std::vector{entry});
    EXPECT_TRUE(roster.waiting(WaitReason::store).empty());
}

TEST(Roster, CountsTheConnectionsOfRunningJobs) {
    Roster roster;
    Settings const settings;
    roster.add(row(1, Phase::copying)).running = std::make_unique<Running>();
    auto& two = roster.add(row(2, Phase::copying));
    two.running = std::make_unique<Running>();
    two.running->reached(Side::source) = Reached::yes;
    roster.add(row(3, Phase::queued));
    EXPECT_EQ(roster.open_connections("old.example"), 1U) << "the other one is on its way";
    EXPECT_EQ(roster.open_connections("elsewhere"), 0U);
    two.row.view.progress.lanes = 3;
    EXPECT_EQ(roster.open_connections("old.example"), 3U);
    EXPECT_EQ(roster.open_connections(mailbox_key(two.row.view.spec.destination)), 3U);
    auto const candidates = roster.candidates(settings, now);
    EXPECT_TRUE(candidates[0].source.connecting);
    EXPECT_FALSE(candidates[1].source.connecting);
    EXPECT_TRUE(candidates[1].destination.connecting);
    EXPECT_FALSE(candidates[2].source.connecting);
}

}  // namespace
}  // namespace imapcopy::jobs
