#include "daemon/store/sqlite.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <utility>

#include "common/result.hpp"

namespace imapcopy::store {
namespace {

/// "IMCP", in the header of the file.
constexpr std::int64_t our_application_id = 0x494D4350;
/// Pages of 4 KiB in the WAL before it is moved into the file.
constexpr int wal_pages_max = 1000;

struct Pragma {
    std::string_view name;
    std::string_view set;
    std::string_view expected;
};

// Before anything is read. Exclusive: a second daemon on the same file would copy everything twice.
constexpr std::array opening_pragmas = {
    Pragma{"locking_mode", "EXCLUSIVE", "exclusive"},
    Pragma{"cell_size_check", "ON", "1"},
    Pragma{"mmap_size", "0", "0"},
    Pragma{"trusted_schema", "OFF", "0"},
};

// After the file has proved to be ours. FULL: with less, a power cut takes back intents that were announced.
constexpr std::array working_pragmas = {
    Pragma{"journal_mode", "WAL", "wal"},
    Pragma{"synchronous", "FULL", "2"},
    Pragma{"foreign_keys", "ON", "1"},
    Pragma{"secure_delete", "ON", "1"},
    Pragma{"temp_store", "MEMORY", "2"},
    Pragma{"wal_autocheckpoint", "0", "0"},
    Pragma{"journal_size_limit", "67108864", "67108864"},
};

/// File systems whose locks and fsync are promises of another machine.
constexpr std::array<std::uint32_t, 7> network_file_systems = {
    NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
    CODA_SUPER_MAGIC, AFS_SUPER_MAGIC, 0x00c36400 /* Ceph */};

std::string way_out(ErrorCode code, int extended_code) {
    if (code == ErrorCode::store_full) return "; free some space, and the jobs go on";
    if (code != ErrorCode::store_corrupt) return "";
    switch (extended_code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return "; another process holds it, perhaps a second imapcopyd";
        case SQLITE_IOERR: return "; what the disk holds is unknown: check it, then restart imapcopyd";
        // SQLITE_CORRUPT, SQLITE_NOTADB and whatever later versions add.
        default:
            return "; restore it from a backup, or move it away: mail that was copied is then recognised by "
                   "its content";
    }
}

/// errno of the last failed call on the file or its WAL; 0: none. sqlite3_system_errno is asked too late
/// after a failed commit: errno is another one by then.
int last_errno(sqlite3* connection) {
    for (auto const which : {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER}) {
        sqlite3_file* file = nullptr;
        if (sqlite3_file_control(connection, "main", which, &file) != SQLITE_OK) continue;
        if (file == nullptr || file->pMethods == nullptr) continue;
        int error = 0;
        if (file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error) != SQLITE_OK) continue;
        if (error != 0) return error;
    }
    return sqlite3_system_errno(connection);
}

[[noreturn]] void fail(sqlite3* connection, std::string_view path, int extended_code) {
    auto const code = error_code_of(extended_code, last_errno(connection));
    throw Failure(code, "use the database " + std::string(path) + ": " + sqlite3_errmsg(connection) +
                            way_out(code, extended_code));
}

[[noreturn]] void fail_corrupt(std::string const& path, std::string const& why) {
    throw Failure(ErrorCode::store_corrupt, "open the database " + path + ": " + why);
}

[[noreturn]] void fail_system(std::string const& path, int error) {
    throw Failure(error_code_of(SQLITE_CANTOPEN, error),
                  "open the database " + path + ": " + std::strerror(error));
}

std::string folder_of(std::string const& path) {
    auto const slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// `entry` is the database or its folder, and exists.
[[noreturn]] void fail_access(std::string const& path, std::string const& entry, int error) {
    auto why = "this process may not write to " + entry;
    struct stat status {};
    if (error == EROFS) {
        why += ": its file system is mounted read-only; mount it for writing";
    } else if (::stat(entry.c_str(), &status) == 0 && status.st_uid != ::geteuid()) {
        auto const user = std::to_string(::geteuid());
        why += ": it belongs to user " + std::to_string(status.st_uid) + ", and imapcopyd runs as user " +
               user + "; give it to that user (chown " + user + " " + entry + ")";
    } else {
        why += ": its mode forbids that; allow it (chmod u+rwX " + entry + ")";
    }
    throw Failure(ErrorCode::internal, "open the database " + path + ": " + why);
}

void check_access(std::string const& path, std::string const& entry, int mode) {
    if (::faccessat(AT_FDCWD, entry.c_str(), mode, AT_EACCESS) == 0) return;
    auto const error = errno;
    if (error == EACCES || error == EPERM || error == EROFS) fail_access(path, entry, error);
    fail_system(path, error);
}

/// Makes a file with mode 0600; there is none of that name.
void create_file(std::string const& path) {
    auto const file = ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) fail_system(path, errno);
    ::close(file);
}

/// Makes the file with mode 0600, or takes that much from an old one. An existing file is not opened here:
/// closing it would drop the locks of a connection of this process (POSIX).
void prepare_file(std::string const& path) {
    check_access(path, folder_of(path), R_OK | W_OK | X_OK);
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) {
        if (!S_ISREG(status.st_mode)) fail_corrupt(path, "not a regular file");
        check_access(path, path, R_OK | W_OK);
        if ((status.st_mode & 0077U) != 0 && ::chmod(path.c_str(), 0600) != 0) {
            fail_access(path, path, errno);
        }
    } else {
        create_file(path);
    }
    struct statfs system {};
    if (::statfs(path.c_str(), &system) != 0) fail_system(path, errno);
    if (std::ranges::find(network_file_systems, static_cast<std::uint32_t>(system.f_type)) !=
        network_file_systems.end()) {
        fail_corrupt(path, "it lies on a network file system; the state directory must be on a local disk");
    }
}

}  // namespace

