#pragma once

// Journal: what must survive a crash. An interface; store/ledger implements it, tests/support has one that
// dies at step k. It belongs to one pair of accounts (copy-engine: the ledger outlives jobs).

#include <string>
#include <vector>

#include "common/strong.hpp"
#include "common/task.hpp"
#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// A source folder and the destination folder it is copied into, as the journal knows them.
using FolderId = Tagged<std::int64_t, struct FolderIdTag>;

struct FolderKey {
    MailboxName source;
    MailboxName destination;
};

/// What the journal remembers of a folder.
struct FolderRecord {
    FolderId id;
    UidValidity source_uid_validity;       ///< Of the entries; 0: none yet.
    UidValidity destination_uid_validity;  ///< 0: none yet.
    /// Status of both sides after the last complete pass; equal again means nothing to do. Empty: no complete
    /// pass.
    std::optional<MailboxStatus> source_complete;
    std::optional<MailboxStatus> destination_complete;
};

/// Announces that a message is about to be appended. One per message, durable before its last byte is sent.
struct Intent {
    Uid source_uid;
    Identity identity;
    std::uint64_t size_bytes = 0;
    InternalDate internal_date;
    Flags flags;
    Flags unkept_flags;  ///< That the message has, and the destination folder does not keep.
    UidValidity destination_uid_validity;
    Uid base_uid_next;  ///< A retry keeps the base of its first attempt: the journal ignores a newer one.
    /// What a report will have to say of the copy, should it be found; as in Outcome.
    std::string code;
    std::string text;
};

/// How it ended.
struct Outcome {
    Uid source_uid;
    MessageState state = MessageState::done;
    Uid destination_uid;                   ///< 0: unknown.
    UidValidity destination_uid_validity;  ///< 0: unknown.
    Identity identity;                     ///< Of `adopted`, where there was no intent; else ignored.
    std::uint64_t size_bytes = 0;          ///< As identity.
    Flags flags;                           ///< As identity.
    /// Error name of `refused`, or of what `done` did not keep; empty: there is nothing to report.
    std::string code;
    std::string text;  ///< One sentence; the server's words escaped.
};

/// What every report says of a folder as a whole, whatever pass it happened in.
struct UnkeptFlags {
    Flags flags;                 ///< That copied messages had and the destination folder does not keep.
    std::uint64_t messages = 0;  ///< How many had any of them.
};

/// A call of Journal::exceptions gives no more: there may be one for each message.
inline constexpr std::size_t exceptions_per_call = 1000;

/// All Tasks throw Failure(store_full | store_corrupt | internal); then the attempt is over.
class Journal {
 public:
    virtual ~Journal() = default;

    /// The folder's record, created if it is new.
    virtual Task<FolderRecord> folder(FolderKey key) = 0;
    /// Starts a new epoch: entries of the old source UIDVALIDITY are kept as `inherit` candidates only.
    virtual Task<> set_source_epoch(FolderId folder, UidValidity uid_validity) = 0;
    /// The destination's UIDs are void: every done and adopted entry loses its destination UID.
    virtual Task<> set_destination_epoch(FolderId folder, UidValidity uid_validity) = 0;
    /// Both sides were wholly dealt with in this state.
    virtual Task<> set_complete(FolderId folder, MailboxStatus source, MailboxStatus destination) = 0;

    /// Durable when it returns (group commit). Creates or renews the entries with state `intent`.
    virtual Task<> begin(FolderId folder, std::vector<Intent> intents) = 0;
    /// Records outcomes; durable when it returns. A destination UID that another message has claimed is
    /// refused with Failure(internal) and nothing of the call is recorded.
    virtual Task<> finish(FolderId folder, std::vector<Outcome> outcomes) = 0;

    /// What the entries of these source UIDs remember as set at the destination.
    virtual Task<> set_flags(FolderId folder, std::vector<std::pair<Uid, Flags>> flags) = 0;

    /// Entries of the current source epoch in a window of UIDs, ascending.
    virtual Task<LedgerView> entries(FolderId folder, UidRange range) = 0;
    /// Entries whose outcome is unknown: intent or ambiguous. For settle. A done entry whose copy was lost
    /// becomes ambiguous again.
    virtual Task<LedgerView> open_entries(FolderId folder) = 0;
    /// Every `done` entry whose destination UID is unknown. For the listing at the end of a folder.
    virtual Task<LedgerView> entries_without_uid(FolderId folder) = 0;
    /// What every report says of messages, whatever pass it happened in: entries of the current source epoch
    /// that are refused, or copied and yet with a code. Ascending, those behind `after`, the first
    /// exceptions_per_call of them.
    virtual Task<LedgerView> exceptions(FolderId folder, Uid after) = 0;
    /// Of the current source epoch.
    virtual Task<UnkeptFlags> unkept_flags(FolderId folder) = 0;
    /// Every entry of older source epochs whose destination message is still claimed, so that a new epoch
    /// inherits.
    virtual Task<LedgerView> inheritable(FolderId folder) = 0;
    /// Moves such an entry, found by its old UID, under a UID of the current epoch.
    virtual Task<> inherit(FolderId folder, std::vector<std::pair<Uid, Uid>> old_to_new) = 0;
    /// All destination UIDs in this destination folder that some source message has claimed, of whatever
    /// source.
    virtual Task<UidSet> claimed(MailboxName destination, UidValidity uid_validity) = 0;
    /// Folders that have open entries, for settle at the start of an attempt.
    virtual Task<std::vector<std::pair<FolderKey, FolderRecord>>> folders_with_open_entries() = 0;
    /// True for a UID of the destination's INBOX (or of the source's) that is a completion mail of ours:
    /// fingerprints of all reports, excluded from plan and verify.
    virtual Task<std::vector<Digest>> report_fingerprints() = 0;
};

}  // namespace imapcopy::copy
