#include "daemon/copy/folder_queue.hpp"

#include <algorithm>
#include <utility>

namespace imapcopy::copy {

void FolderQueue::open(std::vector<FolderWork*> folders) {
    folders_ = std::move(folders);
    opened_.set();
    changed_.set();
}

void FolderQueue::end() {
    ended_ = true;
    changed_.set();
}

Task<FolderTurn> FolderQueue::next(LaneSeat& seat) {
    for (;;) {
        if (ended_ || retires(seat)) co_return FolderTurn{};
        bool const begins = taken_ < folders_.size();
        if (auto* const folder = begins ? folders_[taken_] : largest_shared(seat)) {
            if (begins) {
                ++taken_;
                ++undecided_;
            }
            seat.folders.insert(folder);
            co_return FolderTurn{folder, begins};
        }
        if (undecided_ == 0 && !shares_windows(seat)) co_return FolderTurn{};
        changed_.clear();
        co_await changed_.wait();
    }
}

void FolderQueue::set_windows(FolderWork& folder, std::vector<UidRange> windows, bool shared) {
    --undecided_;
    folder.windows.assign(windows.begin(), windows.end());
    folder.shared = shared;
    changed_.set();
}

std::optional<UidRange> FolderQueue::take_window(FolderWork& folder, LaneSeat& seat) {
    if (folder.shared && retires(seat)) return std::nullopt;
    if (ended_ || folder.windows.empty()) return std::nullopt;
    auto const window = folder.windows.front();
    folder.windows.pop_front();
    if (folder.windows.empty()) changed_.set();
    return window;
}

void FolderQueue::drop_windows(FolderWork& folder) {
    folder.windows.clear();
    changed_.set();
}

std::size_t FolderQueue::ahead_max() const {
    constexpr std::size_t most = 8;
    if (lanes_ == 1) return most;
    return std::clamp<std::size_t>((folders_.size() - taken_) / (3 * lanes_), 1, most);
}

bool FolderQueue::leaves_enough(std::uint64_t to_come, std::uint64_t left) const {
    // So few that it is better never to wait for a round trip than to spread them evenly.
    constexpr std::uint64_t surplus_max = 100;
    if (to_come <= surplus_max || taken_ >= folders_.size()) return true;
    return to_come + folders_[taken_]->source.messages <= left / lanes_ + surplus_max;
}

bool FolderQueue::has_more() const {
    return !ended_ && (taken_ < folders_.size() || largest_shared({}) != nullptr);
}

void FolderQueue::retire_one() {
    ++retiring_;
    changed_.set();
}

void FolderQueue::remove_lane(LaneSeat const& seat) {
    if (lanes_ > 1) --lanes_;
    if (!seat.retired && retiring_ > 0) --retiring_;
}

bool FolderQueue::retires(LaneSeat& seat) {
    if (seat.may_retire && !seat.retired && retiring_ > 0) {
        --retiring_;
        seat.retired = true;
    }
    return seat.retired;
}

FolderWork* FolderQueue::largest_shared(LaneSeat const& seat) const {
    FolderWork* largest = nullptr;
    for (auto* const folder : folders_) {
        if (!folder->shared || folder->windows.empty() || folder->given_up) continue;
        if (seat.folders.contains(folder)) continue;
        if (largest == nullptr || folder->windows.size() > largest->windows.size()) largest = folder;
    }
    return largest;
}

bool FolderQueue::shares_windows(LaneSeat const& seat) const {
    return std::ranges::any_of(
        seat.folders, [](FolderWork const* folder) { return folder->shared && !folder->windows.empty(); });
}

}  // namespace imapcopy::copy
