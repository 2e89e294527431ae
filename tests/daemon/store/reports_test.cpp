#include "daemon/store/reports.hpp"

#include <gtest/gtest.h>

#include "common/random.hpp"
#include "daemon/store/job_store.hpp"
#include "daemon/store/vault.hpp"
#include "tests/support/await.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::store {
namespace {

class ReportsTest : public testing::Test {
 protected:
    ReportsTest() {
        digest_.fill(0x5a);
        JobSpec spec;
        spec.source.host = "old.example";
        spec.source.login = "anna";
        spec.destination.host = "new.example";
        spec.destination.login = "anna";
        Vault vault(Secret(), random_);
        JobStore jobs(writer_, vault);
        job_ = test::await(loop_, jobs.create(spec, 0, {}, {}, WallTime{})).view.id;
    }
    std::optional<ReportRecord> find(std::uint32_t pass) {
        return test::await(loop_, reports_.find(job_, pass));
    }
    void begin(std::uint32_t pass, std::uint32_t uid_validity, std::uint32_t base) {
        test::await(loop_,
                    reports_.begin(job_, pass, digest_, copy::UidValidity(uid_validity), copy::Uid(base)));
    }

    boost::asio::io_context loop_;
    test::TemporaryFolder folder_;
    SeededRandom random_{1};
    Writer writer_{folder_.file("state.db"), loop_.get_executor()};
    Reports reports_{writer_};
    copy::Digest digest_{};
    JobId job_;
};

TEST_F(ReportsTest, KnowsNothingOfAPassNotReported) {
    EXPECT_FALSE(find(1));
}

TEST_F(ReportsTest, RemembersTheIntent) {
    begin(1, 7, 42);
    auto const record = find(1);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->state, ReportState::intent);
    EXPECT_EQ(record->fingerprint, digest_);
    EXPECT_EQ(record->destination_uid_validity, copy::UidValidity(7));
    EXPECT_EQ(record->base_uid_next, copy::Uid(42));
    EXPECT_FALSE(find(2));
}

TEST_F(ReportsTest, KeepsTheFirstBaseOfAnEpoch) {
    begin(1, 7, 42);
    begin(1, 7, 50);
    EXPECT_EQ(find(1)->base_uid_next, copy::Uid(42));
    begin(1, 8, 3);
    EXPECT_EQ(find(1)->base_uid_next, copy::Uid(3));
}

TEST_F(ReportsTest, RemembersHowItEnded) {
    begin(1, 7, 42);
    test::await(loop_, reports_.finish(job_, 1, ReportState::done, copy::Uid(43)));
    EXPECT_EQ(find(1)->state, ReportState::done);
    EXPECT_EQ(find(1)->destination_uid, copy::Uid(43));
}

TEST_F(ReportsTest, RefusesWhatWasNeverBegun) {
    auto const error = test::error_of(
        [&] { test::await(loop_, reports_.finish(job_, 1, ReportState::done, copy::Uid(43))); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::internal);
}

TEST_F(ReportsTest, RefusesAnUnknownJob) {
    auto const error = test::error_of([&] {
        test::await(loop_, reports_.begin(JobId(99), 1, digest_, copy::UidValidity(1), copy::Uid(1)));
    });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::no_such_job);
}

}  // namespace
}  // namespace imapcopy::store
