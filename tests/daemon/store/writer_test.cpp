// The writer under good and bad weather. fsync and fdatasync of this program go through a switch, so that a
// test can count them, let one fail, or end the process in one; a child that is killed there stands for the
// killed daemon.

#include "daemon/store/writer.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>
#include <vector>

#include "daemon/store/sqlite.hpp"
#include "tests/support/await.hpp"
#include "tests/support/temporary_folder.hpp"

namespace {

std::atomic<int> syncs = 0;
std::atomic<bool> syncs_fail = false;
/// The sync with this number kills the process, before or after it happened; 0: none.
std::atomic<int> fatal_sync = 0;
std::atomic<bool> die_after_sync = false;

int guarded_sync(int number, int file) {
    auto const count = ++syncs;
    auto const fatal = count == fatal_sync;
    if (fatal && !die_after_sync) (void)::raise(SIGKILL);
    if (syncs_fail) {
        errno = EIO;
        return -1;
    }
    auto const result = static_cast<int>(::syscall(number, file));
    if (fatal) (void)::raise(SIGKILL);
    return result;
}

}  // namespace

extern "C" int fsync(int file) {
    return guarded_sync(SYS_fsync, file);
}
extern "C" int fdatasync(int file) {
    return guarded_sync(SYS_fdatasync, file);
}

namespace imapcopy::store {
namespace {

using Work = std::function<void(Database&)>;

Work insert(int value) {
    return [value](Database& database) { database.execute("INSERT INTO t VALUES (?1)", value); };
}

class WriterTest : public testing::Test {
 protected:
    WriterTest() {
        await(
            writer_->run([](Database& database) { database.execute_script("CREATE TABLE t (a INTEGER)"); }));
    }
    ~WriterTest() override { syncs_fail = false; }

    template <class T>
    T await(Task<T> task) {
        return test::await(loop_, std::move(task));
    }
    void await(Task<> task) { test::await(loop_, std::move(task)); }
    std::int64_t integer(std::string const& sql) {
        std::function<std::int64_t(Database&)> const work = [sql](Database& database) {
            return database.find_integer(sql).value_or(-1);
        };
        return await(writer_->run<std::int64_t>(work));
    }
    std::int64_t sum() { return integer("SELECT coalesce(sum(a), 0) FROM t"); }
    std::optional<Error> error_of_running(Work work) {
        return test::error_of([&] { await(writer_->run(std::move(work))); });
    }
    /// Starts `work` and notes how it ends, without waiting for it.
    void spawn(Work work, std::vector<std::optional<ErrorCode>>& ends) {
        auto const on_end = [&ends](std::exception_ptr error) {
            auto const thrown = test::error_of([&] {
                if (error) std::rethrow_exception(error);
            });
            ends.push_back(thrown ? std::optional(thrown->code) : std::nullopt);
        };
        boost::asio::co_spawn(loop_, writer_->run(std::move(work)), on_end);
    }
    void reopen() {
        writer_.reset();
        writer_ = std::make_unique<Writer>(file_, loop_.get_executor());
    }

    boost::asio::io_context loop_;
    test::TemporaryFolder folder_;
    std::string file_ = folder_.file("state.db");
    std::unique_ptr<Writer> writer_ = std::make_unique<Writer>(file_, loop_.get_executor());
};

/// Holds the writer thread up until it is opened, so that what is queued meanwhile forms one group.
class Gate {
 public:
    Work work() {
        return [opened = opened_.get_future().share()](Database&) { opened.wait(); };
    }
    void open() { opened_.set_value(); }

