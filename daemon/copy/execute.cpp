#include "daemon/copy/execute.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "common/attempt.hpp"
#include "common/task_group.hpp"
#include "common/text.hpp"
#include "daemon/copy/account_view.hpp"
#include "daemon/copy/settle.hpp"

namespace imapcopy::copy {
namespace {

/// True if the last complete pass has dealt with all that is there now.
bool is_unchanged(FolderWork const& folder) {
    auto const& record = folder.record;
    auto const& there = folder.mapped.destination_status;
    if (!folder.mapped.exists || !there || !record.source_complete || !record.destination_complete)
        return false;
    return *record.source_complete == folder.source &&
           record.destination_complete->uid_validity == there->uid_validity;
}

Task<> add_folder(LaneParts& parts, MappedFolder mapped) {
    auto& state = parts.state;
    if (!mapped.source.status) {
        state.exceptions.push_back({mapped.path, Uid(), "FolderVanished", 0,
                                    "the source lists this folder but does not tell its status"});
        co_return;
    }
    auto work = std::make_unique<FolderWork>();
    work->source = *mapped.source.status;
    FolderKey key{mapped.source.name, mapped.destination};
    work->record = co_await parts.journal.folder(std::move(key));
    work->result.source = mapped.path;
    work->result.destination = mapped.destination.utf8;
    work->result.messages = work->source.messages;
    if (mapped.destination_status) work->destination = *mapped.destination_status;
    work->mapped = std::move(mapped);
    work->unchanged = is_unchanged(*work);
    auto& progress = state.progress;
    ++progress.folders_total;
    progress.messages_total += work->source.messages;
    if (work->unchanged) {
        ++progress.folders_done;
        progress.messages_done += work->source.messages;
        work->result.recognised = work->source.messages;
    }
    state.folders.push_back(std::move(work));
}

void give_up(LaneParts& parts, FolderWork& folder, Error const& error) {
    folder.given_up = true;
    folder.complete = false;
    parts.state.add_exception(folder, Uid(), std::string(info(error.code).name), 0, to_string(error));
}

/// Creates, subscribes and opens one destination folder. Runs beside the others: commands go out in order.
Task<> prepare_folder(LaneParts& parts, FolderWork& folder) {
    auto const name = folder.mapped.destination;
    bool const create = !folder.mapped.exists || !folder.mapped.destination_selectable;
    if (create && !name.is_inbox()) {
        auto const created = co_await parts.destination.create(name, folder.mapped.source.role);
        if (created.outcome == CreateOutcome::refused) co_return give_up(parts, folder, created.error);
        folder.result.created = created.outcome == CreateOutcome::created;
        parts.state.changed |= folder.result.created;
    }
}

Task<> subscribe_folder(LaneParts& parts, FolderWork& folder) {
    bool const subscribed = co_await parts.destination.subscribe(folder.mapped.destination);
    parts.state.changed |= subscribed;
    if (subscribed) co_return;
    parts.state.add_exception(folder, Uid(), "FolderCreateRefused", 0,
                              "the destination refused the subscription");
}

Task<> open_folder(LaneParts& parts, FolderWork& folder) {
    auto const tried =
        co_await attempt(parts.destination.open(folder.mapped.destination, Access::read_write));
    if (auto const error = error_of(tried.exception)) {
        // A folder that cannot be opened holds up nobody else.
        if (error->code != ErrorCode::folder_vanished) tried.rethrow();
        co_return give_up(parts, folder, *error);
    }
    auto const& status = tried.value->status;
    folder.destination = status;
    folder.permanent_flags = tried.value->permanent_flags;
    auto const known = folder.record.destination_uid_validity;
    if (known != status.uid_validity) {
        co_await parts.journal.set_destination_epoch(folder.record.id, status.uid_validity);
        if (known.value() != 0) folder.record.source_complete.reset();
        folder.record.destination_complete.reset();
        folder.record.destination_uid_validity = status.uid_validity;
    }
}

/// Runs `step` for each of `folders`, some dozens at a time, so that their commands share round trips.
Task<> for_each_together(LaneParts& parts, std::vector<FolderWork*> folders,
                         Task<> (*step)(LaneParts&, FolderWork&)) {
    constexpr std::size_t together = 64;
    for (std::size_t i = 0; i < folders.size(); i += together) {
        TaskGroup group(co_await boost::asio::this_coro::executor);
        for (std::size_t k = i; k < std::min(i + together, folders.size()); ++k)
            group.spawn(step(parts, *folders[k]));
        co_await group.join();
    }
}

template <class Predicate>
std::vector<FolderWork*> folders_where(PassState& state, Predicate predicate) {
    std::vector<FolderWork*> chosen;
    for (auto const& folder : state.folders) {
        if (!folder->given_up && predicate(*folder)) chosen.push_back(folder.get());
    }
    return chosen;
}

}  // namespace

Task<> view_accounts(LaneParts& parts, FolderOptions const& folders) {
    AccountView source;
    AccountView destination;
    TaskGroup sides(co_await boost::asio::this_coro::executor);
    sides.spawn(view_side(parts.source, source));
    sides.spawn(view_side(parts.destination, destination));
    co_await sides.join();
    auto map = map_mailboxes(source, destination, folders);
    auto& state = parts.state;
    state.exceptions.insert(state.exceptions.end(), map.notes.begin(), map.notes.end());
    auto const reports = co_await parts.journal.report_fingerprints();
    state.reports.insert(reports.begin(), reports.end());
    for (auto& mapped : map.folders) co_await add_folder(parts, std::move(mapped));
    state.report();
}

Task<> prepare_destination(LaneParts& parts) {
    auto const changed =
        folders_where(parts.state, [](FolderWork const& folder) { return !folder.unchanged; });
    auto const unsubscribed = folders_where(parts.state, [](FolderWork const& folder) {
        return folder.mapped.source.subscribed && !folder.mapped.destination_subscribed;
    });
    // Parents before children, one after the other on the wire; nobody waits for an answer in between.
    co_await for_each_together(parts, changed, prepare_folder);
    auto const writable = folders_where(parts.state, [](FolderWork const& folder) {
        return !folder.unchanged && folder.source.messages > 0;
    });
    TaskGroup both(co_await boost::asio::this_coro::executor);
    both.spawn(for_each_together(parts, unsubscribed, subscribe_folder));
    both.spawn(for_each_together(parts, writable, open_folder));
    co_await both.join();
}

Task<bool> copy_all(LaneParts& parts) {
    auto const empty = folders_where(parts.state, [](FolderWork const& folder) {
        return !folder.unchanged && folder.source.messages == 0;
    });
    parts.state.progress.folders_done += static_cast<std::uint32_t>(empty.size());
    auto folders = folders_where(parts.state, [](FolderWork const& folder) {
        return !folder.unchanged && folder.source.messages > 0;
    });
    bool go_on = co_await copy_folders(parts, std::move(folders));
    while (go_on && !parts.state.retries.empty()) {
        auto groups = std::exchange(parts.state.retries, {});
        go_on = co_await copy_groups(parts, std::move(groups));
    }
    co_return go_on;
}

Task<> conclude(LaneParts& parts, Ending ending) {
    auto const unknown = folders_where(parts.state, [](FolderWork const& f) { return f.has_unknown_uids; });
    for (auto const* const folder : unknown) {
        co_await find_unknown_uids(parts.destination, parts.journal, folder->mapped.destination,
                                   folder->record.id, folder->destination.uid_validity);
    }
    auto const complete =
        folders_where(parts.state, [](FolderWork const& f) { return !f.unchanged && f.complete; });
    if (complete.empty() || ending == Ending::stopped) co_return;
    std::vector<MailboxName> names;
    for (auto const* const folder : complete) names.push_back(folder->mapped.destination);
    auto const statuses = co_await parts.destination.status(std::move(names));
    for (std::size_t i = 0; i < complete.size(); ++i) {
        if (!statuses[i]) continue;
        co_await parts.journal.set_complete(complete[i]->record.id, complete[i]->source, *statuses[i]);
    }
}

}  // namespace imapcopy::copy
