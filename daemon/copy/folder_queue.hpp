#pragma once

// FolderQueue: who copies what. A folder is taken whole by one lane, which keeps the order within it. Once no
// folder is left, lanes with nothing to do take windows of a large one that another lane has begun.

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "common/event.hpp"
#include "daemon/copy/folder_work.hpp"

namespace imapcopy::copy {

/// A lane's place at the queue.
struct LaneSeat {
    bool may_retire = false;                   ///< The lane that leads stays: it does whatever is left.
    bool retired = false;                      ///< Takes nothing any more.
    std::set<FolderWork const*> folders = {};  ///< That it has been given.
};

/// What a lane is to work on next.
struct FolderTurn {
    FolderWork* folder = nullptr;  ///< Null: nothing is left, or the lane has retired.
    bool begins = false;           ///< Else another lane has begun the folder, and shares it.
};

class FolderQueue {
 public:
    /// `lanes` take from it.
    explicit FolderQueue(std::size_t lanes) : lanes_(lanes) {}

    /// Until then the lanes wait in opened().
    void open(std::vector<FolderWork*> folders);
    Task<> opened() { return opened_.wait(); }
    /// A lane has failed: nobody gets anything more.
    void end();

    /// Waits while there may be something later: as long as a folder has just been begun, or the lane has
    /// windows of a shared one before it.
    Task<FolderTurn> next(LaneSeat& seat);
    /// What is to be listed of `folder`; by this lane alone unless `shared`. To be called once by the lane
    /// that begins it, before the first window is taken; with no windows where that fails.
    void set_windows(FolderWork& folder, std::vector<UidRange> windows, bool shared);
    /// The next window that nobody has listed. A retiring lane leaves those of a shared folder to others.
    std::optional<UidRange> take_window(FolderWork& folder, LaneSeat& seat);
    /// The folder cannot be planned to its end: nobody waits for it.
    void drop_windows(FolderWork& folder);

    /// How many folders a lane may have ahead of the one that it copies: planned, and with several lanes also
    /// being fetched. No other lane can take them, so there are fewer the nearer the end is.
    std::size_t ahead_max() const;
    /// True if a lane that has `to_come` messages before it may take the next folder as well, and the other
    /// lanes still get their share of the `left` that all have before them.
    bool leaves_enough(std::uint64_t to_come, std::uint64_t left) const;
    bool has_several_lanes() const { return lanes_ > 1; }
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
    bool shares_windows(LaneSeat const& seat) const;

    std::size_t lanes_;
    std::vector<FolderWork*> folders_;
    std::size_t taken_ = 0;
    std::size_t undecided_ = 0;  ///< Taken, and their windows are not known yet.
    std::size_t retiring_ = 0;   ///< Lanes that are to retire.
    bool ended_ = false;
    Event opened_;
    Event changed_;
};

}  // namespace imapcopy::copy