ErrorCode error_code_of(int extended_code, int system_errno) {
    auto const no_space = system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG;
    switch (extended_code & 0xff) {
        case SQLITE_FULL: return ErrorCode::store_full;
        case SQLITE_IOERR: return no_space ? ErrorCode::store_full : ErrorCode::store_corrupt;
        case SQLITE_CANTOPEN: return no_space ? ErrorCode::store_full : ErrorCode::internal;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return ErrorCode::store_corrupt;
        default: return ErrorCode::internal;  // A mistake of ours: constraint, misuse, schema.
    }
}

Statement::Statement(sqlite3* connection, sqlite3_stmt* statement, std::string_view path, bool* lent)
    : connection_(connection), statement_(statement), path_(path), lent_(lent) {
    if (lent_ != nullptr) *lent_ = true;
}

Statement::~Statement() {
    if (lent_ == nullptr) {
        sqlite3_finalize(statement_);
        return;
    }
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
    *lent_ = false;
}

bool Statement::step() {
    auto const code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    fail(connection_, path_, code);
}

void Statement::reset() {
    // An error of the last step is told again here; step has thrown it already.
    (void)sqlite3_reset(statement_);
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const {
    auto const* const bytes = static_cast<char const*>(sqlite3_column_blob(statement_, column));
    auto const size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void Statement::bind_one(int index, std::string_view value, Bytes bytes) {
    // A null pointer would bind NULL.
    auto const* const text = value.data() == nullptr ? "" : value.data();
    auto* const kept = bytes == Bytes::copied ? SQLITE_TRANSIENT : SQLITE_STATIC;
    auto const code = sqlite3_bind_text64(statement_, index, text, value.size(), kept, SQLITE_UTF8);
    if (code != SQLITE_OK) fail(connection_, path_, code);
}

void Statement::bind_one(int index, Blob value, Bytes bytes) {
    auto const* const blob = value.bytes.data() == nullptr ? "" : value.bytes.data();
    auto* const kept = bytes == Bytes::copied ? SQLITE_TRANSIENT : SQLITE_STATIC;
    auto const code = sqlite3_bind_blob64(statement_, index, blob, value.bytes.size(), kept);
    if (code != SQLITE_OK) fail(connection_, path_, code);
}

void Statement::bind_one(int index, std::nullopt_t, Bytes) {
    auto const code = sqlite3_bind_null(statement_, index);
    if (code != SQLITE_OK) fail(connection_, path_, code);
}

void Statement::bind_integer(int index, std::int64_t value) {
    auto const code = sqlite3_bind_int64(statement_, index, value);
    if (code != SQLITE_OK) fail(connection_, path_, code);
}

class Database::Impl {
 public:
    explicit Impl(std::string file) : path(std::move(file)) {}
    ~Impl() {
        for (auto& [sql, cached] : cache) sqlite3_finalize(cached.statement);
        // Checkpoints and removes the WAL, being the last connection.
        sqlite3_close(connection);
    }
    Impl(Impl const&) = delete;
    Impl& operator=(Impl const&) = delete;

    struct Cached {
        sqlite3_stmt* statement = nullptr;
        bool lent = false;
    };

    sqlite3_stmt* compile(std::string_view sql, unsigned flags) const {
        sqlite3_stmt* statement = nullptr;
        auto const code = sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()), flags,
                                             &statement, nullptr);
        if (code != SQLITE_OK) fail(connection, path, code);
        return statement;
    }

    void check(int code) const {
        if (code != SQLITE_OK) fail(connection, path, code);
    }

    /// Damage may leave a schema that can be parsed and not used: compiling a check of it tells.
    void check_schema() const {
        sqlite3_stmt* statement = nullptr;
        auto const code = sqlite3_prepare_v3(connection, "PRAGMA quick_check(1)", -1, 0, &statement, nullptr);
        sqlite3_finalize(statement);
        if ((code & 0xff) == SQLITE_ERROR) {
            fail_corrupt(path, std::string("its schema is damaged (") + sqlite3_errmsg(connection) + ")" +
                                   way_out(ErrorCode::store_corrupt, SQLITE_CORRUPT));
        }
    }

    int checkpoint(int mode) {
        auto const code = sqlite3_wal_checkpoint_v2(connection, "main", mode, nullptr, nullptr);
        if (code == SQLITE_OK) wal_pages = 0;
        return code;
    }

    std::string path;
    sqlite3* connection = nullptr;
    std::map<std::string, Cached, std::less<>> cache;
    int wal_pages = 0;  ///< After the last commit.
};

