#include "tests/support/faulty_vfs.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <new>
#include <random>
#include <ranges>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

namespace imapcopy::test {
namespace {

/// A write or a truncation since the file's last sync: enough to take it back, and to do it again.
struct Change {
    sqlite3_int64 offset = 0;
    std::string before;
    std::string after;
    sqlite3_int64 size_before = 0;
};

struct State;

/// What SQLite holds for an open file; the real one's lies behind it.
struct File {
    sqlite3_file base;
    State* state;
    sqlite3_file* real;
    std::vector<Change>* changes;
};

/// What all callbacks share. The database's thread calls them, the test gives orders.
struct State {
    std::mutex mutex;
    sqlite3_vfs* real = nullptr;
    std::size_t steps = 0;
    std::size_t fail_at = 0;  ///< 0: never.
    FaultyVfs::Fault fault = FaultyVfs::Fault::disk_full;
    bool struck = false;
    int error = 0;  ///< errno of the last fault.
    std::set<File*> open;
    std::minstd_rand random{1};

    bool dead() const {
        return struck && (fault == FaultyVfs::Fault::crash || fault == FaultyVfs::Fault::torn_crash);
    }
};

File& file_of(sqlite3_file* file) {
    return *reinterpret_cast<File*>(file);
}

sqlite3_int64 size_of(File& file) {
    sqlite3_int64 size = 0;
    file.real->pMethods->xFileSize(file.real, &size);
    return size;
}

void put(File& file, sqlite3_int64 offset, std::string_view bytes) {
    if (bytes.empty()) return;
    file.real->pMethods->xWrite(file.real, bytes.data(), static_cast<int>(bytes.size()), offset);
}

void take_back(File& file) {
    for (auto const& change : *file.changes | std::views::reverse) {
        put(file, change.offset, change.before);
        file.real->pMethods->xTruncate(file.real, change.size_before);
    }
}

/// The page cache writes in any order and stops anywhere.
void do_some_again(File& file, std::minstd_rand& random) {
    for (auto const& change : *file.changes) {
        auto const luck = random() % 3;
        auto const bytes = std::string_view(change.after);
        if (luck == 0) put(file, change.offset, bytes);
        if (luck == 1) put(file, change.offset, bytes.substr(0, bytes.size() / 2));
    }
}

void crash(State& state) {
    for (auto* const file : state.open) {
        take_back(*file);
        if (state.fault == FaultyVfs::Fault::torn_crash) do_some_again(*file, state.random);
        file->changes->clear();
    }
}

/// Counts a step. The code with which it fails, or SQLITE_OK; `io_error` is the one of this kind of step.
int step(State& state, int io_error) {
    using Fault = FaultyVfs::Fault;
    ++state.steps;
    bool const now = state.steps == state.fail_at;
    if (state.dead()) return SQLITE_IOERR;
    if (!now && !(state.struck && state.fault == Fault::disk_full)) return SQLITE_OK;
    state.struck = true;
    if (state.fault == Fault::disk_full) {
        state.error = ENOSPC;
        return io_error == SQLITE_IOERR_WRITE ? SQLITE_FULL : io_error;
    }
    state.error = EIO;
    if (state.dead()) crash(state);
    return io_error;
}

int on_close(sqlite3_file* base) {
    auto& file = file_of(base);
    std::lock_guard const lock(file.state->mutex);
    file.state->open.erase(&file);
    delete file.changes;
    return file.real->pMethods->xClose(file.real);
}

int on_read(sqlite3_file* base, void* bytes, int count, sqlite3_int64 offset) {
    auto& file = file_of(base);
    std::lock_guard const lock(file.state->mutex);
    if (file.state->dead()) return SQLITE_IOERR_READ;
    return file.real->pMethods->xRead(file.real, bytes, count, offset);
}

int on_write(sqlite3_file* base, void const* bytes, int count, sqlite3_int64 offset) {
    auto& file = file_of(base);
    std::lock_guard const lock(file.state->mutex);
    if (auto const code = step(*file.state, SQLITE_IOERR_WRITE); code != SQLITE_OK) return code;
    Change change{offset,
                  {},
                  std::string(static_cast<char const*>(bytes), static_cast<std::size_t>(count)),
                  size_of(file)};
    auto const old = std::clamp<sqlite3_int64>(change.size_before - offset, 0, count);
    change.before.resize(static_cast<std::size_t>(old));
    if (old > 0) {
        file.real->pMethods->xRead(file.real, change.before.data(), static_cast<int>(old), offset);
    }
    file.changes->push_back(std::move(change));
    return file.real->pMethods->xWrite(file.real, bytes, count, offset);
}

int on_truncate(sqlite3_file* base, sqlite3_int64 size) {
    auto& file = file_of(base);
    std::lock_guard const lock(file.state->mutex);
    if (auto const code = step(*file.state, SQLITE_IOERR_TRUNCATE); code != SQLITE_OK) return code;
    Change change{size, {}, {}, size_of(file)};
    auto const cut = std::max<sqlite3_int64>(change.size_before - size, 0);
    change.before.resize(static_cast<std::size_t>(cut));
    if (cut > 0) file.real->pMethods->xRead(file.real, change.before.data(), static_cast<int>(cut), size);
    file.changes->push_back(std::move(change));
    return file.real->pMethods->xTruncate(file.real, size);
}

/// The disk itself is not asked: only this program's crashes count, and those happen here.
int on_sync(sqlite3_file* base, int) {
    auto& file = file_of(base);
    std::lock_guard const lock(file.state->mutex);
    if (auto const code = step(*file.state, SQLITE_IOERR_FSYNC); code != SQLITE_OK) return code;
    file.changes->clear();
    return SQLITE_OK;
}

int on_file_size(sqlite3_file* base, sqlite3_int64* size) {
    auto& file = file_of(base);
    return file.real->pMethods->xFileSize(file.real, size);
}

int on_lock(sqlite3_file* base, int level) {
    auto& file = file_of(base);
    return file.real->pMethods->xLock(file.real, level);
}

int on_unlock(sqlite3_file* base, int level) {
    auto& file = file_of(base);
    return file.real->pMethods->xUnlock(file.real, level);
}

int on_check_lock(sqlite3_file* base, int* result) {
    auto& file = file_of(base);
    return file.real->pMethods->xCheckReservedLock(file.real, result);
}

int on_control(sqlite3_file* base, int what, void* argument) {
    auto& file = file_of(base);
    std::lock_guard const lock(file.state->mutex);
    if (what == SQLITE_FCNTL_LAST_ERRNO && file.state->struck) {
        *static_cast<int*>(argument) = file.state->error;
        return SQLITE_OK;
    }
    return file.real->pMethods->xFileControl(file.real, what, argument);
}

int on_sector_size(sqlite3_file* base) {
    auto& file = file_of(base);
    return file.real->pMethods->xSectorSize(file.real);
}

int on_characteristics(sqlite3_file* base) {
    auto& file = file_of(base);
    return file.real->pMethods->xDeviceCharacteristics(file.real);
}

/// Version 1: without shared memory, which a database in exclusive mode does not use.
sqlite3_io_methods methods() {
    sqlite3_io_methods table{};
    table.iVersion = 1;
    table.xClose = on_close;
    table.xRead = on_read;
    table.xWrite = on_write;
    table.xTruncate = on_truncate;
    table.xSync = on_sync;
    table.xFileSize = on_file_size;
    table.xLock = on_lock;
    table.xUnlock = on_unlock;
    table.xCheckReservedLock = on_check_lock;
    table.xFileControl = on_control;
    table.xSectorSize = on_sector_size;
    table.xDeviceCharacteristics = on_characteristics;
    return table;
}

sqlite3_io_methods const io_methods = methods();

State& state_of(sqlite3_vfs* vfs) {
    return *static_cast<State*>(vfs->pAppData);
}

int on_open(sqlite3_vfs* vfs, char const* path, sqlite3_file* base, int flags, int* flags_out) {
    auto& state = state_of(vfs);
    std::lock_guard const lock(state.mutex);
    auto* const file = new (base) File{};
    file->state = &state;
    file->real = reinterpret_cast<sqlite3_file*>(file + 1);
    // Without methods SQLite does not close what could not be opened.
    if (state.dead()) return SQLITE_CANTOPEN;
    auto const code = state.real->xOpen(state.real, path, file->real, flags, flags_out);
    if (code != SQLITE_OK) return code;
    file->base.pMethods = &io_methods;
    file->changes = new std::vector<Change>;
    state.open.insert(file);
    return SQLITE_OK;
}

int on_delete(sqlite3_vfs* vfs, char const* path, int sync_folder) {
    auto& state = state_of(vfs);
    std::lock_guard const lock(state.mutex);
    if (auto const code = step(state, SQLITE_IOERR_DELETE); code != SQLITE_OK) return code;
    return state.real->xDelete(state.real, path, sync_folder);
}

}  // namespace

class FaultyVfs::Impl {
 public:
    explicit Impl(std::string text) : name(std::move(text)) {
        state.real = sqlite3_vfs_find(nullptr);
        vfs_ = *state.real;
        vfs_.zName = name.c_str();
        vfs_.pAppData = &state;
        vfs_.pNext = nullptr;
        vfs_.szOsFile = static_cast<int>(sizeof(File)) + state.real->szOsFile;
        vfs_.xOpen = on_open;
        vfs_.xDelete = on_delete;
        if (sqlite3_vfs_register(&vfs_, 0) != SQLITE_OK) throw std::runtime_error("register " + name);
    }
    ~Impl() { sqlite3_vfs_unregister(&vfs_); }
    Impl(Impl const&) = delete;
    Impl& operator=(Impl const&) = delete;

    std::string const name;
    State state;

 private:
    sqlite3_vfs vfs_{};
};

FaultyVfs::FaultyVfs(std::string name) : impl_(std::make_unique<Impl>(std::move(name))) {}

FaultyVfs::~FaultyVfs() = default;

std::string const& FaultyVfs::name() const {
    return impl_->name;
}

std::size_t FaultyVfs::steps() const {
    std::lock_guard const lock(impl_->state.mutex);
    return impl_->state.steps;
}

void FaultyVfs::fail_at(std::size_t step, Fault fault) {
    std::lock_guard const lock(impl_->state.mutex);
    impl_->state.fail_at = impl_->state.steps + step;
    impl_->state.fault = fault;
    impl_->state.struck = false;
}

void FaultyVfs::mend() {
    std::lock_guard const lock(impl_->state.mutex);
    impl_->state.fail_at = 0;
    impl_->state.struck = false;
}

bool FaultyVfs::struck() const {
    std::lock_guard const lock(impl_->state.mutex);
    return impl_->state.struck;
}

}  // namespace imapcopy::test
