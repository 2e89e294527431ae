#pragma once

// Writer: the one thread that owns the database. Work is queued from the loop, several pieces share one
// transaction (group commit), and each caller is resumed on the loop after the commit.

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/result.hpp"
#include "common/task.hpp"
#include "daemon/store/sqlite.hpp"

namespace imapcopy::store {

class Writer {
 public:
    /// What the caller waits for beyond the commit.
    enum class AfterCommit : std::uint8_t {
        nothing,
        truncate_wal,  ///< Nothing that was deleted stays in the WAL: for wiped secrets.
    };

    /// Opens, checks and migrates `path` (created with mode 0600); `executor` is the loop, whose context
    /// outlives the writer. Throws Failure: store_corrupt (not a database, failed check, newer schema,
    /// network file system, in use by another process), store_full, internal.
    Writer(std::string path, boost::asio::any_io_executor executor, OpenOptions const& options = {});
    /// Waits until queued work is done, checkpoints and closes.
    ~Writer();
    Writer(Writer const&) = delete;
    Writer& operator=(Writer const&) = delete;

    /// Runs `work` on the writer thread inside a transaction and returns its value after the commit. If it
    /// throws, its part is rolled back (savepoint) and the exception arrives here; others in the group are
    /// not touched. On a full disk it may run once more, alone. `work` owns what it uses: it must not refer
    /// to the caller's frame unless the caller outlives it.
    template <class T>
    Task<T> run(std::function<T(Database&)> work) {
        auto result = std::make_shared<std::optional<T>>();
        std::function<void(Database&)> job = [result, work = std::move(work)](Database& database) {
            result->emplace(work(database));
        };
        co_await run_erased(std::move(job), AfterCommit::nothing);
        co_return std::move(**result);
    }
    Task<> run(std::function<void(Database&)> work, AfterCommit after = AfterCommit::nothing) {
        return run_erased(std::move(work), after);
    }

    /// Truncating checkpoint, so that wiped secrets leave the WAL. After the work queued so far.
    Task<> truncate_wal();

 private:
    Task<> run_erased(std::function<void(Database&)> work, AfterCommit after);
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace imapcopy::store
