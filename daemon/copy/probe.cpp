#include "daemon/copy/probe.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <set>

#include "common/attempt.hpp"
#include "common/task_group.hpp"
#include "daemon/copy/settle.hpp"

namespace imapcopy::copy {
namespace {

/// The message of the first of `open` that is still at the source. Not of those that lose something on their
/// way, that may be there already, or that the source may not give: the plan decides what becomes of them.
Task<std::optional<MessageMeta>> first_at_source(LaneParts& parts, MailboxName mailbox, LedgerView open) {
    std::erase_if(open, [&](LedgerEntry const& entry) {
        return !entry.code.empty() || parts.state.deadly.is_suspect(mailbox, entry.source_uid);
    });
    std::optional<MessageMeta> first;
    std::function<void(MessageMeta)> const sink = [&](MessageMeta meta) {
        bool const is_open = std::ranges::find(open, meta.uid, &LedgerEntry::source_uid) != open.end();
        if (is_open && (!first || meta.uid < first->uid)) first = std::move(meta);
    };
    auto next = open.begin();
    while (next != open.end() && !first) {
        auto const most = std::uint64_t{next->source_uid.value()} + parts.options.messages_per_window;
        auto const last = std::min<std::uint64_t>(open.back().source_uid.value(), most);
        UidRange const range{next->source_uid, Uid(static_cast<std::uint32_t>(last))};
        co_await parts.source.list_messages(mailbox, range, Listing::metadata, sink);
        next = std::ranges::upper_bound(open, range.last, {}, &LedgerEntry::source_uid);
    }
    co_return first;
}

/// Adds a group of one message. None in a folder that was made anew: nothing tells which message that is.
Task<> choose_message(LaneParts& parts, FolderWork& folder, std::vector<RetryGroup>& groups) {
    if (folder.record.source_uid_validity != folder.source.uid_validity) co_return;
    auto open = co_await parts.journal.open_entries(folder.record.id);
    auto const chosen = co_await attempt(first_at_source(parts, folder.mapped.source.name, std::move(open)));
    auto const error = error_of(chosen.exception);
    // Whoever is to copy it will find out as well.
    if (error && error->code == ErrorCode::folder_vanished) co_return;
    chosen.rethrow();
    if (*chosen.value) groups.push_back({&folder, {**chosen.value}, {}});
}

/// What the probe has dealt with, the plan will find in the ledger.
void count_probed(PassState& state, FolderWork& folder) {
    folder.lanes = 0;
    folder.probed = folder.result.copied + folder.refused_now;
    state.progress.bytes_total += folder.result.bytes;
}

}  // namespace

Task<> probe(LaneParts& parts, std::vector<FolderWork*> folders) {
    std::set<FolderId> open;
    auto const records = co_await parts.journal.folders_with_open_entries();
    for (auto const& [key, record] : records) open.insert(record.id);
    std::erase_if(folders, [&](FolderWork const* folder) { return !open.contains(folder->record.id); });
    std::vector<RetryGroup> groups;
    TaskGroup choosing(co_await boost::asio::this_coro::executor);
    for (auto* const folder : folders) choosing.spawn(choose_message(parts, *folder, groups));
    co_await choosing.join();
    if (groups.empty()) co_return;
    for (auto* const folder : folders) folder->lanes = 2;  // Another one comes: the folder is not done yet.
    bool const go_on = co_await copy_groups(parts, std::move(groups));
    for (auto* const folder : folders) count_probed(parts.state, *folder);
    parts.state.retries.clear();  // What was refused for now is still open, and so the plan takes it.
    if (go_on) co_await look_again(parts.destination, parts.journal, parts.state.found);
}

}  // namespace imapcopy::copy