 private:
    std::promise<void> opened_;
};

TEST_F(WriterTest, ReturnsWhatTheWorkReturned) {
    await(writer_->run(insert(42)));
    EXPECT_EQ(sum(), 42);
}

TEST_F(WriterTest, ResumesOnTheLoop) {
    auto here = std::this_thread::get_id();
    std::thread::id worked_on;
    std::thread::id resumed_on;
    auto const on_end = [&](std::exception_ptr) { resumed_on = std::this_thread::get_id(); };
    Work work = [&worked_on](Database&) { worked_on = std::this_thread::get_id(); };
    boost::asio::co_spawn(loop_, writer_->run(std::move(work)), on_end);
    loop_.restart();
    loop_.run();
    EXPECT_NE(worked_on, here);
    EXPECT_EQ(resumed_on, here);
}

TEST_F(WriterTest, CommitsWhatQueuedUpInOneGroup) {
    Gate gate;
    std::vector<std::optional<ErrorCode>> ends;
    spawn(gate.work(), ends);
    loop_.restart();
    loop_.poll();
    for (int i = 0; i < 100; ++i) spawn(insert(1), ends);
    loop_.poll();
    auto const before = syncs.load();
    gate.open();
    loop_.run();
    EXPECT_EQ(ends, std::vector<std::optional<ErrorCode>>(101));
    EXPECT_LE(syncs - before, 3);
    EXPECT_EQ(sum(), 100);
}

TEST_F(WriterTest, APieceThatFailsLeavesTheOthersAlone) {
    Gate gate;
    std::vector<std::optional<ErrorCode>> ends;
    spawn(gate.work(), ends);
    loop_.restart();
    loop_.poll();
    spawn(insert(1), ends);
    Work const failing = [](Database& database) {
        database.execute("INSERT INTO t VALUES (?1)", 10);
        throw Failure(ErrorCode::job_exists, "no");
    };
    spawn(failing, ends);
    spawn(insert(100), ends);
    loop_.poll();
    gate.open();
    loop_.run();
    EXPECT_EQ(ends, (std::vector<std::optional<ErrorCode>>{{}, {}, ErrorCode::job_exists, {}}));
    EXPECT_EQ(sum(), 101);
}

TEST_F(WriterTest, EndsWhatIsQueuedBeforeItCloses) {
    std::vector<std::optional<ErrorCode>> ends;
    for (int i = 0; i < 10; ++i) spawn(insert(1), ends);
    loop_.restart();
    loop_.poll();
    reopen();
    loop_.run();
    EXPECT_EQ(ends.size(), 10U);
    EXPECT_EQ(sum(), 10);
}

TEST_F(WriterTest, ACancelledCoroutineHarmsNothing) {
    Gate gate;
    std::vector<std::optional<ErrorCode>> ends;
    spawn(gate.work(), ends);
    boost::asio::cancellation_signal cancel;
    bool ended = false;
    auto const on_end = [&](std::exception_ptr) { ended = true; };
    auto cancellable = boost::asio::bind_cancellation_slot(cancel.slot(), on_end);
    boost::asio::co_spawn(loop_, writer_->run(insert(1)), std::move(cancellable));
    loop_.restart();
    loop_.poll();
    cancel.emit(boost::asio::cancellation_type::terminal);
    loop_.poll();
    gate.open();
    loop_.run();
    EXPECT_TRUE(ended);
    EXPECT_EQ(sum(), 1);
}

/// The waiting coroutine, and with it what it owns, goes away with the loop.
TEST_F(WriterTest, ALoopThatEndsFirstLeaksNothing) {
    boost::asio::io_context other;
    {
        Writer writer(folder_.file("other.db"), other.get_executor());
        auto const on_end = [](std::exception_ptr) {};
        Work work = [](Database& database) { database.execute_script("CREATE TABLE t (a INTEGER)"); };
        boost::asio::co_spawn(other, writer.run(std::move(work)), on_end);
        other.poll();
    }
    SUCCEED();
}

TEST_F(WriterTest, AFullDatabaseFailsTheGroupAndRecovers) {
    await(writer_->run(insert(1)));
    Work const shrink = [](Database& database) { database.execute_script("PRAGMA max_page_count = 1"); };
    await(writer_->run(shrink));
    Work const large = [](Database& database) {
        database.execute("CREATE TABLE u (a BLOB)");
        database.execute("INSERT INTO u VALUES (zeroblob(1000000))");
    };
    auto const error = error_of_running(large);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::store_full);
    Work const grow = [](Database& database) { database.execute_script("PRAGMA max_page_count = 1000000"); };
    await(writer_->run(grow));
    await(writer_->run(large));
    EXPECT_EQ(sum(), 1);
}

/// One that does not fit does not take along those that came at the same time.
TEST_F(WriterTest, AFullDatabaseStillTakesWhatFitsAndCanBeRead) {
    Work const shrink = [](Database& database) {
        database.execute("CREATE TABLE u (a BLOB)");
        auto const pages = database.find_integer("SELECT page_count FROM pragma_page_count()").value_or(0);
        database.execute_script("PRAGMA max_page_count = " + std::to_string(pages));
    };
    await(writer_->run(shrink));
    Gate gate;
    std::vector<std::optional<ErrorCode>> ends;
    spawn(gate.work(), ends);
    loop_.restart();
    loop_.poll();
    spawn(insert(1), ends);
    spawn([](Database& database) { database.execute("INSERT INTO u VALUES (zeroblob(100000))"); }, ends);
    spawn([](Database& database) { (void)database.find_integer("SELECT count(*) FROM t"); }, ends);
    loop_.poll();
    gate.open();
    loop_.run();
    EXPECT_EQ(ends, (std::vector<std::optional<ErrorCode>>{{}, {}, ErrorCode::store_full, {}}));
    EXPECT_EQ(sum(), 1);
}

TEST_F(WriterTest, AFailedSyncEndsAllWriting) {
    await(writer_->run(insert(1)));
    syncs_fail = true;
    auto const error = error_of_running(insert(2));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::store_corrupt);
    EXPECT_NE(error->message.find("restart"), std::string::npos) << error->message;
    // The kernel forgets a failed write-back: a sync that succeeds now would prove nothing.
    syncs_fail = false;
    auto const later = error_of_running(insert(4));
    ASSERT_TRUE(later);
    EXPECT_EQ(later->code, ErrorCode::store_corrupt);
    reopen();
    EXPECT_EQ(sum() & 1, 1);
    EXPECT_EQ(sum() & 4, 0);
}

