#pragma once

// FaultyVfs: SQLite's layer over the file system with faults on order. It counts the steps that change a file
// (write, truncate, sync, delete) and lets one of them go wrong.

#include <cstdint>
#include <memory>
#include <string>

namespace imapcopy::test {

class FaultyVfs {
 public:
    enum class Fault : std::uint8_t {
        disk_full,  ///< This step and all later ones find no room, until mend().
        io_error,   ///< This step alone fails.
        /// The machine stops: this step does not happen, every later call fails until mend(). Of what was
        /// written since a file's last sync, nothing is left.
        crash,
        /// As crash; of what was not synced, some is left: whole writes, and halves of others.
        torn_crash,
    };

    /// Registers itself with SQLite under `name`, to be given as store::OpenOptions::vfs.
    explicit FaultyVfs(std::string name);
    /// No database that uses it is open any more.
    ~FaultyVfs();
    FaultyVfs(FaultyVfs const&) = delete;
    FaultyVfs& operator=(FaultyVfs const&) = delete;

    std::string const& name() const;
    /// Steps so far.
    std::size_t steps() const;
    /// The `step`-th step from now goes wrong.
    void fail_at(std::size_t step, Fault fault);
    void mend();
    /// Whether the fault has struck.
    bool struck() const;

 private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace imapcopy::test
