#pragma once

// Several lanes of one pass: each takes the next folder as soon as it has room, so that round trips of one
// are the work of another, and a server may use more than one of its cores.

#include "daemon/copy/lane.hpp"

namespace imapcopy::copy {

/// How many lanes at the beginning at most, for how many messages there is one more, and from how many on a
/// folder is shared.
struct LaneLimits {
    std::uint32_t lanes_max = 1;
    std::uint32_t messages_per_lane = 200;
    std::uint32_t messages_per_share = 1000;
};

/// How many lanes are worth their connections: at least 1, and no more than there are folders, and parts of
/// large ones.
std::uint32_t lanes_worthwhile(std::vector<FolderWork*> const& folders, LaneLimits const& limits);

/// Copies the folders that `prepare` gives over the connections of `lead` and over others, which it opens
/// while `prepare` runs, and closes. One that cannot be opened is done without. Later it tries whether one
/// lane more, or one fewer, is worth it; the observer says whether it may have one more. If a lane fails, the
/// others end in good order between two messages; then the failure is thrown that tells most of the cause,
/// that of `prepare` first. False: stopped. `lanes` as lanes_worthwhile(). All references outlive the call.
Task<bool> copy_in_lanes(LaneParts& lead, Connections& connections, std::uint32_t lanes,
                         Task<std::vector<FolderWork*>> prepare);

}  // namespace imapcopy::copy
