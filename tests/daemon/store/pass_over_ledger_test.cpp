// Whole passes between two mailboxes in memory, over the real ledger on a disk that fills up or a machine
// that stops, and over a ledger that was restored from a copy: nothing is lost and nothing is there twice.

#include <filesystem>
#include <functional>

#include "daemon/store/job_store.hpp"
#include "daemon/store/ledger.hpp"
#include "daemon/store/vault.hpp"
#include "tests/daemon/copy/pass_fixture.hpp"
#include "tests/support/await.hpp"
#include "tests/support/faulty_vfs.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::store {
namespace {

using Fault = test::FaultyVfs::Fault;
using copy::FolderId;
using copy::UidValidity;

/// Waits for each write of another journal, so that for the manual clock no time passes in the database.
class WaitingJournal final : public copy::Journal {
 public:
    using KeyedRecord = std::pair<copy::FolderKey, copy::FolderRecord>;

    WaitingJournal(boost::asio::io_context& loop, std::unique_ptr<copy::Journal> journal)
        : loop_(loop), journal_(std::move(journal)) {}

    /// Called before each write; the number is that of the writes so far.
    std::function<void(std::size_t)> before_write;

    Task<copy::FolderRecord> folder(copy::FolderKey key) override {
        write();
        co_return test::await(loop_, journal_->folder(std::move(key)));
    }
    Task<> set_source_epoch(FolderId folder, UidValidity uid_validity) override {
        write();
        test::await(loop_, journal_->set_source_epoch(folder, uid_validity));
        co_return;
    }
    Task<> set_destination_epoch(FolderId folder, UidValidity uid_validity) override {
        write();
        test::await(loop_, journal_->set_destination_epoch(folder, uid_validity));
        co_return;
    }
    Task<> set_complete(FolderId folder, copy::MailboxStatus source,
                        copy::MailboxStatus destination) override {
        write();
        test::await(loop_, journal_->set_complete(folder, source, destination));
        co_return;
    }
    Task<> begin(FolderId folder, std::vector<copy::Intent> intents) override {
        write();
        test::await(loop_, journal_->begin(folder, std::move(intents)));
        co_return;
    }
    Task<> finish(FolderId folder, std::vector<copy::Outcome> outcomes) override {
        write();
        test::await(loop_, journal_->finish(folder, std::move(outcomes)));
        co_return;
    }
    Task<> set_flags(FolderId folder, std::vector<std::pair<copy::Uid, copy::Flags>> flags) override {
        write();
        test::await(loop_, journal_->set_flags(folder, std::move(flags)));
        co_return;
    }
    Task<copy::LedgerView> exceptions(FolderId folder, copy::Uid after) override {
        co_return test::await(loop_, journal_->exceptions(folder, after));
    }
    Task<copy::UnkeptFlags> unkept_flags(FolderId folder) override {
        co_return test::await(loop_, journal_->unkept_flags(folder));
    }
    Task<copy::LedgerView> entries(FolderId folder, copy::UidRange range) override {
        co_return test::await(loop_, journal_->entries(folder, range));
    }
    Task<copy::LedgerView> open_entries(FolderId folder) override {
        co_return test::await(loop_, journal_->open_entries(folder));
    }
    Task<copy::LedgerView> entries_without_uid(FolderId folder) override {
        co_return test::await(loop_, journal_->entries_without_uid(folder));
    }
    Task<copy::LedgerView> inheritable(FolderId folder) override {
        co_return test::await(loop_, journal_->inheritable(folder));
    }
    Task<> inherit(FolderId folder, std::vector<std::pair<copy::Uid, copy::Uid>> old_to_new) override {
        write();
        test::await(loop_, journal_->inherit(folder, std::move(old_to_new)));
        co_return;
    }
    Task<copy::UidSet> claimed(copy::MailboxName destination, UidValidity uid_validity) override {
        co_return test::await(loop_, journal_->claimed(std::move(destination), uid_validity));
    }
    Task<std::vector<KeyedRecord>> folders_with_open_entries() override {
        co_return test::await(loop_, journal_->folders_with_open_entries());
    }
    Task<std::vector<copy::Digest>> report_fingerprints() override {
        co_return test::await(loop_, journal_->report_fingerprints());
    }

 private:
    void write() {
        if (before_write) before_write(writes_);
        ++writes_;
    }

    boost::asio::io_context& loop_;
    std::unique_ptr<copy::Journal> journal_;
    std::size_t writes_ = 0;
};

JobSpec spec() {
    JobSpec spec;
    spec.source.host = "old.example";
    spec.destination.host = "new.example";
    spec.source.login = spec.destination.login = "anna";
    return spec;
}

/// Two mailboxes to copy and the ledger of the pair, in a file.
class CopyOverLedger {
 public:
    explicit CopyOverLedger(std::string const& vfs) : vfs_(vfs) {
        test::fill(world);
        open();
        Vault vault(Secret(), world.random);
        JobStore jobs(*writer_, vault);
        pair_ = test::await(loop_, jobs.create(spec(), 0, {}, {}, WallTime{})).pair;
        open();
    }