namespace {

int remember_wal_pages(void* pages, sqlite3*, char const*, int count) {
    *static_cast<int*>(pages) = count;
    return SQLITE_OK;
}

/// "name = value", then read back: SQLite ignores what it does not know or cannot do.
template <std::size_t n>
void set_pragmas(Database& database, std::array<Pragma, n> const& pragmas) {
    for (auto const& pragma : pragmas) {
        database.execute_script("PRAGMA " + std::string(pragma.name) + " = " + std::string(pragma.set));
        auto const value = database.pragma(pragma.name);
        if (value == pragma.expected) continue;
        throw Failure(ErrorCode::internal, "open the database " + database.path() + ": pragma " +
                                               std::string(pragma.name) + " is \"" + value +
                                               "\" in place of \"" + std::string(pragma.expected) + "\"");
    }
}

/// Claims an empty file; refuses the database of another program before anything is changed in it.
void check_owner(Database& database) {
    auto const application = database.pragma("application_id");
    if (application == std::to_string(our_application_id)) return;
    if (application != "0" || database.find_integer("SELECT count(*) FROM sqlite_schema") != 0) {
        fail_corrupt(database.path(), "it belongs to another program; point the state directory elsewhere");
    }
    database.execute_script("PRAGMA application_id = " + std::to_string(our_application_id));
}

void check_content(Database& database) {
    auto const pages = database.find_integer("SELECT page_count FROM pragma_page_count()").value_or(0);
    auto const page_bytes = database.find_integer("SELECT page_size FROM pragma_page_size()").value_or(0);
    if (pages * page_bytes > Database::checked_bytes_max) return;
    auto const found = database.pragma("quick_check(1)");
    if (found == "ok") return;
    fail_corrupt(database.path(),
                 "it is damaged (" + found + ")" + way_out(ErrorCode::store_corrupt, SQLITE_CORRUPT));
}

/// The file or folder is on disk under its name.
void sync_entry(std::string const& path, int flags) {
    auto const entry = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags);
    if (entry < 0) fail_system(path, errno);
    auto const synced = ::fsync(entry);
    auto const error = errno;
    ::close(entry);
    if (synced != 0) fail_system(path, error);
}

}  // namespace

