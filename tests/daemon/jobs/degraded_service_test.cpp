#include "daemon/jobs/degraded_service.hpp"

#include <gtest/gtest.h>

#include "tests/support/await.hpp"

namespace imapcopy::jobs {
namespace {

Error const corrupt{ErrorCode::store_corrupt, "the database is damaged; restore it or move it away"};

TEST(DegradedService, AnswersWhatItCanAndSaysWhy) {
    auto const service = make_degraded_service(corrupt, {});
    EXPECT_EQ(service->status().state, "degraded: " + corrupt.message);
    EXPECT_TRUE(service->jobs().empty());
    EXPECT_TRUE(service->find("anna").empty());
    EXPECT_TRUE(service->providers().all().empty());
}

TEST(DegradedService, RefusesWhatNeedsTheDatabase) {
    boost::asio::io_context loop;
    auto const service = make_degraded_service(corrupt, {});
    EXPECT_EQ(test::error_of([&] { return test::await(loop, service->submit({}, {}, {}, {})); }), corrupt);
    EXPECT_EQ(test::error_of([&] { return test::await(loop, service->report(JobId(1), "text", "en")); }),
              corrupt);
}

}  // namespace
}  // namespace imapcopy::jobs
