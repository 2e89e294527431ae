#include "daemon/copy/nominee_listing.hpp"

#include <algorithm>

#include "daemon/copy/settle.hpp"

namespace imapcopy::copy {
namespace {

/// So many messages at once as a listing may well hold.
std::vector<UidRange> destination_windows(FolderWork const& folder, UidRange range) {
    constexpr std::uint32_t messages_per_window = 50'000;
    auto there = folder.destination;
    if (range.last.value() < UINT32_MAX) there.uid_next = Uid(range.last.value() + 1);
    return make_windows(range.first, there, messages_per_window);
}

/// The part of `range` where the destination holds messages that nobody claims; empty: last < first.
Task<UidRange> find_unclaimed(LaneParts& parts, FolderWork& folder, UidRange range, UidSet const& claimed) {
    UidRange found{Uid(UINT32_MAX), Uid(0)};
    std::function<void(MessageMeta)> const sink = [&](MessageMeta meta) {
        if (claimed.contains(meta.uid)) return;
        found.first = std::min(found.first, meta.uid);
        found.last = std::max(found.last, meta.uid);
    };
    for (auto const& window : destination_windows(folder, range))
        co_await parts.destination.list_messages(folder.mapped.destination, window, Listing::flags, sink);
    co_return found;
}

}  // namespace

Task<Nominees> list_nominees(LaneParts& parts, FolderWork& folder) {
    Nominees nominees;
    auto const& destination = folder.destination;
    if (!folder.mapped.exists || destination.messages == 0) co_return nominees;
    co_await find_unknown_uids(parts.destination, parts.journal, folder.mapped.destination,
                               folder.record.id, destination.uid_validity, parts.state.found);
    auto const claimed = co_await parts.journal.claimed(folder.mapped.destination, destination.uid_validity);
    auto const& complete = folder.record.destination_complete;
    bool const seen_before = complete && complete->uid_validity == destination.uid_validity;
    auto const first = seen_before && complete->uid_next.value() > 0 ? complete->uid_next : Uid(1);
    auto const last =
        destination.uid_next.value() > 0 ? Uid(destination.uid_next.value() - 1) : Uid(UINT32_MAX);
    UidRange range{first, last};
    if (range.first <= range.last && !claimed.empty())
        range = co_await find_unclaimed(parts, folder, range, claimed);
    if (range.last < range.first) co_return nominees;
    auto const add = [&](MessageMeta const& meta) {
        if (!meta.identity || claimed.contains(meta.uid)) return;
        if (parts.state.reports.contains(meta.identity->fingerprint)) return;
        nominees.add({meta.uid, *meta.identity, meta.internal_date, meta.size_bytes});
    };
    std::function<void(MessageMeta)> const sink = add;
    for (auto const& window : destination_windows(folder, range))
        co_await parts.destination.list_messages(folder.mapped.destination, window, Listing::identity, sink);
    co_return nominees;
}

}  // namespace imapcopy::copy
