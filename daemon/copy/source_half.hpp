#pragma once

// The reading half of a lane: lists, plans and fetches, window by window, and pushes bodies into the queue.

#include <deque>
#include <list>
#include <vector>

#include "common/event.hpp"
#include "common/task_group.hpp"
#include "daemon/copy/folder_fetch.hpp"
#include "daemon/copy/lane.hpp"

namespace imapcopy::copy {

class SourceHalf final {
 public:
    /// Both outlive the object.
    SourceHalf(LaneParts& parts, BodyQueue& queue) : parts_(parts), mouth_{queue} {
        mouth_.one_came = [this] { wake_planning(); };
    }
    SourceHalf(SourceHalf const&) = delete;
    SourceHalf& operator=(SourceHalf const&) = delete;

    Task<> read_folders(FolderQueue& folders);
    Task<> read_groups(std::vector<RetryGroup> groups);
    /// The stop signal ended it: it has thrown Failure(cancelled) or returned early.
    bool stopped() const { return stopped_; }

 private:
    /// A folder that is being planned, and what of it is to be fetched.
    struct Planning {
        FolderWork& folder;
        bool begins = false;  ///< Else another lane has begun the folder, and shares it.
        Nominees nominees = {};
        LedgerView heirs = {};  ///< Entries of the old epoch that nobody has inherited yet.
        std::deque<std::vector<MessageMeta>> windows = {};
        bool over = false;  ///< No more windows will come.
    };

    // Planning runs ahead of fetching, several folders side by side, so that its round trips cost no time.
    Task<> plan_folders(FolderQueue& folders);
    Task<> plan_beside(FolderQueue& folders, Planning& planning);
    /// True if this lane may have one more folder ahead of the one that it copies.
    bool may_take_further(FolderQueue const& folders) const;
    /// Where it waits for this lane to have less before it, and that has come.
    void wake_planning();
    Task<> plan_folder(FolderQueue& folders, Planning& planning);
    /// What comes before the first window; gives the first UID to list.
    Task<Uid> begin_folder(Planning& planning);
    /// Plans windows until none is left, for this lane at least. False: stopped.
    Task<bool> plan_windows(FolderQueue& folders, Planning& planning);
    /// What no window has listed: counted by the lane that is the last to plan.
    Task<> count_unlisted(FolderWork& folder);
    /// Takes out of `messages` what can only be asked for alone, and what cannot be asked for at all.
    void part_with_suspects(FolderWork& folder, std::vector<MessageMeta>& messages);
    Task<> plan_window_of(Planning& planning, UidRange window);
    bool has_room_for(Planning const& planning) const;
    /// Brings the flags of what an earlier complete pass has seen up to date: of UIDs below `first`.
    Task<> update_seen_flags(FolderWork& folder, Uid first);
    /// Repeats at the destination what changed at the source since the ledger's entries were written.
    Task<> update_flags(FolderWork& folder, std::vector<MessageMeta> const& listed, LedgerView const& ledger);
    Task<> add_planned(Planning& planning, std::vector<MessageMeta> messages);
    Task<> fetch_planned();
    Task<> start_fetches(TaskGroup& fetching);
    /// False: there was nothing to fetch.
    Task<bool> fetch_windows(Planning& planning, TaskGroup& fetching);
    /// Tries refused messages again, once they are many, with nothing else under way.
    Task<> retry_refused(TaskGroup const& fetching);
    bool has_room_for_fetch() const;
    Task<> fetch(FolderWork& folder, std::vector<MessageMeta> messages);
    void count_without_bodies(FolderWork& folder);
    bool stop_requested();

    /// Unclaimed messages that were in the destination folder before this pass.
    Task<Nominees> list_nominees(FolderWork& folder);
    /// The part of `range` where the destination holds messages that nobody claims; empty: last < first.
    Task<UidRange> find_unclaimed(FolderWork& folder, UidRange range, UidSet const& claimed);
    /// A message that is no longer at the source is no exception any more.
    Task<> forget_expunged_exceptions(FolderWork& folder);
    Task<> forget_expunged(FolderWork& folder, LedgerView const& entries);
    Task<std::vector<MessageMeta>> list_window(FolderWork& folder, UidRange window, Listing listing);
    /// Takes out of `listed` what is copied from another folder, unless the ledger knows it here; and all
    /// labels.
    void leave_to_others(FolderWork& folder, std::vector<MessageMeta>& listed, LedgerView const& ledger);
    /// After a change of the source's UIDVALIDITY: what the old epoch had copied is not copied again. Those
    /// that `ledger` holds already have their own entry.
    Task<> inherit(Planning& planning, std::vector<MessageMeta> const& window, LedgerView const& ledger);
    /// Records what the plan decides without a copy.
    Task<> record_decisions(FolderWork& folder, WindowPlan const& plan,
                            std::vector<MessageMeta> const& window);
    /// Reads the bodies of both sides and decides; adds to plan.copy and plan.adopt.
    Task<> compare(Planning& planning, WindowPlan& plan, std::vector<MessageMeta> const& window);

    LaneParts& parts_;
    QueueMouth mouth_;
    std::list<Planning> planned_;  ///< In the order of fetching; fetches of the first one are being started.
    std::size_t planned_messages_ = 0;       ///< In all windows.
    FolderQueue const* waits_at_ = nullptr;  ///< Until this lane may take a further folder.
    bool planning_over_ = false;        ///< No more folders will come.
    bool fetching_over_ = false;
    std::size_t fetches_under_way_ = 0;
    std::size_t messages_under_way_ = 0;  ///< Of these fetches.
    Event planned_changed_;               ///< Any of the above, or may_take_further().
    std::vector<FolderWork*> fetched_;    ///< Of which something was to be fetched.
    bool stopped_ = false;
};

}  // namespace imapcopy::copy
