#include "daemon/store/migrate.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <fstream>
#include <iterator>
#include <map>

#include "common/random.hpp"
#include "daemon/store/job_store.hpp"
#include "daemon/store/ledger.hpp"
#include "daemon/store/vault.hpp"
#include "tests/support/await.hpp"
#include "tests/support/places.hpp"
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

TEST_F(MigrateTest, KeepsACopyOfWhatWasThereBefore) {
    migrate(database_, std::array{first});
    auto const copy = database_.path() + ".schema-1";
    EXPECT_FALSE(std::filesystem::exists(copy)) << "a new database has nothing to keep";
    std::ofstream(copy) << "an older copy";
    migrate(database_, std::array{first, second});
    struct stat status {};
    ASSERT_EQ(::stat(copy.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    Database before(copy);
    EXPECT_EQ(before.pragma("user_version"), "1");
    EXPECT_EQ(before.find_integer("SELECT a FROM t"), 1);
    EXPECT_EQ(database_.find_integer("SELECT a FROM t"), 2);
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

// Whoever deletes a mailbox has SQLite look for messages that refer to it: in place of a reading of the whole
// table for each mailbox of a forgotten pair.
TEST_F(MigrateTest, MessagesOfAMailboxAreFoundByIndex) {
    migrate(database_, migrations());
    auto row = database_.prepare("EXPLAIN QUERY PLAN SELECT 1 FROM message WHERE mailbox = 1");
    ASSERT_TRUE(row.step());
    EXPECT_NE(row.text(3).find("message_mailbox"), std::string::npos) << row.text(3);
}

std::string fixture(int version) {
    auto const name = "tests/daemon/store/fixtures/schema_" + std::to_string(version) + ".sql";
    std::ifstream file(test::in_source(name));
    EXPECT_TRUE(file) << "every version of the schema has a fixture: " << name;
    return {std::istreambuf_iterator<char>(file), {}};
}

/// What the schema consists of, without comments and blanks: name → SQL.
std::map<std::string, std::string> schema_of(Database& database) {
    std::map<std::string, std::string> schema;
    auto row = database.prepare("SELECT name, sql FROM sqlite_schema");
    while (row.step()) {
        std::string sql;
        bool comment = false;
        for (auto const c : row.text(1)) {
            if (c == '\n') comment = false;
            if (c == '-' && sql.ends_with('-')) {
                sql.pop_back();
                comment = true;
            }
            if (!comment && c != ' ' && c != '\n') sql += c;
        }
        schema[row.text(0)] = sql;
    }
    return schema;
}

/// Databases of released versions exist: one of each is opened, migrated and read. A change of the schema
/// without a migration turns this red.
TEST_F(MigrateTest, OpensADatabaseOfEveryVersionAndReadsIt) {
    migrate(database_, migrations());
    auto const schema = schema_of(database_);
    for (auto const& step : migrations()) {
        SCOPED_TRACE(step.version);
        auto const file = folder_.file("version" + std::to_string(step.version) + ".db");
        Database(file).execute_script(fixture(step.version));
        boost::asio::io_context loop;
        Writer writer(file, loop.get_executor());
        EXPECT_EQ(test::await(loop, writer.run<std::map<std::string, std::string>>(schema_of)), schema);
        SeededRandom random(1);
        Vault vault(Secret(std::string(32, 'k')), random);
        JobStore store(writer, vault);
        auto const jobs = test::await(loop, store.load_all());
        ASSERT_EQ(jobs.size(), 1U);
        EXPECT_EQ(jobs[0].view.id, JobId(7));
        EXPECT_EQ(jobs[0].view.phase, Phase::waiting);
        EXPECT_EQ(jobs[0].view.spec.source.address, "anna@old.example");
        EXPECT_TRUE(jobs[0].has_source_secret);
        auto const ledger = make_ledger(writer, jobs[0].pair);
        auto const folder = test::await(loop, ledger->folder({{"INBOX", "INBOX"}, {"INBOX", "INBOX"}}));
        EXPECT_EQ(folder.source_uid_validity, copy::UidValidity(100));
        auto const entries =
            test::await(loop, ledger->entries(folder.id, {copy::Uid(1), copy::Uid(0xffffffff)}));
        ASSERT_EQ(entries.size(), 4U);
        EXPECT_EQ(entries[0].destination_uid, copy::Uid(11));
        EXPECT_EQ(test::await(loop, ledger->open_entries(folder.id)).size(), 1U);
        EXPECT_EQ(test::await(loop, ledger->report_fingerprints()).size(), 1U);
    }
}

}  // namespace
}  // namespace imapcopy::store
