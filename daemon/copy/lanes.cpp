#include "daemon/copy/lanes.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "common/attempt.hpp"
#include "common/task_group.hpp"
#include "daemon/copy/connected.hpp"

namespace imapcopy::copy {
namespace {

/// One lane until its folders or the queue end. After a failure the other lanes stop, too.
Task<bool> run_lane(LaneParts& parts, FolderQueue& queue) {
    auto const copied = co_await attempt(copy_folders(parts, queue));
    if (!copied.ok()) parts.state.ending = true;
    copied.rethrow();
    co_return *copied.value;
}

/// A lane with connections of its own.
Task<> run_further_lane(LaneParts lead, Connections& connections, FolderQueue& queue) {
    auto connected = co_await attempt(connect_both(connections));
    if (auto const error = error_of(connected.exception)) {
        // Too many connections, most likely. The other lanes do the work.
        lead.state.report_refused_lane(*error);
        lead.context.log.write(LogLevel::debug, "no further lane", {{"error", to_string(*error)}});
        co_return;
    }
    auto& [source, destination] = *connected.value;
    LaneParts parts{lead.context, *source, *destination, lead.journal, lead.state, lead.options};
    // Counted from now on: a server that refuses one more has left so many open.
    ++lead.state.progress.lanes;
    lead.state.report();
    co_await queue.opened();
    Attempt<bool> ran;
    if (!queue.empty()) ran = co_await attempt(run_lane(parts, queue));
    --lead.state.progress.lanes;
    if (ran.ok()) {
        leave_both(*connected.value);
        co_return;
    }
    source->abort();
    co_await destination->close();
    ran.rethrow();
}

}  // namespace

std::uint32_t lanes_worthwhile(std::vector<FolderWork*> const& folders, LaneLimits const& limits) {
    std::uint64_t messages = 0;
    for (auto const* const folder : folders) messages += folder->source.messages;
    auto const by_messages = 1 + messages / std::max(limits.messages_per_lane, 1U);
    auto const most = std::max<std::uint64_t>(limits.lanes_max, 1);
    auto const by_folders = std::max<std::uint64_t>(folders.size(), 1);
    return static_cast<std::uint32_t>(std::min({by_messages, most, by_folders}));
}

Task<bool> copy_in_lanes(LaneParts& lead, Connections& connections, std::uint32_t lanes,
                         Task<std::vector<FolderWork*>> prepare) {
    lead.options.buffer_bytes /= lanes;
    FolderQueue queue(lanes);
    TaskGroup further(co_await boost::asio::this_coro::executor);
    for (std::uint32_t i = 1; i < lanes; ++i) further.spawn(run_further_lane(lead, connections, queue));
    auto prepared = co_await attempt(std::move(prepare));
    auto folders = std::move(prepared.value).value_or(std::vector<FolderWork*>());
    // What takes longest begins first, so that the lanes end together.
    if (lanes > 1) {
        std::ranges::stable_sort(folders, std::ranges::greater(),
                                 [](FolderWork const* folder) { return folder->source.messages; });
    }
    queue.open(std::move(folders));
    auto const led = co_await attempt(run_lane(lead, queue));
    auto const others = co_await attempt(further.join());
    prepared.rethrow();
    led.rethrow();
    others.rethrow();
    co_return *led.value;
}

}  // namespace imapcopy::copy
