#pragma once

// FolderWork: all that one pass knows of one folder, and the state that the halves of a lane share.

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "daemon/copy/appended_flags.hpp"
#include "daemon/copy/bounds.hpp"
#include "daemon/copy/deadly_messages.hpp"
#include "daemon/copy/journal.hpp"
#include "daemon/copy/labels.hpp"
#include "daemon/copy/mailbox_map.hpp"
#include "daemon/copy/pass.hpp"
#include "daemon/copy/plan.hpp"
#include "daemon/copy/reduction.hpp"

namespace imapcopy::copy {

struct ListedWindow {
    UidRange window;
    std::vector<MessageMeta> messages;
};

/// What copying costs, in bytes: a message costs something beside its own.
constexpr std::uint64_t work_of(std::uint64_t messages, std::uint64_t bytes) {
    return bytes + messages * 8 * 1024;
}

struct FolderWork {
    MappedFolder mapped;
    FolderRecord record;
    MailboxStatus source;  ///< As the view found it; what is newer belongs to the next pass.
    /// The destination before this pass's first append: UIDVALIDITY, and the base for intents.
    MailboxStatus destination;
    /// The destination behind the last append of a lane that copied of the folder. Where another one goes on,
    /// the next pass looks at more than it must.
    std::optional<MailboxStatus> destination_after;
    imap::PermanentFlags permanent_flags;
    bool unchanged = false;  ///< Equal to the last complete pass: not opened at all.
    bool complete = true;    ///< Every message is dealt with so far.
    bool has_unknown_uids = false;
    std::optional<ListedWindow> listed_ahead;  ///< Its first, listed while folders were created.
    std::deque<UidRange> windows;              ///< Of UIDs that no lane has listed yet.
    bool shared = false;                       ///< Any lane may take of them.
    /// To be copied, and nobody has asked for them yet; what is together may be asked for together.
    std::deque<std::vector<MessageMeta>> planned;
    std::size_t planned_messages = 0;          ///< In all of them.
    std::uint64_t planned_bytes = 0;           ///< The same.
    std::uint64_t listed_messages = 0;         ///< In windows that are planned.
    std::uint64_t hidden_reports = 0;          ///< Of ours, listed there, and not planned.
    std::uint32_t planners = 0;                ///< Lanes that list and plan it.
    std::uint32_t lanes = 0;                   ///< That are at work on it, planners and others.
    bool begun = false;                        ///< A body of it has come.
    bool counted = false;                      ///< In Progress::folders_done.
    std::optional<TimePoint> recreated;  ///< When it had vanished under us; a second time it is given up.
    bool given_up = false;
    std::set<Uid> doubtful;         ///< Copied although the destination may hold them; rare.
    std::uint64_t probed = 0;       ///< Dealt with by probe() and not met by a plan yet.
    std::uint64_t refused_now = 0;  ///< Messages that this try recorded as refused.
    std::uint64_t lost = 0;         ///< Messages that were counted as copied, and have been lost.
    FolderResult result;
};

/// Messages to be appended together, because a larger batch with them was refused; a single one perhaps
/// without what the destination may have refused it for.
struct RetryGroup {
    FolderWork* folder = nullptr;
    std::vector<MessageMeta> messages;
    Reduction reduction;
};

class LanePace;

/// The running totals of one pass, and who is told of them.
class PassState {
 public:
    explicit PassState(Observer& observer) : observer_(observer) {}

    std::vector<std::unique_ptr<FolderWork>> folders;  ///< Addresses stay valid.
    std::vector<RetryGroup> retries;                   ///< Of lanes that have ended.
    std::vector<Exception> exceptions;                 ///< At most exceptions_max.
    std::uint64_t exceptions_unlisted = 0;             ///< Those beyond.
    FoundFolders found;                                ///< By this pass, in whichever try.
    DeadlyMessages deadly;                             ///< The same.
    /// Source messages that it has stored at a destination without UIDPLUS, the same.
    std::map<FolderId, UidSet> stored_unnamed;
    Progress progress;
    std::uint64_t copies_found = 0;  ///< Of earlier tries, by settle().
    std::uint64_t messages_copied = 0;
    std::uint64_t bytes_copied = 0;
    bool changed = false;
    bool ending = false;       ///< A lane has failed: the others end between two messages.
    LabelFolders labels;       ///< Of the source.
    std::set<Digest> reports;  ///< Fingerprints of completion mails: never copied, never matched.
    /// Whether APPEND's flags stay at this destination; where it names the UIDs of copies.
    FlagKeeping flag_keeping = FlagKeeping::untold;
    Duration slowest_append{};  ///< How long this destination has taken at most; for settle.
    /// Called whenever copies were recorded.
    std::function<void()> on_stored = [] {};
    std::vector<LanePace const*> paces;  ///< Of the lanes at work; each keeps itself here.
    Spending spent_by_ended_lanes;
    Bounds bounds;
    LaneSupply lane_supply = LaneSupply::enough;  ///< For as long as a folder waits for its lane.
    std::uint32_t lanes_held = 1;  ///< That the observer keeps for the pass, now; also for its later tries.

    /// Messages that the lanes together still have before them; about, since what is given up stays counted.
    std::uint64_t messages_left() const {
        auto const over = progress.messages_done + progress.messages_skipped;
        return progress.messages_total - std::min(over, progress.messages_total);
    }
    /// Tells the observer.
    void report() { observer_.progress(progress); }
    void report(Phase phase) { observer_.phase(phase); }
    void report(Bounds::Verdict const& verdict) {
        progress.bound = verdict.bound;
        observer_.bound_by(verdict.bound, verdict.span);
        report();
    }
    void report_refused_lane(Error const& error) {
        lane_supply = LaneSupply::too_few;
        drop_lane();
        observer_.lane_refused(error);
    }
    bool take_lane() {
        bool const taken = observer_.take_lane();
        lanes_held += taken ? 1 : 0;
        return taken;
    }
    void give_lane_back() {
        drop_lane();
        observer_.give_lane_back();
    }
    /// A lane is through with the folder. Retries, which come back to it, count no more.
    void leave_folder(FolderWork& folder) {
        bool const last = folder.lanes == 0 || --folder.lanes == 0;
        if (last && !std::exchange(folder.counted, true)) ++progress.folders_done;
        report();
    }
    /// By this try or an earlier one; Totals takes them off what was copied.
    void count_lost(FolderWork& folder, std::uint64_t messages) {
        folder.lost = messages;
        progress.messages_done -= std::min(messages, progress.messages_done);
        progress.messages_skipped += messages;
    }
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
    void drop_lane() { lanes_held -= lanes_held > 1 ? 1 : 0; }

    Observer& observer_;
};

}  // namespace imapcopy::copy
