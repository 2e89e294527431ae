#include "ctl/client_values.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace imapcopy;
using namespace imapcopy::ctl;

TEST(ToError, KnowsTheDaemonsNames) {
    auto const error = to_error(
        sdbus::Error("org.imapcopyd1.Error.AuthRejected", "destination: login refused: server said: no"));
    EXPECT_EQ(error.code, ErrorCode::auth_rejected);
    EXPECT_EQ(error.side, Side::destination);
    EXPECT_EQ(error.message, "login refused: server said: no");
    EXPECT_EQ(to_error(sdbus::Error("org.imapcopyd1.Error.FromTheFuture", "x")).code, ErrorCode::internal);
}

TEST(ToError, KnowsTheNamesOfTheBus) {
    auto const code_of = [](std::string const& name) {
        return to_error(sdbus::Error("org.freedesktop.DBus.Error." + name, "x")).code;
    };
    EXPECT_EQ(code_of("AccessDenied"), ErrorCode::not_authorized);
    EXPECT_EQ(code_of("ServiceUnknown"), ErrorCode::connection_lost);
    EXPECT_EQ(code_of("UnknownObject"), ErrorCode::no_such_job);
    EXPECT_EQ(code_of("Timeout"), ErrorCode::timed_out);
    EXPECT_EQ(code_of("Failed"), ErrorCode::internal);
}

TEST(ApplyProperties, ChangesOnlyWhatIsThere) {
    JobView job;
    job.spec.label = "office";
    using Words = sdbus::Struct<std::string, std::string>;
    apply_properties(job, {{"MessagesDone", std::uint64_t{7}},
                           {"Phase", std::string("waiting")},
                           {"Reason", Words("throttled", "the server asks for a pause")},
                           {"Error", Words("OverQuota", "destination: append: server said: full")},
                           {"FromTheFuture", true}});
    EXPECT_EQ(job.spec.label, "office");
    EXPECT_EQ(job.progress.messages_done, 7U);
    EXPECT_EQ(job.phase, Phase::waiting);
    EXPECT_EQ(job.wait_reason, WaitReason::throttled);
    EXPECT_EQ(job.error->code, ErrorCode::over_quota);
    apply_properties(job, {{"Error", Words("", "")}});
    EXPECT_FALSE(job.error);
}

TEST(ApplyProperties, ReadsThePaceOfAJob) {
    JobView job;
    apply_properties(job, {{"Lanes", std::uint32_t{3}},
                           {"SourceRoundTrip", std::uint64_t{100'200}},
                           {"DestinationRoundTrip", std::uint64_t{200}},
                           {"Bound", std::string("limit")}});
    EXPECT_EQ(job.progress.lanes, 3U);
    EXPECT_EQ(job.progress.source_round_trip, std::chrono::microseconds(100'200));
    EXPECT_EQ(job.progress.destination_round_trip, std::chrono::microseconds(200));
    EXPECT_EQ(job.progress.bound, Bound::limit);
    apply_properties(job, {{"Bound", std::string("a word from the future")}});
    EXPECT_EQ(job.progress.bound, Bound::unknown);
}

TEST(Seal, LeavesNothingThatCanBeChanged) {
    auto const memfd = seal(Secret("s3cret"));
    EXPECT_EQ(read_all(memfd), "s3cret");
    EXPECT_LT(::write(memfd.get(), "x", 1), 0);
    EXPECT_NE(::ftruncate(memfd.get(), 0), 0);
    EXPECT_NE(::fcntl(memfd.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(read_all(seal(Secret())), "");
}
