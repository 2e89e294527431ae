#include "daemon/jobs/empty_journal.hpp"

#include <gtest/gtest.h>

#include "tests/support/await.hpp"

namespace imapcopy::jobs {
namespace {

TEST(EmptyJournal, RemembersNothing) {
    boost::asio::io_context loop;
    auto const journal = make_empty_journal();
    auto const record = test::await(loop, journal->folder({}));
    EXPECT_FALSE(record.source_complete);
    copy::Intent intent;
    intent.source_uid = copy::Uid(1);
    test::await(loop, journal->begin(record.id, {intent}));
    auto const all = copy::UidRange{copy::Uid(1), copy::Uid(9)};
    EXPECT_TRUE(test::await(loop, journal->entries(record.id, all)).empty());
    EXPECT_TRUE(test::await(loop, journal->open_entries(record.id)).empty());
    EXPECT_TRUE(test::await(loop, journal->folders_with_open_entries()).empty());
    EXPECT_TRUE(test::await(loop, journal->report_fingerprints()).empty());
}

}  // namespace
}  // namespace imapcopy::jobs
