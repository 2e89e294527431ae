#pragma once

// The reading half of a lane: lists, plans and fetches, window by window, and pushes bodies into the queue.

#include <list>
#include <vector>

#include "common/event.hpp"
#include "common/task_group.hpp"
#include "daemon/copy/folder_fetch.hpp"
#include "daemon/copy/heirs.hpp"
#include "daemon/copy/lane.hpp"

namespace imapcopy::copy {

class SourceHalf final {
 public:
    /// Both outlive the object.
    SourceHalf(LaneParts& parts, BodyQueue& queue) : parts_(parts), mouth_{queue} {
        parts_.load.on_fewer([this] { look_at_load(); });
    }
    ~SourceHalf() { parts_.load.on_fewer({}); }
    SourceHalf(SourceHalf const&) = delete;
    SourceHalf& operator=(SourceHalf const&) = delete;

    Task<> read_folders(FolderQueue& folders);
    Task<> read_groups(std::vector<RetryGroup> groups);
    /// The stop signal ended it: it has thrown Failure(cancelled) or returned early.
    bool stopped() const { return stopped_; }

 private:
    /// A folder of which this lane plans, or fetches what is planned.
    struct Planning {
        FolderWork& folder;
        bool begins = false;  ///< Else another lane has begun the folder, and shares it.
        Nominees nominees = {};
        Heirs heirs = {};
        bool over = false;  ///< This lane plans no more of it.
    };

    // Planning runs ahead of fetching, several folders side by side, so that its round trips cost no time.
    Task<> plan_folders(FolderQueue& folders);
    Task<> plan_beside(FolderQueue& folders, Planning& planning);
    /// True if this lane may have one more folder ahead of the one that it copies.
    bool may_take_further(FolderQueue const& folders) const;
    Task<> plan_folder(FolderQueue& folders, Planning& planning);
    /// What comes before the first window; gives the first UID to list.
    Task<Uid> begin_folder(Planning& planning);
    /// Plans windows until none is left, for this lane at least. False: stopped.
    Task<bool> plan_windows(FolderQueue& folders, Planning& planning);
    /// What no window has listed: counted by the lane that is the last to plan.
    Task<> count_unlisted(FolderWork& folder);
    /// Takes out of `messages` what can only be asked for alone, and what cannot be asked for at all.
    void part_with_suspects(FolderWork& folder, std::vector<MessageMeta>& messages);
    Task<> plan_window_of(FolderQueue& folders, Planning& planning, UidRange window);
    std::size_t planned_messages() const;
    /// Where something waits for this lane to have less under way, and that has come.
    void look_at_load();
    bool has_room_for(Planning const& planning) const;
    /// Brings the flags of what an earlier complete pass has seen up to date: of UIDs below `first`.
    Task<> update_seen_flags(FolderWork& folder, Uid first);
    /// Repeats at the destination what changed at the source since the ledger's entries were written.
    Task<> update_flags(FolderWork& folder, std::vector<MessageMeta> const& listed, LedgerView const& ledger);
    Task<> add_planned(FolderQueue& folders, Planning const& planning, std::vector<MessageMeta> messages);
    Task<> fetch_planned(FolderQueue& folders);
    Task<> start_fetches(FolderQueue& folders, TaskGroup& fetching);
    /// False: there was nothing to fetch.
    Task<bool> fetch_folder(FolderQueue& folders, Planning& planning, TaskGroup& fetching);
    /// Tries refused messages again, once they are many, with nothing else under way.
    Task<> retry_refused(TaskGroup const& fetching);
    /// A lane that retires leaves what is planned to those that still plan.
    bool may_leave(Planning const& planning) const;
    /// How many messages may be asked for at once; 0: none for now.
    std::size_t room_for_fetch(FolderQueue const& folders) const;
    std::uint64_t needed(FolderQueue const& folders) const;
    Task<> fetch(FolderWork& folder, std::vector<MessageMeta> messages);
    void count_without_bodies(FolderWork& folder);
    bool stop_requested();

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
    FolderQueue const* planning_waits_at_ = nullptr;  ///< Until this lane may take a further folder.
    FolderQueue const* fetching_waits_at_ = nullptr;  ///< Until it may ask for more messages.
    bool planning_over_ = false;                      ///< No more folders will come.
    bool fetching_over_ = false;
    std::size_t fetches_under_way_ = 0;
    std::size_t messages_under_way_ = 0;  ///< Of these fetches.
    Event planned_changed_;               ///< Any of the above, or what other lanes took, or the load.
    std::vector<FolderWork*> fetched_;    ///< Of which something was to be fetched.
    bool stopped_ = false;
};

}  // namespace imapcopy::copy
