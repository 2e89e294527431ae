#include "daemon/jobs/report.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace imapcopy::jobs {
namespace {

ReportInput failed_job() {
    ReportInput input;
    input.job.id = JobId(7);
    input.job.phase = Phase::failed;
    input.job.spec.source.login = "anna";
    input.job.spec.source.host = "old";
    input.job.error = Error{ErrorCode::tls_untrusted, "connect to old:993", "self-signed\ncertificate"};
    return input;
}

TEST(Report, NamesTheErrorTheServersWordsAndTheWayOut) {
    auto const text = report_text(failed_job(), "en");
    EXPECT_NE(text.find("Report of job 7\n"), std::string::npos);
    EXPECT_NE(text.find("TlsUntrusted: connect to old:993: server said: self-signed\\x0acertificate\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("What to do:"), std::string::npos);
}

TEST(Report, ListsExceptionsUpToALimitAndCountsTheRest) {
    auto input = failed_job();
    copy::Exception gone;
    gone.folder = "Drafts";
    gone.code = "FolderCreateRefused";
    gone.text = "no permission";
    input.exceptions.assign(1500, gone);
    input.exceptions_total = 2000;
    auto const text = report_text(input, "en");
    EXPECT_NE(text.find("Drafts: no permission\n"), std::string::npos);
    EXPECT_NE(text.find("and 1000 more\n"), std::string::npos);
    EXPECT_LT(std::ranges::count(text, '\n'), 2100);
}

TEST(Report, SaysWhatAnotherFolderHasOfALabelledMailbox) {
    ReportInput input;
    input.folders.resize(2);
    input.folders[1].source = "All Mail";
    input.folders[1].messages = 130;
    input.folders[1].elsewhere = 120;
    auto const text = report_lists(input, "en");
    EXPECT_NE(text.find("120 more bear the label of another folder"), std::string::npos) << text;
    EXPECT_EQ(text.find("0 more"), text.find("120 more") + 2) << "said where it is so only";
}

TEST(Report, KnowsAWayOutForEveryError) {
    for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i) {
        auto const name = info(static_cast<ErrorCode>(i)).name;
        EXPECT_TRUE(way_out(name, "en").starts_with("What to do:")) << name;
    }
    EXPECT_TRUE(way_out("SomethingElse", "en").starts_with("What to do:"));
}

}  // namespace
}  // namespace imapcopy::jobs
