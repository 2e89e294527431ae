#include "daemon/jobs/empty_journal.hpp"

#include <utility>
#include <vector>

namespace imapcopy::jobs {
namespace {

class EmptyJournal final : public copy::Journal {
 public:
    Task<copy::FolderRecord> folder(copy::FolderKey) override { co_return copy::FolderRecord{}; }
    Task<> set_source_epoch(copy::FolderId, copy::UidValidity) override { co_return; }
    Task<> set_destination_epoch(copy::FolderId, copy::UidValidity) override { co_return; }
    Task<> set_complete(copy::FolderId, copy::MailboxStatus, copy::MailboxStatus) override { co_return; }
    Task<> begin(copy::FolderId, std::vector<copy::Intent>) override { co_return; }
    Task<> finish(copy::FolderId, std::vector<copy::Outcome>) override { co_return; }
    Task<> set_flags(copy::FolderId, std::vector<std::pair<copy::Uid, copy::Flags>>) override { co_return; }
    Task<copy::LedgerView> exceptions(copy::FolderId, copy::Uid) override { co_return copy::LedgerView{}; }
    Task<copy::UnkeptFlags> unkept_flags(copy::FolderId) override { co_return copy::UnkeptFlags{}; }
    Task<copy::LedgerView> entries(copy::FolderId, copy::UidRange) override { co_return copy::LedgerView{}; }
    Task<copy::LedgerView> open_entries(copy::FolderId) override { co_return copy::LedgerView{}; }
    Task<copy::LedgerView> entries_without_uid(copy::FolderId) override { co_return copy::LedgerView{}; }
    Task<copy::LedgerView> inheritable(copy::FolderId) override { co_return copy::LedgerView{}; }
    Task<> inherit(copy::FolderId, std::vector<std::pair<copy::Uid, copy::Uid>>) override { co_return; }
    Task<copy::UidSet> claimed(copy::MailboxName, copy::UidValidity) override { co_return copy::UidSet{}; }
    Task<std::vector<std::pair<copy::FolderKey, copy::FolderRecord>>> folders_with_open_entries() override {
        co_return std::vector<std::pair<copy::FolderKey, copy::FolderRecord>>{};
    }
    Task<std::vector<copy::Digest>> report_fingerprints() override { co_return std::vector<copy::Digest>{}; }
};

}  // namespace

std::unique_ptr<copy::Journal> make_empty_journal() {
    return std::make_unique<EmptyJournal>();
}

}  // namespace imapcopy::jobs
