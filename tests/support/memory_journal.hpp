#pragma once

// A Journal in memory that dies at step k: before or after the k-th write has become durable.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/result.hpp"
#include "daemon/copy/journal.hpp"

namespace imapcopy::test {

using namespace imapcopy::copy;

class MemoryJournal final : public Journal {
 public:
    enum class Death : std::uint8_t {
        before,
        after,
        full,  ///< Not a death: this one write fails with store_full and leaves nothing.
    };
    /// The `step`-th write from now dies; every later call dies too, until revive().
    void die_at(std::size_t step, Death death) {
        die_at_ = writes_ + step;
        death_ = death;
    }
    void revive() {
        dead_ = false;
        die_at_ = 0;
    }
    /// Every call dies, until revive().
    void die() { dead_ = true; }
    /// Called at the moment of a death by die_at(), after what it leaves behind is in place.
    std::function<void()> on_death;
    std::size_t writes() const { return writes_; }
    /// Source folder (UTF-8) and UID of every message that the destination did not take.
    std::vector<std::pair<std::string, Uid>> refused() const;
    /// The same for every message that a report names: refused, or copied and yet with a remark.
    std::vector<std::pair<std::string, Uid>> listed() const;
    /// Messages whose fate is unknown.
    std::size_t open_count() const;
    std::vector<Digest> reports;
    /// The journal of another source that is copied to the same destination account: they share claims.
    MemoryJournal another_source() const {
        MemoryJournal other;
        other.folders_ = folders_;
        other.source_number_ = source_number_ + 1;
        return other;
    }

    Task<FolderRecord> folder(FolderKey key) override;
    Task<> set_source_epoch(FolderId folder, UidValidity uid_validity) override;
    Task<> set_destination_epoch(FolderId folder, UidValidity uid_validity) override;
    Task<> set_complete(FolderId folder, MailboxStatus source, MailboxStatus destination) override;
    Task<> begin(FolderId folder, std::vector<Intent> intents) override;
    Task<> finish(FolderId folder, std::vector<Outcome> outcomes) override;
    Task<> set_flags(FolderId folder, std::vector<std::pair<Uid, Flags>> flags) override;
    Task<LedgerView> entries(FolderId folder, UidRange range) override;
    Task<LedgerView> open_entries(FolderId folder) override;
    Task<LedgerView> entries_without_uid(FolderId folder) override;
    Task<LedgerView> exceptions(FolderId folder, Uid after) override;
    Task<UnkeptFlags> unkept_flags(FolderId folder) override;
    Task<LedgerView> inheritable(FolderId folder) override;
    Task<> inherit(FolderId folder, std::vector<std::pair<Uid, Uid>> old_to_new) override;
    Task<UidSet> claimed(MailboxName destination, UidValidity uid_validity) override;
    Task<std::vector<std::pair<FolderKey, FolderRecord>>> folders_with_open_entries() override;
    Task<std::vector<Digest>> report_fingerprints() override;

 private:
    struct Folder {
        std::uint32_t source_number = 0;
        FolderKey key;
        FolderRecord record;
        std::map<Uid, LedgerEntry> entries;
        std::map<Uid, LedgerEntry> old_entries;
    };
    /// Runs `change` as one durable write.
    template <class Change>
    Task<> write(Change change);
    template <class Change>
    Task<> write_folder(FolderId folder, Change change);
    Task<> read();
    Folder& at(FolderId id) { return folders_->at(id.value()); }
    void check_claim(FolderId id, Folder const& ours, LedgerEntry const& claimant);
    template <class Predicate>
    LedgerView select(FolderId folder, Predicate predicate);

    /// Of all sources of the destination account.
    std::shared_ptr<std::map<std::int64_t, Folder>> folders_ =
        std::make_shared<std::map<std::int64_t, Folder>>();
    std::uint32_t source_number_ = 0;
    std::size_t writes_ = 0;
    std::size_t die_at_ = 0;
    Death death_ = Death::before;
    bool dead_ = false;
};

}  // namespace imapcopy::test
