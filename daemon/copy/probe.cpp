#include "daemon/copy/probe.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "common/attempt.hpp"
#include "common/task_group.hpp"
#include "daemon/copy/settle.hpp"

namespace imapcopy::copy {
namespace {

/// Adds the first of the folder's open entries that is still at the source. In one that was made anew nothing
/// tells which that is.
Task<> choose_message(LaneParts& parts, FolderWork& folder, std::vector<RetryGroup>& groups) {
    if (folder.record.source_uid_validity != folder.source.uid_validity) co_return;
    auto const open = co_await parts.journal.open_entries(folder.record.id);
    if (open.empty()) co_return;
    std::optional<MessageMeta> chosen;
    std::function<void(MessageMeta)> const sink = [&](MessageMeta meta) {
        bool const is_open = std::ranges::find(open, meta.uid, &LedgerEntry::source_uid) != open.end();
        if (is_open && (!chosen || meta.uid < chosen->uid)) chosen = std::move(meta);
    };
    auto const first = open.front().source_uid.value();
    auto const most = std::uint64_t{first} + parts.options.messages_per_window;
    auto const last = std::min<std::uint64_t>(open.back().source_uid.value(), most);
    UidRange const range{Uid(first), Uid(static_cast<std::uint32_t>(last))};
    auto const asked = co_await attempt(
        parts.source.list_messages(folder.mapped.source.name, range, Listing::metadata, sink));
    auto const error = error_of(asked.exception);
    // Whoever is to copy it will find out as well.
    if (error && error->code == ErrorCode::folder_vanished) co_return;
    asked.rethrow();
    if (chosen) groups.push_back({&folder, {std::move(*chosen)}, {}});
}

}  // namespace

Task<> probe(LaneParts& parts, std::vector<FolderWork*> folders) {
    std::vector<RetryGroup> groups;
    TaskGroup choosing(co_await boost::asio::this_coro::executor);
    for (auto* const folder : folders) choosing.spawn(choose_message(parts, *folder, groups));
    co_await choosing.join();
    if (groups.empty()) co_return;
    for (auto* const folder : folders) folder->lanes = 2;  // Another one comes: the folder is not done yet.
    (void)co_await copy_groups(parts, std::move(groups));
    for (auto* const folder : folders) {
        folder->lanes = 0;
        folder->probed = folder->result.copied;
    }
    co_await look_again(parts.destination, parts.journal, parts.state.found);
}

}  // namespace imapcopy::copy
