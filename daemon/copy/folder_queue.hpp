#pragma once

// FolderQueue: who copies what. A folder is taken whole by one lane, which keeps the order within it. Once no
// folder is left, lanes with nothing to do take windows of a large one that another lane has begun, or
// messages that another lane has planned.

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "common/event.hpp"
#include "daemon/copy/folder_work.hpp"

namespace imapcopy::copy {

/// A lane's place at the queue.
struct LaneSeat {
    bool may_retire = false;                   ///< The lane that leads stays: it does whatever is left.
    bool retired = false;                      ///< Takes no folder and no window of a shared one any more.
    std::set<FolderWork const*> folders = {};  ///< That it has been given.
};

/// What a lane is to work on next.
struct FolderTurn {
    FolderWork* folder = nullptr;  ///< Null: nothing is left, or the lane has retired.
    bool begins = false;           ///< Else another lane has begun the folder, and shares it.
};

class FolderQueue {
 public:
    /// `lanes` take from it. What another lane has planned they take if it is at least so much work
    /// (work_of).
    FolderQueue(std::size_t lanes, std::uint64_t work_min) : lanes_(lanes), work_min_(work_min) {}

    /// Until then the lanes wait in opened().
    void open(std::vector<FolderWork*> folders);
    Task<> opened() { return opened_.wait(); }
    /// A lane has failed: nobody gets anything more.
    void end();

    /// Waits while there may be something later: as long as a folder has just been begun, the last of its
    /// windows is being planned, or the lane has windows of a shared one before it. Nobody waits for a folder
    /// that one lane plans alone. What is planned of any folder is shared if at least `worthwhile` messages
    /// of it were asked for by nobody, and they are enough work.
    Task<FolderTurn> next(LaneSeat& seat, std::function<std::uint64_t()> worthwhile);
    /// What is to be listed of `folder`; by this lane alone unless `shared`. To be called once by the lane
    /// that begins it, before the first window is taken; with no windows where that fails.
    void set_windows(FolderWork& folder, std::vector<UidRange> windows, bool shared);
    /// The next window that nobody has listed. A retiring lane leaves those of a shared folder to others.
    std::optional<UidRange> take_window(FolderWork& folder, LaneSeat& seat);
    /// The folder cannot be planned to its end: nobody waits for it.
    void drop_windows(FolderWork& folder);

    /// Messages of `folder` that are to be copied. Whoever asks for their bodies takes them.
    void add_planned(FolderWork& folder, std::vector<MessageMeta> messages);
    /// At most `most` of those that may be asked for together; there are some.
    std::vector<MessageMeta> take_planned(FolderWork& folder, std::size_t most);
    /// One lane plans the folder no more.
    void end_planning(FolderWork& folder);
    /// As long as it lives, `changed` is set whenever what is planned changes. Both outlive it.
    class Watch {
     public:
        Watch(FolderQueue& queue, Event& changed) : queue_(queue), changed_(changed) {
            queue_.watchers_.push_back(&changed_);
        }
        ~Watch() { std::erase(queue_.watchers_, &changed_); }
        Watch(Watch const&) = delete;
        Watch& operator=(Watch const&) = delete;

     private:
        FolderQueue& queue_;
        Event& changed_;
    };

    /// How many folders a lane may have planned ahead of the one that it asks for. There are fewer the nearer
    /// the end is, to be begun by others.
    std::size_t ahead_max() const;
    /// True if a lane that has `to_come` messages before it may take the next folder as well, and the other
    /// lanes still get their share of the `left` that all have before them. Those that it needs it always
    /// has; what others have planned it takes for those only.
    bool leaves_enough(std::uint64_t to_come, std::uint64_t left, std::uint64_t needed) const;
    std::size_t lanes() const { return lanes_; }
    /// True if one lane more would find something to do.
    bool has_more() const;
    void add_lane() { ++lanes_; }
    /// Lets one lane that may retire do so.
    void retire_one();
    /// A lane that was counted takes nothing any more. If it has not retired, another one need not.
    void remove_lane(LaneSeat const& seat);

 private:
    bool retires(LaneSeat& seat);
    /// Of those that the lane is not at work on already.
    FolderWork* largest_shared(LaneSeat const& seat) const;
    /// The same, of what is planned.
    FolderWork* largest_planned(LaneSeat const& seat, std::uint64_t worthwhile) const;
    void tell_planned();
    /// True if there may be something for the lane later.
    bool may_have_more(LaneSeat const& seat) const;

    std::size_t lanes_;
    std::uint64_t work_min_;
    std::vector<FolderWork*> folders_;
    std::size_t taken_ = 0;
    std::size_t undecided_ = 0;  ///< Taken, and their windows are not known yet.
    std::size_t retiring_ = 0;   ///< Lanes that are to retire.
    bool ended_ = false;
    std::vector<Event*> watchers_;
    Event opened_;
    Event changed_;
};

}  // namespace imapcopy::copy
