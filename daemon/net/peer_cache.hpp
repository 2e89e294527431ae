#pragma once

// PeerCache: a bounded store of what peers gave, for the next time.

#include <algorithm>
#include <iterator>
#include <list>
#include <optional>
#include <string>
#include <utility>

namespace imapcopy::net {

/// Each thing is kept under the name of the peer that gave it. Where there are too many, the oldest goes:
/// that peer's, or of all.
template <class Thing>
class PeerCache {
 public:
    struct Limits {
        std::size_t of_a_peer = 1;
        std::size_t in_all = 1;
    };
    explicit PeerCache(Limits limits) : limits_(limits) {}

    void keep(std::string const& peer, Thing thing) {
        auto const of_peer = [&](Kept const& kept) { return kept.peer == peer; };
        auto const count = static_cast<std::size_t>(std::ranges::count_if(kept_, of_peer));
        if (count >= limits_.of_a_peer) {
            kept_.erase(std::ranges::find_if(kept_, of_peer));
        } else if (kept_.size() >= limits_.in_all) {
            kept_.pop_front();
        }
        kept_.push_back({peer, std::move(thing)});
    }

    /// The newest of this peer, which is no longer kept.
    std::optional<Thing> take(std::string const& peer) {
        auto const newest =
            std::find_if(kept_.rbegin(), kept_.rend(), [&](Kept const& kept) { return kept.peer == peer; });
        if (newest == kept_.rend()) return std::nullopt;
        std::optional<Thing> thing(std::move(newest->thing));
        kept_.erase(std::prev(newest.base()));
        return thing;
    }

 private:
    struct Kept {
        std::string peer;
        Thing thing;
    };
    Limits limits_;
    std::list<Kept> kept_;  ///< Oldest first. Some hundreds at most, so they are looked through.
};

}  // namespace imapcopy::net
