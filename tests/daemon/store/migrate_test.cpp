#include "daemon/store/migrate.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/support/await.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::store {
namespace {

constexpr Migration first{1, "0001_first.sql", "CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (1)"};
constexpr Migration second{2, "0002_second.sql", "UPDATE t SET a = a + 1"};
constexpr Migration broken{2, "0002_broken.sql", "UPDATE t SET a = 7; UPDATE nonsense SET a = 1"};

class MigrateTest : public testing::Test {
 protected:
    test::TemporaryFolder folder_;
    Database database_{folder_.file("state.db")};
};

TEST_F(MigrateTest, AppliesEachStepOnce) {
    migrate(database_, std::array{first});
    migrate(database_, std::array{first, second});
    migrate(database_, std::array{first, second});
    EXPECT_EQ(database_.find_integer("SELECT a FROM t"), 2);
    EXPECT_EQ(database_.pragma("user_version"), "2");
}

TEST_F(MigrateTest, RollsBackAStepThatFails) {
    migrate(database_, std::array{first});
    EXPECT_TRUE(test::error_of([&] { migrate(database_, std::array{first, broken}); }));
    EXPECT_EQ(database_.find_integer("SELECT a FROM t"), 1);
    EXPECT_EQ(database_.pragma("user_version"), "1");
}

TEST_F(MigrateTest, RefusesANewerSchemaUnchanged) {
    migrate(database_, std::array{first, second});
    auto const error = test::error_of([&] { migrate(database_, std::array{first}); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::store_corrupt);
    EXPECT_NE(error->message.find("version 2"), std::string::npos) << error->message;
    EXPECT_EQ(database_.find_integer("SELECT a FROM t"), 2);
}

TEST_F(MigrateTest, EmbeddedStepsAreNumberedFromOneAndApply) {
    int expected = 0;
    for (auto const& step : migrations()) EXPECT_EQ(step.version, ++expected) << step.name;
    EXPECT_GE(expected, 1);
    migrate(database_, migrations());
    EXPECT_EQ(database_.pragma("user_version"), std::to_string(expected));
    EXPECT_EQ(database_.pragma("integrity_check"), "ok");
}

// Every recorded message asks whether its claim is free; reading the table for that would be felt.
TEST_F(MigrateTest, ClaimsAreFoundByIndex) {
    migrate(database_, migrations());
    auto row = database_.prepare(
        "EXPLAIN QUERY PLAN SELECT source_uid FROM message "
        "WHERE mailbox = 1 AND destination_uid_validity = 1 AND destination_uid = 1");
    ASSERT_TRUE(row.step());
    EXPECT_NE(row.text(3).find("message_claim"), std::string::npos) << row.text(3);
}

}  // namespace
}  // namespace imapcopy::store