Database::Database(std::string path, OpenOptions const& options)
    : impl_(std::make_unique<Impl>(std::move(path))) {
    // Nobody reads SQLite's account of its memory, which costs a lock at every allocation. Refused once
    // SQLite is in use, which does no harm.
    static auto const without_memory_account = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)without_memory_account;
    prepare_file(impl_->path);
    auto const flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    auto const* const vfs = options.vfs.empty() ? nullptr : options.vfs.c_str();
    auto const opened = sqlite3_open_v2(impl_->path.c_str(), &impl_->connection, flags, vfs);
    if (opened != SQLITE_OK) fail(impl_->connection, impl_->path, opened);
    auto* const connection = impl_->connection;
    sqlite3_extended_result_codes(connection, 1);
    impl_->check(sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr));
    impl_->check(sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DML, 0, nullptr));
    impl_->check(sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr));
    if (sqlite3_db_readonly(connection, "main") != 0) fail_system(impl_->path, EACCES);
    set_pragmas(*this, opening_pragmas);
    check_owner(*this);
    set_pragmas(*this, working_pragmas);
    impl_->check_schema();
    check_content(*this);
    sqlite3_wal_hook(connection, remember_wal_pages, &impl_->wal_pages);
    auto const emptied = impl_->checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
    // On a full disk the WAL holds everything, and jobs can be shown until there is room again.
    if (error_code_of(emptied, last_errno(connection)) != ErrorCode::store_full) impl_->check(emptied);
}

Database::~Database() = default;

std::string const& Database::path() const {
    return impl_->path;
}

Statement Database::prepare(std::string_view sql) {
    auto found = impl_->cache.find(sql);
    if (found == impl_->cache.end()) {
        auto* const statement = impl_->compile(sql, SQLITE_PREPARE_PERSISTENT);
        found = impl_->cache.emplace(sql, Impl::Cached{statement, false}).first;
    }
    auto& cached = found->second;
    // In use further up the stack: a copy that lives for this one use.
    if (cached.lent) return Statement(impl_->connection, impl_->compile(sql, 0), impl_->path, nullptr);
    return Statement(impl_->connection, cached.statement, impl_->path, &cached.lent);
}

void Database::execute_script(std::string_view sql) {
    auto const text = std::string(sql);
    impl_->check(sqlite3_exec(impl_->connection, text.c_str(), nullptr, nullptr, nullptr));
}

std::string Database::pragma(std::string_view name) {
    auto* const compiled = impl_->compile("PRAGMA " + std::string(name), 0);
    Statement statement(impl_->connection, compiled, impl_->path, nullptr);
    return statement.step() ? statement.text(0) : std::string();
}

std::int64_t Database::last_insert_id() const {
    return sqlite3_last_insert_rowid(impl_->connection);
}

std::int64_t Database::changes() const {
    return sqlite3_changes64(impl_->connection);
}

bool Database::in_transaction() const {
    return sqlite3_get_autocommit(impl_->connection) == 0;
}

void Database::rollback_quietly(char const* sql) noexcept {
    if (in_transaction()) (void)sqlite3_exec(impl_->connection, sql, nullptr, nullptr, nullptr);
}

void Database::copy_to(std::string const& path) {
    auto const unfinished = path + ".unfinished";
    // Left by a process that died while it copied; where there is none, there is nothing to do.
    (void)::unlink(unfinished.c_str());
    create_file(unfinished);
    execute("VACUUM INTO ?1", unfinished);
    sync_entry(unfinished, 0);
    if (::rename(unfinished.c_str(), path.c_str()) != 0) fail_system(path, errno);
    sync_entry(folder_of(path), O_DIRECTORY);
}

void Database::checkpoint_if_large() {
    if (impl_->wal_pages >= wal_pages_max) impl_->check(impl_->checkpoint(SQLITE_CHECKPOINT_PASSIVE));
}

void Database::checkpoint_and_truncate() {
    impl_->check(impl_->checkpoint(SQLITE_CHECKPOINT_TRUNCATE));
}

Transaction::Transaction(Database& database) : database_(database) {
    database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
    if (open_) database_.rollback_quietly("ROLLBACK");
}

void Transaction::commit() {
    database_.execute("COMMIT");
    open_ = false;
}

Savepoint::Savepoint(Database& database) : database_(database) {
    database_.execute("SAVEPOINT piece");
}

Savepoint::~Savepoint() {
    if (open_) database_.rollback_quietly("ROLLBACK TO piece; RELEASE piece");
}

void Savepoint::release() {
    database_.execute("RELEASE piece");
    open_ = false;
}

}  // namespace imapcopy::store
