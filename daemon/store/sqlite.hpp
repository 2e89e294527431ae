#pragma once

// Database, Statement, Transaction, Savepoint: SQLite with our settings, values and errors. The only door to
// sqlite3.h. Nothing here is safe to use from two threads at once; the writer thread owns the one connection.

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace imapcopy::store {

/// What SQLite's result `extended_code` means to us: store_full where space, a quota or a file size limit ran
/// out (by `system_errno`, where SQLite only knows an I/O error), store_corrupt where the file or the disk
/// cannot be trusted or another process holds it, else internal.
ErrorCode error_code_of(int extended_code, int system_errno);

/// Bytes to bind as BLOB; read before the call returns.
struct Blob {
    std::string_view bytes;
};

/// A prepared statement, borrowed from the database's cache and given back, reset, on destruction. Parameters
/// and columns follow SQLite's numbering: parameters from 1, columns from 0. All members throw Failure.
class Statement {
 public:
    ~Statement();
    Statement(Statement const&) = delete;
    Statement& operator=(Statement const&) = delete;

    /// Binds all parameters in order: integers, text, Blob, std::nullopt, or std::optional of these.
    template <class... Values>
    Statement& bind(Values const&... values) {
        bind_all(Bytes::copied, values...);
        return *this;
    }
    /// Moves to the next row; false after the last.
    bool step();
    /// Binds, runs to the end, and is ready to run again.
    template <class... Values>
    void run(Values const&... values) {
        bind_all(Bytes::borrowed, values...);  // For `values` live until it has run.
        while (step()) {
        }
        reset();
    }
    void reset();

    std::int64_t integer(int column) const;  ///< 0 for NULL.
    std::string text(int column) const;      ///< Empty for NULL. Also reads a BLOB.
    bool is_null(int column) const;

    template <class T>
    T integer_as(int column) const {
        return static_cast<T>(integer(column));
    }

 private:
    friend class Database;
    /// `lent` is the cache's mark, cleared on destruction; without one the statement is finalised instead.
    Statement(sqlite3* connection, sqlite3_stmt* statement, std::string_view path, bool* lent);

    /// Of text and blobs.
    enum class Bytes : std::uint8_t { copied, borrowed };

    template <class... Values>
    void bind_all([[maybe_unused]] Bytes bytes, Values const&... values) {
        int index = 0;
        (bind_one(++index, values, bytes), ...);
    }
    template <std::integral T>
    void bind_one(int index, T value, Bytes) {
        bind_integer(index, static_cast<std::int64_t>(value));
    }
    void bind_one(int index, std::string_view value, Bytes bytes);
    void bind_one(int index, Blob value, Bytes bytes);
    void bind_one(int index, std::nullopt_t, Bytes);
    template <class T>
    void bind_one(int index, std::optional<T> const& value, Bytes bytes) {
        if (value) {
            bind_one(index, *value, bytes);
        } else {
            bind_one(index, std::nullopt, bytes);
        }
    }
    void bind_integer(int index, std::int64_t value);

    sqlite3* connection_;
    sqlite3_stmt* statement_;
    std::string_view path_;  ///< The database's, which outlives its statements.
    bool* lent_;
};

struct OpenOptions {
    /// Name of the SQLite VFS, its layer over the file system, through which the database's files are read
    /// and written; empty: SQLite's own.
    std::string vfs;
};

/// The one connection to the file.
class Database {
 public:
    /// Opens `path`, creating it with mode 0600, sets and reads back our pragmas, locks out other processes,
    /// checks the file (in whole up to `checked_bytes_max`) and empties a WAL left behind, which waits where
    /// the disk is full. Throws Failure: store_corrupt (not a database, another program's, damaged, locked,
    /// on a network file system), store_full, internal (may not be written to; the message says by whom).
    explicit Database(std::string path, OpenOptions const& options = {});
    ~Database();
    Database(Database const&) = delete;
    Database& operator=(Database const&) = delete;

    /// A larger file is not read through at the start: that would take minutes. Damage is then found when
    /// met.
    static constexpr std::int64_t checked_bytes_max = 256LL * 1024 * 1024;

    std::string const& path() const;

    /// Prepared once, then taken from a cache. Not for pragmas, some of which act when they are prepared.
    Statement prepare(std::string_view sql);
    /// Runs `sql` to its end with `values` bound; how many rows changed.
    template <class... Values>
    std::int64_t execute(std::string_view sql, Values const&... values) {
        prepare(sql).run(values...);
        return changes();
    }
    /// First column of the first row; nothing where there is no row.
    template <class... Values>
    std::optional<std::int64_t> find_integer(std::string_view sql, Values const&... values) {
        auto statement = prepare(sql);
        statement.bind(values...);
        if (!statement.step()) return std::nullopt;
        return statement.integer(0);
    }
    /// Several statements without parameters.
    void execute_script(std::string_view sql);
    /// The value of a pragma, as text; empty where it has none.
    std::string pragma(std::string_view name);

    std::int64_t last_insert_id() const;
    /// False also after SQLite rolled back by itself, as it may on a full disk or an I/O error.
    bool in_transaction() const;
    /// Rolls back; for destructors, so errors are ignored (SQLite has then rolled back by itself).
    void rollback_quietly(char const* sql) noexcept;

    /// Writes a copy of the whole database to `path`, mode 0600, in place of what is there; durable, and
    /// never half there, when it returns. Not inside a transaction. Throws Failure as every write.
    void copy_to(std::string const& path);

    /// Moves the WAL into the file once it is larger than about 4 MiB. Done by hand since SQLite's own
    /// checkpoint hides a failed fsync.
    void checkpoint_if_large();
    /// Moves the WAL into the file and cuts it to nothing, so that no deleted byte stays in it.
    void checkpoint_and_truncate();

 private:
    class Impl;
    std::int64_t changes() const;
    std::unique_ptr<Impl> impl_;
};

/// Rolled back unless committed.
class Transaction {
 public:
    explicit Transaction(Database& database);
    ~Transaction();
    Transaction(Transaction const&) = delete;
    Transaction& operator=(Transaction const&) = delete;
    void commit();

 private:
    Database& database_;
    bool open_ = true;
};

/// A part of a transaction; undone unless released.
class Savepoint {
 public:
    explicit Savepoint(Database& database);
    ~Savepoint();
    Savepoint(Savepoint const&) = delete;
    Savepoint& operator=(Savepoint const&) = delete;
    void release();

 private:
    Database& database_;
    bool open_ = true;
};

}  // namespace imapcopy::store
