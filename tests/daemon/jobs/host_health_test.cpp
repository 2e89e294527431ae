#include "daemon/jobs/host_health.hpp"

#include <gtest/gtest.h>

#include <set>

#include "daemon/jobs/schedule.hpp"

namespace imapcopy::jobs {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

WallTime const noon(hours(24 * 365 * 50));

TEST(HostHealth, CountsWhatKeepsEverybodyFromTheLogin) {
    for (auto const code :
         {ErrorCode::name_not_found, ErrorCode::connection_refused, ErrorCode::tls_handshake,
          ErrorCode::connection_lost, ErrorCode::timed_out, ErrorCode::unavailable}) {
        EXPECT_TRUE(counts_for_host(code, Reached::no)) << info(code).name;
    }
    for (auto const code : {ErrorCode::connection_lost, ErrorCode::timed_out, ErrorCode::unavailable}) {
        EXPECT_FALSE(counts_for_host(code, Reached::yes)) << info(code).name;
    }
    EXPECT_TRUE(counts_for_host(ErrorCode::connection_refused, Reached::yes));
    for (auto const code : {ErrorCode::auth_rejected, ErrorCode::account_locked, ErrorCode::throttled,
                            ErrorCode::too_many_connections, ErrorCode::tls_untrusted, ErrorCode::over_quota,
                            ErrorCode::in_use, ErrorCode::store_full, ErrorCode::internal}) {
        EXPECT_FALSE(counts_for_host(code, Reached::no)) << info(code).name;
    }
}

TEST(HostHealth, LeavesAHostAloneAfterAFailureForLongerEachTimeUpToAMinute) {
    HostHealth health;
    EXPECT_EQ(health.closed_until("a", noon), WallTime{});
    health.did_not_answer("a", noon, noon + seconds(2));
    EXPECT_EQ(health.closed_until("a", noon + seconds(2)), noon + seconds(20));
    EXPECT_EQ(health.closed_until("a", noon + seconds(20)), WallTime{});
    EXPECT_EQ(health.closed_until("b", noon), WallTime{});
    health.did_not_answer("a", noon + seconds(20), noon + seconds(50));
    EXPECT_EQ(health.closed_until("a", noon + seconds(50)), noon + seconds(81));
    // An attempt that itself took longer than the pause.
    health.did_not_answer("a", noon + seconds(81), noon + seconds(200));
    EXPECT_EQ(health.closed_until("a", noon + seconds(200)), noon + seconds(205));
}

TEST(HostHealth, HearsOneFailureFromManyJobsThatFailTogether) {
    HostHealth health;
    for (int i = 0; i < 8; ++i) health.did_not_answer("a", noon, noon + seconds(i));
    EXPECT_EQ(health.closed_until("a", noon + seconds(8)), noon + seconds(20));
}

TEST(HostHealth, OpensWithOneJobAndOneMoreForEachThatGotThrough) {
    HostHealth health;
    EXPECT_EQ(health.connecting_max("a"), 1U);
    EXPECT_FALSE(health.answered("a")) << "it was not known to be down";
    EXPECT_FALSE(health.answered("a"));
    EXPECT_EQ(health.connecting_max("a"), 3U);
    health.did_not_answer("a", noon, noon);
    EXPECT_EQ(health.connecting_max("a"), 1U);
    EXPECT_TRUE(health.answered("a"));
    EXPECT_EQ(health.connecting_max("a"), 2U);
    EXPECT_EQ(health.closed_until("a", noon), WallTime{});
}

TEST(HostHealth, IsNotKeptWaitingByAClockThatIsSetBack) {
    HostHealth health;
    health.did_not_answer("a", noon, noon);
    health.had_too_many("a", 5, noon);
    EXPECT_EQ(health.closed_until("a", noon - hours(1)), WallTime{});
    EXPECT_EQ(health.connections_max("a", 16, noon - hours(1)), 16U);
}

TEST(HostHealth, HearsOfFailuresAfterTheClockWasSetBack) {
    HostHealth health;
    for (int i = 0; i < 2; ++i) {
        auto const failed = noon + minutes(2 * i);
        health.did_not_answer("a", failed, failed);
    }
    auto const morning = noon - hours(3);
    health.did_not_answer("a", morning, morning);
    EXPECT_EQ(health.closed_until("a", morning), morning + HostHealth::pause_first) << "as the first one";
    // Set back while an attempt was on its way.
    auto const night = morning - hours(3);
    health.did_not_answer("b", morning, night);
    EXPECT_EQ(health.closed_until("b", night), night + HostHealth::pause_first);
}

TEST(HostHealth, KeepsToTheConnectionsThatAServerLeftOpenButToOneAtLeast) {
    HostHealth health;
    health.had_too_many("a", 4, noon);
    EXPECT_EQ(health.connections_max("a", 16, noon), 4U);
    EXPECT_EQ(health.connections_max("a", 3, noon), 3U);
    EXPECT_EQ(health.connections_max("b", 16, noon), 16U);
    // Others that were on their way are refused as well: that is no news.
    for (int i = 0; i < 9; ++i) health.had_too_many("a", 4, noon);
    EXPECT_EQ(health.connections_max("a", 16, noon), 4U);
    health.had_too_many("a", 2, noon);
    EXPECT_EQ(health.connections_max("a", 16, noon), 2U);
    health.had_too_many("a", 0, noon);
    EXPECT_EQ(health.connections_max("a", 16, noon), 1U);
}

TEST(HostHealth, TriesMoreConnectionsSlowly) {
    HostHealth health;
    health.had_too_many("a", 4, noon);
    EXPECT_EQ(health.connections_max("a", 16, noon + HostHealth::regrowth - seconds(1)), 4U);
    EXPECT_EQ(health.connections_max("a", 16, noon + HostHealth::regrowth), 5U);
    EXPECT_EQ(health.connections_max("a", 16, noon + hours(24)), 16U);
    health.had_too_many("a", 9, noon + 2 * HostHealth::regrowth);
    EXPECT_EQ(health.connections_max("a", 16, noon + 2 * HostHealth::regrowth), 6U);
}

/// Jobs from two hosts to one of a thousand others. "down" refuses every connection until it is back; a job
/// that connects does so within a second and works for a minute.
class Fleet {
 public:
    Fleet(std::uint32_t jobs_of_down, std::uint32_t jobs_of_well) {
        for (std::uint32_t id = 1; id <= jobs_of_down + jobs_of_well; ++id) {
            Candidate candidate;
            candidate.id = JobId(id);
            candidate.source.host = id <= jobs_of_down ? "down" : "well";
            candidate.source.account = candidate.source.host + "\n" + std::to_string(id);
            candidate.destination.host = "new" + std::to_string(id % 1000);
            candidate.destination.account = candidate.destination.host + "\n" + std::to_string(id);
            jobs_.push_back(candidate);
        }
    }

