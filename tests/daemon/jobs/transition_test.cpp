#include "daemon/jobs/transition.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace imapcopy::jobs {
namespace {

constexpr std::array all_phases = {
    Phase::queued,  Phase::held,      Phase::scheduled, Phase::connecting, Phase::planning,
    Phase::copying, Phase::verifying, Phase::waiting,   Phase::complete,   Phase::complete_with_exceptions,
    Phase::failed,  Phase::cancelled};

struct Move {
    Phase from;
    JobEvent event;
    Phase to;
};

TEST(Transition, FollowsTheLifeOfAJob) {
    std::vector<Move> const moves = {
        {Phase::scheduled, JobEvent::due, Phase::queued},
        {Phase::queued, JobEvent::connecting, Phase::connecting},
        {Phase::connecting, JobEvent::planning, Phase::planning},
        {Phase::planning, JobEvent::copying, Phase::copying},
        {Phase::copying, JobEvent::connecting, Phase::connecting},
        {Phase::copying, JobEvent::verifying, Phase::verifying},
        {Phase::verifying, JobEvent::complete, Phase::complete},
        {Phase::copying, JobEvent::complete_with_exceptions, Phase::complete_with_exceptions},
        {Phase::copying, JobEvent::wait, Phase::waiting},
        {Phase::waiting, JobEvent::due, Phase::queued},
        {Phase::connecting, JobEvent::fail, Phase::failed},
        {Phase::copying, JobEvent::interrupt, Phase::queued},
    };
    for (auto const& move : moves) {
        auto const next = next_phase(move.from, move.event);
        ASSERT_TRUE(next.has_value()) << to_string(move.from) << " " << to_string(move.event);
        EXPECT_EQ(*next, move.to) << to_string(move.from) << " " << to_string(move.event);
    }
}

TEST(Transition, ObeysPeople) {
    std::vector<Move> const moves = {
        {Phase::queued, JobEvent::hold, Phase::held},
        {Phase::scheduled, JobEvent::hold, Phase::held},
        {Phase::copying, JobEvent::hold, Phase::waiting},
        {Phase::held, JobEvent::release, Phase::queued},
        {Phase::waiting, JobEvent::release, Phase::queued},
        {Phase::copying, JobEvent::cancel, Phase::cancelled},
        {Phase::held, JobEvent::cancel, Phase::cancelled},
        {Phase::waiting, JobEvent::retry, Phase::queued},
        {Phase::failed, JobEvent::retry, Phase::queued},
        {Phase::cancelled, JobEvent::retry, Phase::queued},
        {Phase::complete, JobEvent::resync, Phase::queued},
        {Phase::complete_with_exceptions, JobEvent::resync, Phase::queued},
    };
    for (auto const& move : moves) {
        auto const next = next_phase(move.from, move.event);
        ASSERT_TRUE(next.has_value()) << to_string(move.from) << " " << to_string(move.event);
        EXPECT_EQ(*next, move.to) << to_string(move.from) << " " << to_string(move.event);
    }
}

TEST(Transition, RefusesWhatMakesNoSenseAndSaysWhatDoes) {
    struct Refused {
        Phase phase;
        JobEvent event;
    };
    std::vector<Refused> const refused = {
        {Phase::complete, JobEvent::hold},   {Phase::complete, JobEvent::cancel},
        {Phase::queued, JobEvent::release},  {Phase::held, JobEvent::hold},
        {Phase::copying, JobEvent::retry},   {Phase::failed, JobEvent::resync},
        {Phase::queued, JobEvent::complete}, {Phase::held, JobEvent::connecting},
        {Phase::waiting, JobEvent::copying},
    };
    for (auto const& [phase, event] : refused) {
        auto const next = next_phase(phase, event);
        ASSERT_TRUE(next.has_error()) << to_string(phase) << " " << to_string(event);
        EXPECT_EQ(next.error().code, ErrorCode::wrong_state);
    }
    EXPECT_EQ(next_phase(Phase::complete, JobEvent::hold).error().message,
              "hold: the job is complete; resync runs it again");
}

TEST(Transition, EndedJobsOnlyRunAgainByPeople) {
    for (auto const phase :
         {Phase::complete, Phase::complete_with_exceptions, Phase::failed, Phase::cancelled}) {
        for (int event = 0; event < static_cast<int>(JobEvent::hold); ++event) {
            EXPECT_TRUE(next_phase(phase, static_cast<JobEvent>(event)).has_error())
                << to_string(phase) << event;
        }
    }
}

TEST(Transition, OnlyRunningPhasesAreReportedByAttempts) {
    for (auto const phase : all_phases) {
        EXPECT_EQ(event_of_running(phase).has_value(), holds_slot(phase)) << to_string(phase);
        EXPECT_EQ(next_phase(phase, JobEvent::interrupt).has_value(), holds_slot(phase)) << to_string(phase);
    }
}

TEST(Transition, StartsHeldScheduledOrQueued) {
    auto const now = WallTime(std::chrono::seconds(1000));
    JobSpec spec;
    EXPECT_EQ(initial_phase(spec, now), Phase::queued);
    spec.not_before = now + std::chrono::seconds(1);
    EXPECT_EQ(initial_phase(spec, now), Phase::scheduled);
    spec.hold = true;
    EXPECT_EQ(initial_phase(spec, now), Phase::held);
}

}  // namespace
}  // namespace imapcopy::jobs