    /// As after a restart of the daemon.
    void open() {
        close();
        writer_ = std::make_unique<Writer>(file_, loop_.get_executor(), OpenOptions{vfs_});
        journal = std::make_unique<WaitingJournal>(loop_, make_ledger(*writer_, pair_));
    }
    void close() {
        journal.reset();
        writer_.reset();
    }

    std::optional<Error> run() {
        auto pass = copy::run_pass({world.clock, world.random, world.log, world.stop}, world.connections,
                                   *journal, world.options, world.observer);
        return error_of(test::run_task(world.io, world.clock, std::move(pass)).exception);
    }

    void expect_exactly_once() {
        EXPECT_FALSE(run());
        EXPECT_EQ(world.destination.contents(), test::expected_contents(world));
        world.destination.log.clear();
        EXPECT_FALSE(run());
        EXPECT_EQ(world.destination.count_commands("append"), 0U) << "a second run copies again";
    }

    /// The database as somebody's backup would have it.
    void back_up() const {
        for (auto const* const end : {"", "-wal"}) {
            std::filesystem::copy_file(file_ + end, folder_.file("backup.db") + end,
                                       std::filesystem::copy_options::overwrite_existing);
        }
    }
    void restore() {
        close();
        for (auto const* const end : {"", "-wal"}) {
            std::filesystem::rename(folder_.file("backup.db") + end, file_ + end);
        }
        open();
    }

    test::World world;
    std::unique_ptr<WaitingJournal> journal;

 private:
    test::TemporaryFolder folder_;
    std::string const file_ = folder_.file("state.db");
    std::string const vfs_;
    boost::asio::io_context loop_;
    std::unique_ptr<Writer> writer_;
    PairId pair_;
};

/// Most steps are pages of the same transaction.
constexpr std::size_t stride = 3;

std::size_t steps_of_a_pass(test::FaultyVfs& vfs) {
    CopyOverLedger copy(vfs.name());
    auto const before = vfs.steps();
    EXPECT_FALSE(copy.run());
    return vfs.steps() - before;
}

/// Appends that were answered while nothing could be written are found again, not sent again.
TEST(PassOverLedger, GoesOnExactlyOnceWhenAFullDiskHasRoomAgain) {
    test::FaultyVfs vfs("faulty");
    auto const steps = steps_of_a_pass(vfs);
    ASSERT_GT(steps, 50U);
    for (std::size_t k = 1; k <= steps; k += stride) {
        SCOPED_TRACE("step " + std::to_string(k));
        CopyOverLedger copy(vfs.name());
        vfs.fail_at(k, Fault::disk_full);
        for (int attempt = 0; attempt < 2; ++attempt) {
            auto const error = copy.run();
            if (error) {
                EXPECT_EQ(error->code, ErrorCode::store_full) << error->message;
            }
        }
        vfs.mend();
        copy.expect_exactly_once();
    }
}

TEST(PassOverLedger, GoesOnExactlyOnceAfterTheMachineStopped) {
    test::FaultyVfs vfs("faulty");
    auto const steps = steps_of_a_pass(vfs);
    for (auto const fault : {Fault::crash, Fault::torn_crash}) {
        for (std::size_t k = 1; k <= steps; k += stride) {
            SCOPED_TRACE("step " + std::to_string(k));
            CopyOverLedger copy(vfs.name());
            vfs.fail_at(k, fault);
            auto const error = copy.run();
            if (error) {
                EXPECT_EQ(error->code, ErrorCode::store_corrupt) << error->message;
            }
            copy.close();
            vfs.mend();
            copy.open();
            copy.expect_exactly_once();
        }
    }
}

/// The ledger knows less than the destination holds.
TEST(PassOverLedger, CopiesExactlyOnceWithALedgerFromABackup) {
    test::FaultyVfs const vfs("faulty");
    bool backed_up = true;
    for (std::size_t k = 0; backed_up; ++k) {
        SCOPED_TRACE("backup before write " + std::to_string(k));
        CopyOverLedger copy(vfs.name());
        backed_up = false;
        copy.journal->before_write = [&](std::size_t write) {
            if (write != k) return;
            copy.back_up();
            backed_up = true;
        };
        EXPECT_FALSE(copy.run());
        if (!backed_up) break;
        copy.restore();
        copy.expect_exactly_once();
    }
}

}  // namespace
}  // namespace imapcopy::store
