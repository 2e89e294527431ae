#include "daemon/copy/execute.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "common/attempt.hpp"
#include "common/task_group.hpp"
#include "common/text.hpp"
#include "daemon/copy/account_view.hpp"
#include "daemon/copy/connected.hpp"
#include "daemon/copy/lane_pace.hpp"
#include "daemon/copy/probe.hpp"
#include "daemon/copy/settle.hpp"

namespace imapcopy::copy {
namespace {

/// True if the last complete pass has dealt with all that is there now. A source without CONDSTORE does not
/// tell by its status whether flags changed: there a folder that holds mail is looked at every time.
bool is_unchanged(FolderWork const& folder) {
    if (folder.source.messages > 0 && folder.source.highest_mod_seq.value() == 0) return false;
    auto const& record = folder.record;
    auto const& there = folder.mapped.destination_status;
    if (!folder.mapped.exists || !there || !record.source_complete || !record.destination_complete)
        return false;
    return *record.source_complete == folder.source &&
           record.destination_complete->uid_validity == there->uid_validity;
}

void add_folder(PassState& state, MappedFolder mapped) {
    if (!mapped.source.status) {
        state.list({mapped.path, Uid(), "FolderVanished", 0,
                    "the source lists this folder but does not tell its status"});
        return;
    }
    auto work = std::make_unique<FolderWork>();
    work->source = *mapped.source.status;
    work->result.source = mapped.path;
    work->result.destination = mapped.destination.utf8;
    work->result.messages = work->source.messages;
    if (mapped.destination_status) work->destination = *mapped.destination_status;
    work->mapped = std::move(mapped);
    ++state.progress.folders_total;
    state.progress.messages_total += work->source.messages;
    state.folders.push_back(std::move(work));
}

/// Takes over what the journal knows of the folder.
Task<> recall_folder(LaneParts& parts, FolderWork& folder) {
    FolderKey key{folder.mapped.source.name, folder.mapped.destination};
    folder.record = co_await parts.journal.folder(std::move(key));
    folder.unchanged = is_unchanged(folder);
    if (!folder.unchanged) co_return;
    auto& progress = parts.state.progress;
    ++progress.folders_done;
    progress.messages_done += folder.source.messages;
    folder.result.recognised = folder.source.messages;
}

void give_up(LaneParts& parts, FolderWork& folder, Error const& error) {
    folder.given_up = true;
    folder.complete = false;
    parts.state.labels.give_up(folder.mapped.source.name);
    parts.state.add_exception(folder, Uid(), std::string(info(error.code).name), 0, to_string(error));
}

/// From now on the folder is copied to its refuge; the journal knows it by that name.
Task<> move_to_refuge(LaneParts& parts, FolderWork& folder, Error const& refusal) {
    parts.state.add_note(folder, Uid(), std::string(info(refusal.code).name), 0,
                         "stored as \"" + folder.mapped.refuge.utf8 + "\": " + to_string(refusal));
    folder.mapped.destination = folder.mapped.refuge;
    folder.result.destination = folder.mapped.refuge.utf8;
    FolderKey key{folder.mapped.source.name, folder.mapped.refuge};
    folder.record = co_await parts.journal.folder(std::move(key));
}

/// Creates one destination folder, where the server refuses its name under another one. Runs beside the
/// others: commands go out in order.
Task<> prepare_folder(LaneParts& parts, FolderWork& folder) {
    bool const create = !folder.mapped.exists || !folder.mapped.destination_selectable;
    if (!create || folder.mapped.destination.is_inbox()) co_return;
    auto const role = folder.mapped.source.role;
    auto created = co_await parts.destination.create(folder.mapped.destination, role);
    bool const name_refused = created.error.code == ErrorCode::folder_create_refused;
    if (created.outcome == CreateOutcome::refused && name_refused) {
        auto const refusal = created.error;
        created = co_await parts.destination.create(folder.mapped.refuge, role);
        if (created.outcome == CreateOutcome::refused) co_return give_up(parts, folder, refusal);
        co_await move_to_refuge(parts, folder, refusal);
        // An earlier pass has made it, and subscribed to it.
        if (created.outcome == CreateOutcome::existed) folder.mapped.destination_subscribed = true;
    }
    if (created.outcome == CreateOutcome::refused) co_return give_up(parts, folder, created.error);
    folder.mapped.exists = created.outcome == CreateOutcome::existed;
    folder.result.created = created.outcome == CreateOutcome::created;
    parts.state.changed |= folder.result.created;
}

Task<> subscribe_folder(LaneParts& parts, FolderWork& folder) {
    bool const subscribed = co_await parts.destination.subscribe(folder.mapped.destination);
    parts.state.changed |= subscribed;
    if (subscribed) co_return;
    parts.state.add_exception(folder, Uid(), "FolderCreateRefused", 0,
                              "the destination refused the subscription");
}

/// Takes over what opening the destination folder has told.
Task<> use_opened(LaneParts& parts, FolderWork& folder, Opened const& opened) {
    auto const& status = opened.status;
    folder.destination = status;
    folder.permanent_flags = opened.permanent_flags;
    parts.state.found.add(folder.mapped.destination, status);
    auto const known = folder.record.destination_uid_validity;
    if (known == status.uid_validity) co_return;
    co_await parts.journal.set_destination_epoch(folder.record.id, status.uid_validity);
    if (known.value() != 0) folder.record.source_complete.reset();
    folder.record.destination_complete.reset();
    folder.record.destination_uid_validity = status.uid_validity;
}

/// Creates the destination folder and opens it, where there is mail for it.
Task<> make_ready(LaneParts& parts, FolderWork& folder) {
    bool const opens = folder.source.messages > 0;
    auto const wanted = folder.mapped.destination;
    TaskGroup creating(co_await boost::asio::this_coro::executor);
    creating.spawn(prepare_folder(parts, folder));
    // Sent right behind CREATE: where that fails this fails, too, or opens what was there before.
    Attempt<Opened> opened;
    if (opens) opened = co_await attempt(parts.destination.open(wanted, Access::read_write));
    co_await creating.join();
    if (!opens || folder.given_up) co_return;
    auto const& name = folder.mapped.destination;
    if (!opened.ok() || name != wanted)
        opened = co_await attempt(parts.destination.open(name, Access::read_write));
    if (auto const error = error_of(opened.exception)) {
        // A folder that cannot be opened holds up nobody else.
        if (error->code != ErrorCode::folder_vanished) opened.rethrow();
        co_return give_up(parts, folder, *error);
    }
    co_await use_opened(parts, folder, *opened.value);
}

/// Runs `step` for each of `folders`, some dozens at a time, so that their commands share round trips, and
/// what they write shares commits.
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

/// Every message that the destination does not take, or not wholly, of this pass or of an earlier one, is in
/// the report. Those that earlier passes recorded as refused were taken for copied until now.
Task<> list_exceptions(LaneParts& parts, FolderWork& folder) {
    std::uint64_t refused = 0;
    LedgerView listed;
    do {
        auto const after = listed.empty() ? Uid() : listed.back().source_uid;
        listed = co_await parts.journal.exceptions(folder.record.id, after);
        for (auto const& entry : listed) {
            refused += entry.state == MessageState::refused ? 1 : 0;
            parts.state.add_note(folder, entry.source_uid, entry.code, entry.size_bytes, entry.text);
        }
    } while (listed.size() == exceptions_per_call);
    auto const earlier = refused - std::min(folder.refused_now, refused);
    auto& progress = parts.state.progress;
    folder.result.recognised -= std::min<std::uint64_t>(earlier, folder.result.recognised);
    progress.messages_done -= std::min<std::uint64_t>(earlier, progress.messages_done);
    progress.messages_skipped += earlier;
    auto const unkept = co_await parts.journal.unkept_flags(folder.record.id);
    if (unkept.messages == 0) co_return;
    parts.state.add_note(folder, Uid(), std::string(info(ErrorCode::attribute_refused).name), 0,
                         "the destination does not keep " + printable(unkept.flags.to_string()) + ", which " +
                             std::to_string(unkept.messages) + " messages had");
}

template <class Predicate>
std::vector<FolderWork*> folders_where(PassState& state, Predicate predicate) {
    std::vector<FolderWork*> chosen;
    for (auto const& folder : state.folders) {
        if (!folder->given_up && predicate(*folder)) chosen.push_back(folder.get());
    }
    return chosen;
}

bool has_mail_to_copy(FolderWork const& folder) {
    return !folder.unchanged && folder.source.messages > 0;
}

/// Folders to which nothing was appended.
Task<> ask_missing_statuses(LaneParts& parts, std::vector<FolderWork*> folders) {
    std::erase_if(folders, [](FolderWork const* folder) { return folder->destination_after.has_value(); });
    if (folders.empty()) co_return;
    std::vector<MailboxName> names;
    for (auto const* const folder : folders) names.push_back(folder->mapped.destination);
    auto const statuses = co_await parts.destination.status(std::move(names));
    for (std::size_t i = 0; i < folders.size(); ++i) folders[i]->destination_after = statuses[i];
}

/// Creates and opens; the requests of all folders go out together. Nothing waits for subscriptions and what
/// else only the end of the pass needs: that goes on in `beside`. Gives the folders to copy.
Task<std::vector<FolderWork*>> prepare_destination(LaneParts& parts, TaskGroup& beside) {
    auto const changed =
        folders_where(parts.state, [](FolderWork const& folder) { return !folder.unchanged; });
    // Parents before children, one after the other on the wire; nobody waits for an answer in between.
    co_await for_each_together(parts, changed, make_ready);
    auto const unsubscribed = folders_where(parts.state, [](FolderWork const& folder) {
        return folder.mapped.source.subscribed && !folder.mapped.destination_subscribed;
    });
    beside.spawn(for_each_together(parts, unsubscribed, subscribe_folder));
    // Nothing will be appended to them.
    beside.spawn(ask_missing_statuses(parts, folders_where(parts.state, [](FolderWork const& folder) {
                                          return !folder.unchanged && !has_mail_to_copy(folder);
                                      })));
    for (auto const* const folder : folders_where(parts.state, [](FolderWork const&) { return true; })) {
        if (!folder->unchanged && folder->source.messages == 0) ++parts.state.progress.folders_done;
    }
    co_return folders_where(parts.state, has_mail_to_copy);
}

/// True if nothing that the destination or the journal could say changes what is to be listed.
bool is_new(FolderWork const& folder) {
    auto const& there = folder.mapped.destination_status;
    bool const destination_empty = !folder.mapped.exists || (there && there->messages == 0);
    return destination_empty && folder.record.source_uid_validity.value() == 0;
}

Task<> list_ahead(LaneParts& parts, FolderWork& folder) {
    std::vector<MessageMeta> listed;
    std::function<void(MessageMeta)> const sink = [&listed](MessageMeta meta) {
        listed.push_back(std::move(meta));
    };
    auto const windows = make_windows(Uid(1), folder.source, parts.options.messages_per_share);
    if (windows.empty()) co_return;  // A server may count messages and tell no UID that they could have.
    auto const window = windows.front();
    auto const asked = co_await attempt(
        parts.source.list_messages(folder.mapped.source.name, window, Listing::metadata, sink));
    auto const error = error_of(asked.exception);
    // Whoever is to copy it will find out as well.
    if (error && error->code == ErrorCode::folder_vanished) co_return;
    asked.rethrow();
    // Nor would the list of a server that shows more than it has counted stay as small as was thought.
    if (listed.size() > folder.source.messages) co_return;
    folder.listed_ahead = {window, std::move(listed)};
}

/// Folders that are copied for the first time are listed before their copies exist: each as far as one lane
/// takes it at first, and not so many messages in all that their list would weigh.
std::vector<FolderWork*> folders_to_list_ahead(LaneParts& parts) {
    auto folders = folders_where(
        parts.state, [](FolderWork const& folder) { return has_mail_to_copy(folder) && is_new(folder); });
    std::uint64_t left = std::uint64_t{2} * parts.options.messages_per_window;
    std::erase_if(folders, [&](FolderWork const* folder) {
        auto const messages = std::min(folder->source.messages, parts.options.messages_per_share);
        bool const fits = messages <= left;
        if (fits) left -= messages;
        return !fits;
    });
    return folders;
}

/// Gives the folders to copy once they are there. What goes on in `beside` holds up nobody.
Task<std::vector<FolderWork*>> prepare(LaneParts& parts, TaskGroup& beside) {
    TaskGroup listing(co_await boost::asio::this_coro::executor);
    listing.spawn(for_each_together(parts, folders_to_list_ahead(parts), list_ahead));
    auto prepared = co_await attempt(prepare_destination(parts, beside));
    auto const listed = co_await attempt(listing.join());
    prepared.rethrow();
    listed.rethrow();
    auto folders = std::move(*prepared.value);
    co_await probe(parts, folders);
    std::erase_if(folders, [](FolderWork const* folder) { return folder->given_up; });
    co_return folders;
}

/// Finds the copies whose UIDs the destination did not tell, and says so if it has lost some.
Task<> account_for_copies(LaneParts& parts, FolderWork& folder) {
    auto& state = parts.state;
    auto const& name = folder.mapped.destination;
    auto const uid_validity = folder.destination.uid_validity;
    auto const stored = state.stored_unnamed.find(folder.record.id);
    if (stored == state.stored_unnamed.end()) {
        if (!folder.has_unknown_uids) co_return;
        co_return co_await find_unknown_uids(parts.destination, parts.journal, name, folder.record.id,
                                             uid_validity, state.found);
    }
    auto const missing =
        co_await find_missing_copies(parts.destination, parts.journal, name, folder.record.id, uid_validity,
                                     stored->second, state.found);
    if (missing.messages == 0) co_return;
    auto const many = std::to_string(missing.messages) + (missing.messages == 1 ? " message" : " messages");
    std::string const way_out = missing.all_known ? "a resync copies what has not turned up by then"
                                                  : "imapcopyctl verify names what differs";
    auto const what = many + " for which the destination has answered OK cannot be found in it; ";
    state.add_note(folder, Uid(), std::string(info(ErrorCode::verification_failed).name), 0, what + way_out);
    if (!missing.all_known) co_return;
    folder.complete = false;  // Else the next pass would not look at it.
    state.count_lost(folder, missing.messages);
}

Task<> record_complete(LaneParts& parts, FolderWork& folder) {
    if (!folder.destination_after) co_return;
    co_await parts.journal.set_complete(folder.record.id, folder.source, *folder.destination_after);
}

}  // namespace

Task<> view_accounts(LaneParts& parts, FolderOptions const& folders, LabelPolicy labels) {
    AccountView source;
    AccountView destination;
    TaskGroup sides(co_await boost::asio::this_coro::executor);
    sides.spawn(view_side(parts.source, source));
    sides.spawn(view_side(parts.destination, destination));
    co_await sides.join();
    auto map = map_mailboxes(source, destination, folders);
    auto& state = parts.state;
    for (auto& note : map.notes) state.list(std::move(note));
    if (source.labels) state.labels = LabelFolders(map.folders, labels);
    auto const reports = co_await parts.journal.report_fingerprints();
    state.reports.insert(reports.begin(), reports.end());
    for (auto& mapped : map.folders) add_folder(state, std::move(mapped));
    expect_what_was_viewed(parts);
    auto all = folders_where(state, [](FolderWork const&) { return true; });
    co_await for_each_together(parts, std::move(all), recall_folder);
    note_round_trips(parts);
    state.report();
}

std::uint32_t lanes_for(PassState& state, LaneLimits const& limits) {
    return lanes_worthwhile(folders_where(state, has_mail_to_copy), limits);
}

Task<bool> copy_all(LaneParts& parts, Connections& connections, std::uint32_t lanes) {
    TaskGroup beside(co_await boost::asio::this_coro::executor);
    auto const copied = co_await attempt(copy_in_lanes(parts, connections, lanes, prepare(parts, beside)));
    co_await clear_cancellation();
    auto const subscribed = co_await attempt(beside.join());
    if (auto const cause = cause_of(copied.exception, subscribed.exception)) std::rethrow_exception(cause);
    bool go_on = *copied.value;
    while (go_on && !parts.state.retries.empty()) {
        auto groups = std::exchange(parts.state.retries, {});
        go_on = co_await copy_groups(parts, std::move(groups));
    }
    co_return go_on;
}

Task<> conclude(LaneParts& parts, Ending ending) {
    for (auto* const folder : folders_where(parts.state, [](FolderWork const&) { return true; }))
        co_await account_for_copies(parts, *folder);
    for (auto const& folder : parts.state.folders) co_await list_exceptions(parts, *folder);
    parts.state.report();
    // A label that is taken away changes no UID of the folders that left a message to it: the next pass lists
    // them again.
    auto const complete = folders_where(parts.state, [](FolderWork const& f) {
        bool const through = f.windows.empty() && f.planned.empty();
        return !f.unchanged && f.complete && through && f.result.elsewhere == 0;
    });
    if (ending == Ending::stopped) co_return;
    co_await ask_missing_statuses(parts, complete);
    co_await for_each_together(parts, complete, record_complete);
}

}  // namespace imapcopy::copy
