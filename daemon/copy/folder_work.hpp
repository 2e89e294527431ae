#pragma once

// FolderWork: all that one pass knows of one folder, and the state that the halves of a lane share.

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "common/event.hpp"
#include "daemon/copy/appended_flags.hpp"
#include "daemon/copy/journal.hpp"
#include "daemon/copy/mailbox_map.hpp"
#include "daemon/copy/pass.hpp"
#include "daemon/copy/plan.hpp"
#include "daemon/copy/reduction.hpp"

namespace imapcopy::copy {

struct FolderWork {
    MappedFolder mapped;
    FolderRecord record;
    MailboxStatus source;  ///< As the view found it; what is newer belongs to the next pass.
    /// The destination before this pass's first append: UIDVALIDITY, and the base for intents.
    MailboxStatus destination;
    /// The destination behind the last append of the lane that copied the folder.
    std::optional<MailboxStatus> destination_after;
    imap::PermanentFlags permanent_flags;
    bool unchanged = false;  ///< Equal to the last complete pass: not opened at all.
    bool complete = true;    ///< Every message is dealt with so far.
    bool has_unknown_uids = false;
    bool begun = false;                  ///< A body of it has come.
    bool counted = false;                ///< In Progress::folders_done.
    std::optional<TimePoint> recreated;  ///< When it had vanished under us; a second time it is given up.
    bool given_up = false;
    std::set<Uid> doubtful;         ///< Copied although the destination may hold them; rare.
    std::uint64_t refused_now = 0;  ///< Messages that this try recorded as refused.
    FolderResult result;
};

/// Messages to be appended together, because a larger batch with them was refused; a single one perhaps
/// without what the destination may have refused it for.
struct RetryGroup {
    FolderWork* folder = nullptr;
    std::vector<MessageMeta> messages;
    Reduction reduction;
};

/// The folders that are still to be copied. Each is taken by one lane, which keeps the order within it.
class FolderQueue {
 public:
    /// `lanes` take from it.
    explicit FolderQueue(std::size_t lanes) : lanes_(lanes) {}

    /// Until then the lanes wait in opened().
    void open(std::vector<FolderWork*> folders) {
        folders_ = std::move(folders);
        opened_.set();
    }
    Task<> opened() { return opened_.wait(); }
    bool empty() const { return taken_ == folders_.size(); }
    /// The next one, or null.
    FolderWork* take() { return empty() ? nullptr : folders_[taken_++]; }
    /// How many folders a lane may plan ahead of the one that it copies. What it has planned no other lane
    /// can take, so there are fewer the nearer the end is.
    std::size_t ahead_max() const {
        constexpr std::size_t most = 8;
        if (lanes_ == 1) return most;
        return std::clamp<std::size_t>((folders_.size() - taken_) / (2 * lanes_), 1, most);
    }

 private:
    std::size_t lanes_;
    std::vector<FolderWork*> folders_;
    std::size_t taken_ = 0;
    Event opened_;
};

/// The running totals of one pass, and who is told of them.
class PassState {
 public:
    explicit PassState(Observer& observer) : observer_(observer) {}

    std::vector<std::unique_ptr<FolderWork>> folders;  ///< Addresses stay valid.
    std::vector<RetryGroup> retries;                   ///< Of lanes that have ended.
    std::vector<Exception> exceptions;                 ///< At most exceptions_max.
    std::uint64_t exceptions_unlisted = 0;             ///< Those beyond.
    FoundFolders found;                                ///< By this pass, in whichever try.
    Progress progress;
    std::uint64_t messages_copied = 0;
    std::uint64_t bytes_copied = 0;
    bool changed = false;
    bool ending = false;       ///< A lane has failed: the others end between two messages.
    std::set<Digest> reports;  ///< Fingerprints of completion mails: never copied, never matched.
    /// Whether APPEND's flags stay at this destination; where it names the UIDs of copies.
    FlagKeeping flag_keeping = FlagKeeping::untold;
    Duration slowest_append{};  ///< How long this destination has taken at most; for settle.

    /// Tells the observer.
    void report() { observer_.progress(progress); }
    void report(Phase phase) { observer_.phase(phase); }
    void report_refused_lane(Error const& error) { observer_.lane_refused(error); }
    /// A message that does not come over: counted. conclude() lists it from the journal.
    void count_refused(FolderWork& folder) {
        ++folder.refused_now;
        ++progress.messages_skipped;
    }
    void list(Exception exception) {
        if (exceptions.size() < exceptions_max) {
            exceptions.push_back(std::move(exception));
        } else {
            ++exceptions_unlisted;
        }
    }
    /// Lists a folder as a whole, or a message: one that is not stored, or what it did not keep.
    void add_note(FolderWork& folder, Uid uid, std::string code, std::uint64_t size_bytes, std::string text) {
        list({folder.mapped.path, uid, std::move(code), size_bytes, std::move(text)});
        ++folder.result.exceptions;
    }
    /// A message of which the journal knows nothing: listed and counted.
    void add_exception(FolderWork& folder, Uid uid, std::string code, std::uint64_t size_bytes,
                       std::string text) {
        add_note(folder, uid, std::move(code), size_bytes, std::move(text));
        if (uid.value() != 0) ++progress.messages_skipped;
    }

 private:
    Observer& observer_;
};

}  // namespace imapcopy::copy
