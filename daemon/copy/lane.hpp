#pragma once

// Lane: one source connection joined to one destination connection. The two halves run side by side with a
// bounded queue between them, so a copy costs the longer of reading and writing, not their sum.

#include "common/context.hpp"
#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/folder_queue.hpp"
#include "daemon/copy/lane_load.hpp"

namespace imapcopy::copy {

/// Bodies of this size and above pass from half to half in pieces.
constexpr std::uint64_t streamed_bytes_min = 64ULL * 1024;

struct LaneOptions {
    std::size_t buffer_bytes = 0;
    BatchLimits batch;
    WindowLimits window;
    AppendLimits appends;
    std::uint32_t messages_per_window = 0;
    bool shares_folders = false;  ///< More than one lane may append to a folder at a time.
    std::uint32_t messages_per_share = 0;
    std::uint64_t work_per_share = 0;
};

/// All outlive the lane's coroutines.
struct LaneParts {
    Context context;
    Endpoint& source;
    Endpoint& destination;
    Journal& journal;
    PassState& state;
    LaneOptions options;
    LaneSeat seat = {};
    LaneLoad load = {};
    std::vector<RetryGroup> retries = {};  ///< Of this lane, not tried again yet.
};

/// The view has learnt the UIDs of the source's folders over another connection, or some time ago.
void expect_what_was_viewed(LaneParts& parts);

/// Copies folder after folder from `queue`: lists, plans, fetches and appends window by window. Messages of
/// refused batches are tried again when they become many; the last of them come back in state.retries.
/// Returns false if the stop signal ended it early: everything announced has been answered. Throws the first
/// Failure of either half after both have ended; the connections are then of no more use.
Task<bool> copy_folders(LaneParts& parts, FolderQueue& queue);

/// Appends each group again as one batch; groups that are refused again come back smaller in state.retries,
/// single messages are recorded as refused.
Task<bool> copy_groups(LaneParts& parts, std::vector<RetryGroup> groups);

}  // namespace imapcopy::copy
