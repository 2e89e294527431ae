#include "daemon/store/sqlite.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>

#include "common/random.hpp"
#include "daemon/store/job_rows.hpp"
#include "daemon/store/migrate.hpp"
#include "tests/support/await.hpp"
#include "tests/support/places.hpp"
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

/// Reads all that the file holds; what is not as it should be is refused.
void read_all(std::string const& file) {
    Database database(file);
    migrate(database, migrations());
    auto names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'");
    while (names.step()) {
        auto rows = database.prepare("SELECT * FROM \"" + names.text(0) + "\"");
        while (rows.step()) (void)rows.text(1);
    }
    (void)read_jobs(database, std::nullopt);
}

/// A few bytes in every page are turned over, one after the other: where that is not noticed, everything can
/// still be read.
TEST(Database, RefusesTurnedBytesOrReadsEverything) {
    test::TemporaryFolder const folder;
    auto const file = folder.file("state.db");
    {
        std::ifstream fixture(test::in_source("tests/daemon/store/fixtures/schema_2.sql"));
        Database(file).execute_script(std::string(std::istreambuf_iterator<char>(fixture), {}));
    }
    auto const size = std::filesystem::file_size(file);
    SeededRandom random(7);
    int refused = 0;
    for (std::uint64_t page = 0; page < size; page += 4096) {
        for (int turned = 0; turned < 12; ++turned) {
            // The header of the page, where most of its meaning is, and some place in it.
            auto const place = page + (turned < 8 ? static_cast<std::uint64_t>(turned) : random.below(4096));
            auto const damaged = folder.file("damaged.db");
            std::filesystem::copy_file(file, damaged, std::filesystem::copy_options::overwrite_existing);
            {
                std::fstream stream(damaged, std::ios::in | std::ios::out | std::ios::binary);
                stream.seekg(static_cast<std::streamoff>(place));
                auto const byte = static_cast<char>(~stream.get());
                stream.seekp(static_cast<std::streamoff>(place));
                stream.put(byte);
            }
            auto const error = error_of([&] { read_all(damaged); });
            if (!error) continue;
            ++refused;
            EXPECT_EQ(error->code, ErrorCode::store_corrupt) << "byte " << place << ": " << error->message;
        }
    }
    EXPECT_GT(refused, 50);
}

TEST(Database, RefusesASchemaOfUnknownWords) {
    test::TemporaryFolder const folder;
    auto const file = folder.file("state.db");
    {
        Database database(file);
        migrate(database, migrations());
    }
    std::ifstream input(file, std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(input), {});
    auto const place = bytes.find("length(fingerprint)");
    ASSERT_NE(place, std::string::npos);
    bytes[place] = 'x';
    std::ofstream(file, std::ios::binary) << bytes;
    EXPECT_EQ(code_of_opening(file), ErrorCode::store_corrupt);
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

/// What opening `file` says to a user that is not root: root may write everywhere.
std::string refusal_for_nobody(std::string const& file) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    auto const child = ::fork();
    if (child == 0) {
        if (::getuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
        auto const error = error_of([&] { Database const database(file); });
        auto const text = error ? std::string(info(error->code).name) + ": " + error->message : "opened";
        ::_exit(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    ::close(ends[1]);
    std::string text(1000, ' ');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(ends[0], text.data(), text.size()), 0)));
    ::close(ends[0]);
    return text;
}

TEST(Database, SaysWhoMayNotWriteToWhatAndHowToMendIt) {
    test::TemporaryFolder const folder;
    auto const file = folder.file("state.db");
    { Database const database(file); }
    auto const owned_by_root = ::getuid() == 0;
    auto const file_message = [&] { return refusal_for_nobody(file); };
    ASSERT_EQ(::chmod(folder.path().c_str(), 0777), 0);
    ASSERT_EQ(::chmod(file.c_str(), 0400), 0);
    auto const remedy = owned_by_root ? "(chown 65534 " + file + ")" : "(chmod u+rwX " + file + ")";
    EXPECT_NE(file_message().find(remedy), std::string::npos) << file_message();
    EXPECT_TRUE(file_message().starts_with("Internal: open the database " + file + ": ")) << file_message();
    // Others could read it, but only its owner can take that from them.
    ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
    EXPECT_EQ(file_message().find("opened") == 0, !owned_by_root) << file_message();
    ASSERT_EQ(::chmod(folder.path().c_str(), 0555), 0);
    EXPECT_NE(file_message().find("may not write to " + folder.path().string()), std::string::npos)
        << file_message();
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
