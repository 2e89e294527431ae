#include "daemon/store/sqlite.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "daemon/store/migrate.hpp"
#include "tests/support/await.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::store {
namespace {

using test::error_of;

std::optional<ErrorCode> code_of_opening(std::string const& file) {
    auto const error = error_of([&] { Database const database(file); });
    return error ? std::optional(error->code) : std::nullopt;
}

TEST(Database, CreatesAPrivateFile) {
    test::TemporaryFolder const folder;
    Database const database(folder.file("state.db"));
    struct stat status {};
    ASSERT_EQ(::stat(folder.file("state.db").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Database, TakesAwayTheRightsOfOthers) {
    test::TemporaryFolder const folder;
    { Database const database(folder.file("state.db")); }
    ::chmod(folder.file("state.db").c_str(), 0644);
    Database const database(folder.file("state.db"));
    struct stat status {};
    ASSERT_EQ(::stat(folder.file("state.db").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Database, GivesBackWhatWasBound) {
    test::TemporaryFolder const folder;
    Database database(folder.file("state.db"));
    database.execute_script("CREATE TABLE t (a INTEGER, b TEXT, c BLOB, d TEXT) STRICT");
    std::string const with_nul("a\0b", 3);
    EXPECT_EQ(
        database.execute("INSERT INTO t VALUES (?1, ?2, ?3, ?4)", -5, with_nul, Blob{with_nul}, std::nullopt),
        1);
    auto row = database.prepare("SELECT * FROM t");
    ASSERT_TRUE(row.step());
    EXPECT_EQ(row.integer(0), -5);
    EXPECT_EQ(row.text(1), with_nul);
    EXPECT_EQ(row.text(2), with_nul);
    EXPECT_TRUE(row.is_null(3));
    EXPECT_FALSE(row.step());
}

TEST(Database, LendsTheSameStatementTwice) {
    test::TemporaryFolder const folder;
    Database database(folder.file("state.db"));
    database.execute_script("CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (1), (2)");
    auto outer = database.prepare("SELECT a FROM t ORDER BY a");
    ASSERT_TRUE(outer.step());
    auto inner = database.prepare("SELECT a FROM t ORDER BY a");
    ASSERT_TRUE(inner.step());
    EXPECT_EQ(inner.integer(0), 1);
    ASSERT_TRUE(outer.step());
    EXPECT_EQ(outer.integer(0), 2);
}

TEST(Database, RollsBackWhatIsNotCommitted) {
    test::TemporaryFolder const folder;
    Database database(folder.file("state.db"));
    database.execute_script("CREATE TABLE t (a INTEGER) STRICT");
    {
        Transaction transaction(database);
        database.execute("INSERT INTO t VALUES (1)");
        {
            Savepoint const dropped(database);
            database.execute("INSERT INTO t VALUES (2)");
        }
        transaction.commit();
    }
    {
        Transaction const dropped(database);
        database.execute("INSERT INTO t VALUES (3)");
    }
    EXPECT_EQ(database.find_integer("SELECT sum(a) FROM t"), 1);
}

TEST(Database, RefusesWhatIsNoDatabase) {
    test::TemporaryFolder const folder;
    std::ofstream(folder.file("state.db")) << std::string(8192, 'x');
    auto const error = error_of([&] { Database const database(folder.file("state.db")); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::store_corrupt);
    EXPECT_NE(error->message.find(folder.file("state.db")), std::string::npos) << error->message;
}

TEST(Database, RefusesTheDatabaseOfAnotherProgramUnchanged) {
    test::TemporaryFolder const folder;
    {
        Database database(folder.file("state.db"));
        database.execute_script("CREATE TABLE theirs (a INTEGER) STRICT; PRAGMA application_id = 42");
    }
    EXPECT_EQ(code_of_opening(folder.file("state.db")), ErrorCode::store_corrupt);
    EXPECT_EQ(code_of_opening(folder.file("state.db")), ErrorCode::store_corrupt);
}

TEST(Database, RefusesASymbolicLink) {
    test::TemporaryFolder const folder;
    { Database const database(folder.file("real.db")); }
    ASSERT_EQ(::symlink("real.db", folder.file("state.db").c_str()), 0);
    EXPECT_EQ(code_of_opening(folder.file("state.db")), ErrorCode::store_corrupt);
}

TEST(Database, RefusesAMissingFolder) {
    EXPECT_EQ(code_of_opening("/nonexistent/state.db"), ErrorCode::internal);
}

/// Every page in turn is overwritten. Either opening finds it, or nothing of value was on it.
TEST(Database, FindsACorruptPage) {
    test::TemporaryFolder const folder;
    auto const file = folder.file("state.db");
    constexpr int rows = 2000;
    {
        Database database(file);
        migrate(database, migrations());
        Transaction transaction(database);
        auto insert = database.prepare("INSERT INTO account (host, login) VALUES (?1, ?2)");
        for (int i = 0; i < rows; ++i) insert.run("imap.example.org", "login" + std::to_string(i));
        transaction.commit();
    }
    auto const pages = std::filesystem::file_size(file) / 4096;
    ASSERT_GT(pages, 20U);
    int found = 0;
    for (std::uint64_t page = 0; page < pages; ++page) {
        auto const damaged = folder.file("damaged.db");
        std::filesystem::copy_file(file, damaged, std::filesystem::copy_options::overwrite_existing);
        {
            std::fstream stream(damaged, std::ios::in | std::ios::out | std::ios::binary);
            stream.seekp(static_cast<std::streamoff>(page * 4096));
            stream << std::string(4096, '\xa5');
        }
        auto const code = code_of_opening(damaged);
        if (code) {
            EXPECT_EQ(code, ErrorCode::store_corrupt) << "page " << page;
            ++found;
        }
    }
    EXPECT_EQ(found, static_cast<int>(pages));
}

TEST(Database, KeepsASecondProcessOut) {
    test::TemporaryFolder const folder;
    Database database(folder.file("state.db"));
    migrate(database, migrations());
    auto const child = ::fork();
    if (child == 0) ::_exit(code_of_opening(folder.file("state.db")) == ErrorCode::store_corrupt ? 0 : 1);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

/// Root may write everywhere, so a child that is not root tries.
TEST(Database, SaysThatTheFolderIsReadOnly) {
    test::TemporaryFolder const folder;
    ASSERT_EQ(::chmod(folder.path().c_str(), 0555), 0);
    auto const child = ::fork();
    if (child == 0) {
        if (::getuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
        ::_exit(code_of_opening(folder.file("state.db")) == ErrorCode::internal ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
}

TEST(Database, TellsAFullDiskFromABrokenOne) {
    constexpr int ioerr_write = 10 | (3 << 8);
    constexpr int ioerr_fsync = 10 | (4 << 8);
    constexpr int full = 13;
    constexpr int corrupt = 11;
    constexpr int not_a_database = 26;
    constexpr int constraint_unique = 19 | (8 << 8);
    EXPECT_EQ(error_code_of(full, 0), ErrorCode::store_full);
    EXPECT_EQ(error_code_of(ioerr_write, EDQUOT), ErrorCode::store_full);
    EXPECT_EQ(error_code_of(ioerr_write, EFBIG), ErrorCode::store_full);
    EXPECT_EQ(error_code_of(ioerr_fsync, EIO), ErrorCode::store_corrupt);
    EXPECT_EQ(error_code_of(corrupt, 0), ErrorCode::store_corrupt);
    EXPECT_EQ(error_code_of(not_a_database, 0), ErrorCode::store_corrupt);
    EXPECT_EQ(error_code_of(constraint_unique, 0), ErrorCode::internal);
}

}  // namespace
}  // namespace imapcopy::store
