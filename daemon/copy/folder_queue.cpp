#include "daemon/copy/folder_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace imapcopy::copy {
namespace {

std::uint64_t bytes_of(std::vector<MessageMeta> const& messages) {
    std::uint64_t bytes = 0;
    for (auto const& message : messages) bytes += message.size_bytes;
    return bytes;
}

}  // namespace

void FolderQueue::open(std::vector<FolderWork*> folders) {
    folders_ = std::move(folders);
    opened_.set();
    changed_.set();
}

void FolderQueue::end() {
    ended_ = true;
    changed_.set();
}

Task<FolderTurn> FolderQueue::next(LaneSeat& seat, std::function<std::uint64_t()> worthwhile) {
    for (;;) {
        if (ended_ || retires(seat)) co_return FolderTurn{};
        bool const begins = taken_ < folders_.size();
        auto* folder = begins ? folders_[taken_] : largest_shared(seat);
        if (folder == nullptr) folder = largest_planned(seat, worthwhile());
        if (folder != nullptr) {
            if (begins) {
                ++taken_;
                ++undecided_;
            }
            seat.folders.insert(folder);
            co_return FolderTurn{folder, begins};
        }
        if (!may_have_more(seat)) co_return FolderTurn{};
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

void FolderQueue::add_planned(FolderWork& folder, std::vector<MessageMeta> messages) {
    folder.planned_messages += messages.size();
    folder.planned_bytes += bytes_of(messages);
    folder.planned.push_back(std::move(messages));
    tell_planned();
}

std::vector<MessageMeta> FolderQueue::take_planned(FolderWork& folder, std::size_t most) {
    auto& front = folder.planned.front();
    std::vector<MessageMeta> taken;
    if (front.size() <= most) {
        taken = std::move(front);
        folder.planned.pop_front();
    } else {
        auto const end = front.begin() + static_cast<std::ptrdiff_t>(most);
        taken.assign(std::make_move_iterator(front.begin()), std::make_move_iterator(end));
        front.erase(front.begin(), end);
    }
    folder.planned_messages -= taken.size();
    folder.planned_bytes -= bytes_of(taken);
    tell_planned();
    return taken;
}

void FolderQueue::end_planning(FolderWork& folder) {
    --folder.planners;
    tell_planned();
}

void FolderQueue::tell_planned() {
    changed_.set();
    for (auto* const watcher : watchers_) watcher->set();
}

std::size_t FolderQueue::ahead_max() const {
    constexpr std::size_t most = 8;
    if (lanes_ == 1) return most;
    return std::clamp<std::size_t>((folders_.size() - taken_) / (3 * lanes_), 1, most);
}

bool FolderQueue::leaves_enough(std::uint64_t to_come, std::uint64_t left, std::uint64_t needed) const {
    if (to_come <= needed) return true;
    if (taken_ >= folders_.size()) return false;
    return to_come + folders_[taken_]->source.messages <= left / lanes_ + needed;
}

bool FolderQueue::has_more() const {
    constexpr std::uint64_t worthwhile = 100;  // For fewer a lane is not worth its connections.
    if (ended_) return false;
    if (taken_ < folders_.size() || largest_shared({}) != nullptr) return true;
    return largest_planned({}, worthwhile) != nullptr;
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

FolderWork* FolderQueue::largest_planned(LaneSeat const& seat, std::uint64_t worthwhile) const {
    auto const work = [](FolderWork const* of) { return work_of(of->planned_messages, of->planned_bytes); };
    FolderWork* largest = nullptr;
    for (auto* const folder : folders_) {
        if (folder->given_up || seat.folders.contains(folder)) continue;
        if (folder->planned_messages < worthwhile || work(folder) < work_min_) continue;
        if (largest == nullptr || work(folder) > work(largest)) largest = folder;
    }
    return largest;
}

bool FolderQueue::may_have_more(LaneSeat const& seat) const {
    if (undecided_ > 0) return true;
    return std::ranges::any_of(folders_, [&](FolderWork const* folder) {
        if (!folder->shared) return false;
        return seat.folders.contains(folder) ? !folder->windows.empty() : folder->planners > 0;
    });
}

}  // namespace imapcopy::copy
