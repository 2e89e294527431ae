#include "daemon/jobs/attempt_summary.hpp"

#include <gtest/gtest.h>

#include <map>

namespace imapcopy::jobs {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LogOfOneLine final : public Log {
 public:
    std::string message;
    std::map<std::string, std::string> fields;

    void write(LogLevel, std::string_view text, std::initializer_list<LogField> given) override {
        message = text;
        for (auto const& field : given) fields.emplace(field.key, field.value);
    }
};

TEST(AttemptSummary, SaysForWhichShareOfTheKnownTimeWhatBoundTheJob) {
    AttemptSummary summary;
    EXPECT_EQ(summary.bounds(), "");
    summary.bound_by(Bound::unknown, seconds(1000));
    EXPECT_EQ(summary.bounds(), "");
    summary.bound_by(Bound::source, seconds(3));
    summary.bound_by(Bound::line, seconds(4));
    summary.bound_by(Bound::source, milliseconds(1));
    summary.bound_by(Bound::line, seconds(3));
    EXPECT_EQ(summary.bounds(), "line 70 %, source 30 %");
}

TEST(AttemptSummary, WritesOneLineWithAllItsFigures) {
    AttemptSummary summary;
    Progress progress;
    progress.bytes_done = 3'000'000;
    progress.lanes = 3;
    progress.source_round_trip = milliseconds(100);
    summary.add(progress);
    progress.lanes = 0;
    summary.add(progress);
    summary.bound_by(Bound::us, seconds(3));
    JobView job;
    job.id = JobId{7};
    job.phase = Phase::complete;
    job.progress.messages_done = 12;
    LogOfOneLine log;
    summary.write(log, job, 2, milliseconds(1500));
    EXPECT_EQ(log.message, "attempt ended");
    std::map<std::string, std::string> const expected = {{"job", "7"},
                                                         {"phase", "complete"},
                                                         {"messages", "12"},
                                                         {"exceptions", "2"},
                                                         {"bytes", "3000000"},
                                                         {"seconds", "2"},
                                                         {"bytes_per_second", "2000000"},
                                                         {"lanes", "3"},
                                                         {"source_round_trip_us", "100000"},
                                                         {"destination_round_trip_us", ""},
                                                         {"bound", "us 100 %"}};
    EXPECT_EQ(log.fields, expected);
}

TEST(AttemptSummary, SurvivesAnAttemptWithoutTime) {
    LogOfOneLine log;
    AttemptSummary().write(log, {}, 0, {});
    EXPECT_EQ(log.fields.at("bytes_per_second"), "0");
    EXPECT_EQ(log.fields.at("seconds"), "0");
}

}  // namespace
}  // namespace imapcopy::jobs
