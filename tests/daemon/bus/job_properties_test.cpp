#include "daemon/bus/job_properties.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/daemon/bus/interface_xml.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;

namespace {

JobView everything_different() {
    JobView job;
    job.spec.source.login = "anna";
    job.spec.destination.login = "anna";
    job.spec.label = "x";
    job.spec.language = "fi";
    job.phase = Phase::waiting;
    job.wait_reason = WaitReason::throttled;
    job.wait_text = "x";
    job.attempt = 1;
    job.waiting_until = job.started = job.ended = job.last_activity = WallTime(std::chrono::seconds(1));
    job.progress = {1, 1, 1, 1, 1, 1, 1, 1, WallTime(std::chrono::seconds(1)), "x"};
    job.progress.lanes = 1;
    job.progress.source_round_trip = job.progress.destination_round_trip = std::chrono::microseconds(1);
    job.progress.bound = Bound::line;
    job.error = Error{ErrorCode::throttled, "x"};
    return job;
}

}  // namespace

TEST(ChangedProperties, IsEmptyForTheSameView) {
    EXPECT_TRUE(changed_properties(everything_different(), everything_different()).empty());
}

TEST(ChangedProperties, KnowsEveryDeclaredPropertyThatCanChange) {
    std::set<std::string> expected;
    for (auto const& member : declared_members()) {
        auto const of_job =
            member.interface == "org.imapcopyd1.Job" && member.kind == XmlMember::Kind::property;
        if (of_job) expected.insert(member.name);
    }
    for (auto const* constant : {"Id", "Batch", "Owner", "Created"}) expected.erase(constant);
    auto const names = changed_properties({}, everything_different());
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), expected);
}

TEST(ChangedProperties, NamesOnlyWhatDiffers) {
    JobView before;
    auto after = before;
    after.progress.messages_done = 5;
    after.phase = Phase::held;
    EXPECT_THAT(changed_properties(before, after), testing::UnorderedElementsAre("MessagesDone", "Phase"));
}

TEST(ErrorWords, CarryTheSideAndTheServersWords) {
    JobView job;
    EXPECT_EQ(error_words(job).name, "");
    job.error = Error{ErrorCode::auth_rejected, "login refused", "bad password", Side::destination};
    EXPECT_EQ(error_words(job).name, "AuthRejected");
    EXPECT_EQ(error_words(job).sentence, "destination: login refused: server said: bad password");
}
