#include "daemon/store/writer.hpp"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/store/migrate.hpp"

namespace imapcopy::store {
namespace {

/// Resumes the waiting coroutine on the loop; may be called from any thread, once.
using Completion = std::function<void(std::exception_ptr)>;

/// Something to do, and who waits for it.
struct Piece {
    std::function<void(Database&)> work;
    Writer::AfterCommit after = Writer::AfterCommit::nothing;
    Completion complete;
    std::exception_ptr error = nullptr;
};

/// The handler is moved to the loop before it is called, so that what it owns (the coroutine) lives and dies
/// there.
template <class Handler>
Completion completion_of(Handler handler, boost::asio::any_io_executor const& loop) {
    auto const executor = boost::asio::get_associated_executor(handler, loop);
    auto shared = std::make_shared<Handler>(std::move(handler));
    auto guard = boost::asio::make_work_guard(executor);
    return
        [shared = std::move(shared), executor, guard = std::move(guard)](std::exception_ptr error) mutable {
            auto resume = [owned = std::move(shared), error = std::move(error)]() mutable {
                auto last = std::move(*owned);
                owned.reset();
                std::move(last)(std::move(error));
            };
            boost::asio::post(executor, std::move(resume));
            guard.reset();
        };
}

Error error_of(std::exception_ptr const& exception) {
    // The one place where the exceptions of the writer thread become values: a thread has nobody to throw to.
    try {
        std::rethrow_exception(exception);
    } catch (Failure const& failure) {
        return failure.error();
    } catch (std::exception const& other) {
        return Error{ErrorCode::internal, std::string("write to the database: ") + other.what()};
    }
}

}  // namespace

class Writer::Impl {
 public:
    Impl(std::string path, boost::asio::any_io_executor executor, OpenOptions const& options)
        : loop(std::move(executor)), database_(std::move(path), options) {
        migrate(database_, migrations());
        thread_ = std::thread([this] { run(); });
        (void)::pthread_setname_np(thread_.native_handle(), "store");
    }

    ~Impl() {
        {
            std::lock_guard const lock(mutex_);
            stop_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    Impl(Impl const&) = delete;
    Impl& operator=(Impl const&) = delete;

    void submit(Piece piece) {
        {
            std::lock_guard const lock(mutex_);
            queue_.push_back(std::move(piece));
        }
        wake_.notify_one();
    }

    boost::asio::any_io_executor const loop;

 private:
    /// What queued up while the last group was committed is the next group. Empty: stop.
    std::vector<Piece> next_group() {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
        return std::exchange(queue_, {});
    }

    void run() {
        for (auto group = next_group(); !group.empty(); group = next_group()) {
            commit(group);
            truncate_where_asked(group);
            complete(group);
            keep_wal_small();
        }
    }

    void commit(std::span<Piece> group) {
        if (broken_) return fail_all(group, *broken_);
        try {
            Transaction transaction(database_);
            for (auto& piece : group) run_piece(piece);
            transaction.commit();
        } catch (...) {
            auto const error = error_of(std::current_exception());
            // After a failed fsync or on a damaged file later success proves nothing: no more is tried.
            if (error.code == ErrorCode::store_corrupt) broken_ = error;
            // Most of them may only read, or fit into what is left of the disk.
            if (error.code == ErrorCode::store_full && group.size() > 1) return commit_one_by_one(group);
            fail_all(group, error);
        }
    }

    void commit_one_by_one(std::span<Piece> group) {
        for (auto& piece : group) {
            piece.error = nullptr;
            commit({&piece, 1});
        }
    }

    /// Throws only where SQLite has rolled back the whole group, or where nothing more may be written: on a
    /// damaged page, which a piece that only reads may meet.
    void run_piece(Piece& piece) {
        try {
            Savepoint savepoint(database_);
            if (piece.work) piece.work(database_);
            savepoint.release();
        } catch (...) {
            piece.error = std::current_exception();
            bool const damaged = error_of(piece.error).code == ErrorCode::store_corrupt;
            if (damaged || !database_.in_transaction()) throw;
        }
    }

    void truncate_where_asked(std::vector<Piece>& group) {
        auto const asks = [](Piece const& piece) { return piece.after == AfterCommit::truncate_wal; };
        if (broken_ || std::ranges::none_of(group, asks)) return;
        auto const error = checkpoint(&Database::checkpoint_and_truncate);
        if (!error) return;
        for (auto& piece : group) {
            if (asks(piece) && !piece.error) piece.error = std::make_exception_ptr(Failure(*error));
        }
    }

    void keep_wal_small() {
        // A full disk is no reason to stop: the WAL holds everything, and the next commit tries again.
        if (!broken_) (void)checkpoint(&Database::checkpoint_if_large);
    }

    std::optional<Error> checkpoint(void (Database::*kind)()) {
        try {
            (database_.*kind)();
            return std::nullopt;
        } catch (...) {
            auto error = error_of(std::current_exception());
            if (error.code == ErrorCode::store_corrupt) broken_ = error;
            return error;
        }
    }

    /// Each gets an exception of its own, since each is thrown on its own.
    static void fail_all(std::span<Piece> group, Error const& error) {
        for (auto& piece : group) piece.error = std::make_exception_ptr(Failure(error));
    }

    static void complete(std::vector<Piece>& group) {
        for (auto& piece : group) {
            // Its captures go first: the coroutine may own the same objects, and ends on the loop.
            piece.work = nullptr;
            piece.complete(std::move(piece.error));
        }
    }

    Database database_;
    std::optional<Error> broken_;
    std::mutex mutex_;  ///< Guards the next three.
    std::condition_variable wake_;
    std::vector<Piece> queue_;
    bool stop_ = false;
    std::thread thread_;
};

Writer::Writer(std::string path, boost::asio::any_io_executor executor, OpenOptions const& options)
    : impl_(std::make_unique<Impl>(std::move(path), std::move(executor), options)) {}

Writer::~Writer() = default;

Task<> Writer::truncate_wal() {
    return run_erased({}, AfterCommit::truncate_wal);
}

Task<> Writer::run_erased(std::function<void(Database&)> work, AfterCommit after) {
    auto const submit = [impl = impl_.get(), after](auto handler, std::function<void(Database&)> queued) {
        impl->submit(Piece{std::move(queued), after, completion_of(std::move(handler), impl->loop)});
    };
    auto token = boost::asio::use_awaitable;
    using Token = decltype(token);
    co_await boost::asio::async_initiate<Token, void(std::exception_ptr)>(submit, token, std::move(work));
}

}  // namespace imapcopy::store