/// Met by somebody who only reads: nobody may write any more.
TEST_F(WriterTest, ADamagedPageEndsAllWriting) {
    Work const fill = [](Database& database) {
        database.execute("CREATE TABLE u (a BLOB)");
        for (int i = 0; i < 6000; ++i) database.execute("INSERT INTO u VALUES (randomblob(1000))");
    };
    await(writer_->run(fill));
    reopen();
    {
        // More than the cache holds, so that the file is read again.
        std::fstream stream(file_, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekp(100 * 4096);
        stream << std::string(1000 * 4096, '\xa5');
    }
    Work const read = [](Database& database) { (void)database.find_integer("SELECT sum(length(a)) FROM u"); };
    auto const error = error_of_running(read);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::store_corrupt);
    EXPECT_NE(error->message.find("restore it from a backup"), std::string::npos) << error->message;
    EXPECT_EQ(error_of_running(insert(1))->code, ErrorCode::store_corrupt);
}

TEST_F(WriterTest, AFailedSyncOfTheCheckpointIsNotHidden) {
    syncs_fail = true;
    auto const error = test::error_of([&] { await(writer_->truncate_wal()); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::store_corrupt);
    syncs_fail = false;
    EXPECT_TRUE(error_of_running(insert(1)));
}

TEST_F(WriterTest, CutsTheWal) {
    await(writer_->run(insert(1)));
    EXPECT_GT(std::filesystem::file_size(file_ + "-wal"), 0U);
    await(writer_->truncate_wal());
    EXPECT_EQ(std::filesystem::file_size(file_ + "-wal"), 0U);
    EXPECT_EQ(sum(), 1);
}

TEST_F(WriterTest, KeepsTheWalSmallByItself) {
    Work const some = [](Database& database) {
        database.execute("CREATE TABLE IF NOT EXISTS u (a BLOB)");
        database.execute("INSERT INTO u VALUES (zeroblob(500000))");
    };
    for (int i = 0; i < 60; ++i) await(writer_->run(some));
    EXPECT_LT(std::filesystem::file_size(file_ + "-wal"), 12'000'000U);
}

/// Runs `work` in a child process and gives back its wait status.
int in_child(std::function<void()> const& work) {
    auto const child = ::fork();
    if (child == 0) {
        work();
        ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
}

/// A limit on the size of files stands for a disk that fills up: the write, not the reservation, fails.
TEST_F(WriterTest, AFullDiskIsToldFromABrokenOne) {
    writer_.reset();
    auto const status = in_child([this] {
        (void)::signal(SIGXFSZ, SIG_IGN);
        boost::asio::io_context loop;
        Writer writer(file_, loop.get_executor());
        ::rlimit const limit{200'000, 200'000};
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(2);
        Work const large = [](Database& database) {
            database.execute("CREATE TABLE u (a BLOB)");
            database.execute("INSERT INTO u VALUES (zeroblob(1000000))");
        };
        auto const error = test::error_of([&] { test::await(loop, writer.run(large)); });
        if (!error || error->code != ErrorCode::store_full) ::_exit(3);
        // Something small still fits: the writer has not given up.
        if (test::error_of([&] { test::await(loop, writer.run(insert(1))); })) ::_exit(4);
        ::_exit(0);
    });
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

class KilledWriterTest : public WriterTest {
 protected:
    static constexpr int commits = 6;

    /// Opens the file, commits 1, 2, 3 … one after the other, and writes a byte after each into the pipe.
    void commit_all(int pipe) {
        boost::asio::io_context loop;
        Writer writer(file_, loop.get_executor());
        for (int i = 1; i <= commits; ++i) {
            test::await(loop, writer.run(insert(i)));
            if (::write(pipe, "x", 1) != 1) ::_exit(2);
        }
        test::await(loop, writer.truncate_wal());
    }

    /// Commits acknowledged by a child that dies at its `sync`-th sync; -1: it lived to the end.
    int acknowledged_until(int sync, bool after) {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::pipe(ends), 0);
        auto const status = in_child([&] {
            syncs = 0;
            fatal_sync = sync;
            die_after_sync = after;
            commit_all(ends[1]);
        });
        ::close(ends[1]);
        char buffer[64];
        auto const count = ::read(ends[0], buffer, sizeof buffer);
        ::close(ends[0]);
        if (WIFEXITED(status)) {
            EXPECT_EQ(WEXITSTATUS(status), 0);
            return -1;
        }
        return static_cast<int>(count);
    }
};

/// What was acknowledged is there; of the rest at most the one commit that was under way.
TEST_F(KilledWriterTest, LosesNothingThatWasAcknowledged) {
    writer_.reset();
    int killed = 0;
    for (bool const after : {false, true}) {
        for (int sync = 1;; ++sync) {
            auto const acknowledged = acknowledged_until(sync, after);
            if (acknowledged < 0) break;
            ++killed;
            writer_ = std::make_unique<Writer>(file_, loop_.get_executor());
            auto const count = integer("SELECT count(*) FROM t");
            EXPECT_GE(count, acknowledged) << "sync " << sync;
            EXPECT_LE(count, acknowledged + 1) << "sync " << sync;
            EXPECT_EQ(sum(), count * (count + 1) / 2) << "sync " << sync;
            EXPECT_EQ(integer("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
            await(writer_->run([](Database& database) { database.execute("DELETE FROM t"); }));
            writer_.reset();
        }
        writer_ = std::make_unique<Writer>(file_, loop_.get_executor());
        EXPECT_EQ(integer("SELECT count(*) FROM t"), commits);
        await(writer_->run([](Database& database) { database.execute("DELETE FROM t"); }));
        writer_.reset();
    }
    EXPECT_GE(killed, 2 * commits);
}

TEST_F(KilledWriterTest, ForgetsAPieceThatWasNotCommitted) {
    writer_.reset();
    auto const status = in_child([this] {
        boost::asio::io_context loop;
        Writer writer(file_, loop.get_executor());
        test::await(loop, writer.run(insert(1)));
        Work const dying = [](Database& database) {
            database.execute("INSERT INTO t VALUES (?1)", 2);
            (void)::raise(SIGKILL);
        };
        test::await(loop, writer.run(dying));
    });
    EXPECT_TRUE(WIFSIGNALED(status));
    writer_ = std::make_unique<Writer>(file_, loop_.get_executor());
    EXPECT_EQ(sum(), 1);
}

/// The first start of all, killed at every sync: the next start makes a whole database.
TEST_F(KilledWriterTest, AHalfMadeDatabaseIsFinishedByTheNextStart) {
    writer_.reset();
    for (int sync = 1; sync < 20; ++sync) {
        test::TemporaryFolder const fresh;
        auto const file = fresh.file("state.db");
        auto const status = in_child([&] {
            syncs = 0;
            fatal_sync = sync;
            boost::asio::io_context loop;
            Writer const writer(file, loop.get_executor());
        });
        boost::asio::io_context loop;
        EXPECT_FALSE(test::error_of([&] { Writer const writer(file, loop.get_executor()); }))
            << "sync " << sync;
        if (WIFEXITED(status)) break;
    }
}

}  // namespace
}  // namespace imapcopy::store