    /// Moves on to the next event; nothing happens between two.
    void step() {
        auto const schedule = make_schedule(jobs_, limits_, health_, now);
        for (auto const& job : schedule.start) start(job.id);
        auto next = schedule.wake.value_or(WallTime::max());
        if (!events_.empty()) next = std::min(next, events_.begin()->first);
        now = next;
        while (!events_.empty() && events_.begin()->first <= now) {
            auto const id = events_.begin()->second;
            events_.erase(events_.begin());
            happen(at(id));
        }
    }

    Candidate& at(JobId id) { return *std::ranges::find(jobs_, id, &Candidate::id); }
    std::size_t running(std::string const& host) const {
        return static_cast<std::size_t>(std::ranges::count_if(jobs_, [&](Candidate const& job) {
            return job.running && job.source.host == host && !job.source.connecting;
        }));
    }

    WallTime now = noon;
    WallTime back = WallTime::max();
    std::uint32_t refused = 0;
    std::uint32_t ended_well = 0;

 private:
    void start(JobId id) {
        auto& job = at(id);
        job.running = job.source.connecting = job.destination.connecting = true;
        began_[id] = now;
        bool const refuses = job.source.host == "down" && now < back;
        events_.emplace(refuses ? now : now + seconds(1), id);
    }

    void happen(Candidate& job) {
        if (!job.source.connecting) {
            if (job.source.host == "well") ++ended_well;
            std::erase_if(jobs_, [id = job.id](Candidate const& other) { return other.id == id; });
        } else if (job.source.host == "down" && began_.at(job.id) < back) {
            ++refused;
            job.running = job.source.connecting = job.destination.connecting = false;
            health_.did_not_answer("down", began_.at(job.id), now);
            job.due = health_.closed_until("down", now);
        } else {
            job.source.connecting = job.destination.connecting = false;
            (void)health_.answered(job.source.host);
            (void)health_.answered(job.destination.host);
            events_.emplace(now + minutes(1), job.id);
        }
    }

    config::Config::Limits limits_;
    HostHealth health_;
    std::vector<Candidate> jobs_;
    std::map<JobId, WallTime> began_;
    std::multimap<WallTime, JobId> events_;
};

TEST(HostHealth, AHostThatIsDownForAnHourCostsFewAttemptsAndIsBackInAMinute) {
    Fleet fleet(10'000, 0);
    fleet.back = noon + hours(1);
    while (fleet.now < fleet.back) fleet.step();
    EXPECT_LE(fleet.refused, 60U);
    EXPECT_GE(fleet.refused, 30U);
    while (fleet.running("down") < config::Config::Limits{}.max_jobs) {
        ASSERT_LE(fleet.now, fleet.back + seconds(60));
        fleet.step();
    }
}

TEST(HostHealth, AHostThatIsDownTakesNoTimeFromOthers) {
    auto const time_for_all = [](std::uint32_t jobs_of_down) {
        Fleet fleet(jobs_of_down, 200);
        while (fleet.ended_well < 200) fleet.step();
        return fleet.now - noon;
    };
    EXPECT_LE(time_for_all(300), time_for_all(0) + seconds(61));
}

}  // namespace
}  // namespace imapcopy::jobs
