#include "daemon/copy/source_half.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "common/attempt.hpp"
#include "common/task_group.hpp"
#include "common/text.hpp"
#include "daemon/copy/account_view.hpp"
#include "daemon/copy/body_digests.hpp"
#include "daemon/copy/expunged_exceptions.hpp"
#include "daemon/copy/flag_merge.hpp"
#include "daemon/copy/folder_fetch.hpp"
#include "daemon/copy/nominee_listing.hpp"

namespace imapcopy::copy {
namespace {

/// Fetches of one connection, one behind the other: enough that small folders cost no round trip each.
constexpr std::size_t fetches_under_way_max = 8;

std::size_t messages_in(std::vector<RetryGroup> const& groups) {
    std::size_t messages = 0;
    for (auto const& group : groups) messages += group.messages.size();
    return messages;
}

/// Where the listing starts: what the last complete pass has seen is not listed again.
Uid first_uid(FolderWork const& folder) {
    auto const& complete = folder.record.source_complete;
    bool const same_epoch = complete && complete->uid_validity == folder.source.uid_validity &&
                            folder.record.destination_uid_validity == folder.destination.uid_validity;
    return same_epoch && complete->uid_next.value() > 0 ? complete->uid_next : Uid(1);
}

/// What is missing may have a UID that an earlier pass has seen.
Task<> list_all_next_time(Journal& journal, FolderRecord const& record) {
    auto seen = *record.source_complete;
    seen.uid_next = Uid();
    // None where the destination folder has become another one since.
    auto const there = record.destination_complete.value_or(MailboxStatus{});
    co_await journal.set_complete(record.id, seen, there);
}

MessageMeta const* find_meta(std::vector<MessageMeta> const& window, Uid uid) {
    auto const found = std::ranges::find(window, uid, &MessageMeta::uid);
    return found == window.end() ? nullptr : &*found;
}

bool knows(LedgerView const& ledger, Uid uid) {
    return std::ranges::binary_search(ledger, uid, {}, &LedgerEntry::source_uid);
}

}  // namespace

Task<> SourceHalf::read_folders(FolderQueue& folders) {
    FolderQueue::Watch const watch(folders, planned_changed_);
    TaskGroup planning(co_await boost::asio::this_coro::executor);
    planning.spawn(plan_folders(folders));
    auto const fetched = co_await attempt(fetch_planned(folders));
    fetching_over_ = true;
    planned_changed_.set();
    if (!fetched.ok()) {
        // A planner may wait for the destination, behind a body that never becomes whole, or for a folder.
        mouth_.queue.close();
        folders.end();
    }
    auto const planned = co_await attempt(planning.join());
    fetched.rethrow();
    planned.rethrow();
}

Task<> SourceHalf::plan_folders(FolderQueue& folders) {
    TaskGroup planning(co_await boost::asio::this_coro::executor);
    while (!planning.failed() && !fetching_over_ && !stop_requested()) {
        if (!may_take_further(folders)) {
            planning_waits_at_ = &folders;
            planned_changed_.clear();
            co_await planned_changed_.wait();
            planning_waits_at_ = nullptr;
            continue;
        }
        std::function<std::uint64_t()> worthwhile = [this, &folders] { return needed(folders); };
        auto const turn = co_await folders.next(parts_.seat, std::move(worthwhile));
        if (turn.folder == nullptr) break;
        planned_.push_back({*turn.folder, turn.begins});
        ++turn.folder->lanes;
        planned_changed_.set();
        planning.spawn(plan_beside(folders, planned_.back()));
    }
    planning_over_ = true;
    planned_changed_.set();
    co_await planning.join();
}

bool SourceHalf::may_take_further(FolderQueue const& folders) const {
    if (planned_.size() > folders.ahead_max()) return false;
    if (folders.lanes() == 1) return true;
    std::uint64_t to_come = planned_messages() + parts_.load.messages();
    for (auto const& planning : planned_) {
        if (planning.begins && !planning.over) to_come += planning.folder.source.messages;
    }
    return folders.leaves_enough(to_come, parts_.state.messages_left(), needed(folders));
}

void SourceHalf::look_at_load() {
    bool const plans = planning_waits_at_ != nullptr && may_take_further(*planning_waits_at_);
    bool const fetches = fetching_waits_at_ != nullptr && room_for_fetch(*fetching_waits_at_) > 0;
    if (plans || fetches || mouth_.queue.is_abandoned()) planned_changed_.set();
}

std::size_t SourceHalf::planned_messages() const {
    std::size_t messages = 0;
    for (auto const& planning : planned_) messages += planning.folder.planned_messages;
    return messages;
}

std::uint64_t SourceHalf::needed(FolderQueue const& folders) const {
    return parts_.load.needed(parts_.source.round_trip(), parts_.state.messages_left() / folders.lanes());
}

Task<> SourceHalf::plan_beside(FolderQueue& folders, Planning& planning) {
    auto const planned = co_await attempt(plan_folder(folders, planning));
    auto const error = error_of(planned.exception);
    // A folder that cannot be opened holds up nobody else.
    bool const vanished = error && error->code == ErrorCode::folder_vanished;
    if (error) planning.folder.complete = false;
    if (vanished) {
        parts_.state.labels.give_up(planning.folder.mapped.source.name);
        parts_.state.add_exception(planning.folder, Uid(), std::string(info(error->code).name), 0,
                                   to_string(*error));
    }
    planning.over = true;
    planned_changed_.set();
    if (!vanished) planned.rethrow();
}

Task<> SourceHalf::fetch_planned(FolderQueue& folders) {
    TaskGroup fetching(co_await boost::asio::this_coro::executor);
    auto const started = co_await attempt(start_fetches(folders, fetching));
    auto const fetched = co_await attempt(fetching.join());
    started.rethrow();
    fetched.rethrow();
    for (auto* const folder : fetched_) count_without_bodies(*folder);
}

Task<> SourceHalf::start_fetches(FolderQueue& folders, TaskGroup& fetching) {
    for (;;) {
        while (planned_.empty() && !planning_over_) {
            planned_changed_.clear();
            co_await planned_changed_.wait();
        }
        if (planned_.empty() || fetching.failed() || stop_requested()) co_return;
        auto& next = planned_.front();
        parts_.state.progress.current_folder = next.folder.mapped.path;
        parts_.state.report();
        bool const any = co_await fetch_folder(folders, next, fetching);
        if (fetching.failed() || stopped_) co_return;
        if (any) {
            fetched_.push_back(&next.folder);
        } else {
            count_without_bodies(next.folder);
        }
        planned_.pop_front();
        planned_changed_.set();
    }
}

Task<bool> SourceHalf::fetch_folder(FolderQueue& folders, Planning& planning, TaskGroup& fetching) {
    auto const& planned = planning.folder.planned;
    for (bool any = false;; any = true) {
        co_await retry_refused(fetching);
        std::size_t room = 0;
        auto const waits = [&] {
            if (fetching.failed() || mouth_.queue.is_abandoned() || may_leave(planning)) return false;
            if (planned.empty()) return !planning.over;
            room = room_for_fetch(folders);
            return room == 0;
        };
        while (waits()) {
            fetching_waits_at_ = planned.empty() ? nullptr : &folders;
            planned_changed_.clear();
            co_await planned_changed_.wait();
            fetching_waits_at_ = nullptr;
        }
        if (mouth_.queue.is_abandoned()) throw Failure(ErrorCode::cancelled, "ask for more messages");
        if (planned.empty() || may_leave(planning) || fetching.failed() || stop_requested()) co_return any;
        auto messages = folders.take_planned(planning.folder, room);
        ++fetches_under_way_;
        messages_under_way_ += messages.size();
        fetching.spawn(fetch(planning.folder, std::move(messages)));
    }
}

bool SourceHalf::may_leave(Planning const& planning) const {
    return parts_.seat.retired && planning.over && planning.folder.planners > 0;
}

std::size_t SourceHalf::room_for_fetch(FolderQueue const& folders) const {
    // A second window of a large folder may be on its way behind the first, but no more.
    bool const has_room = fetches_under_way_ < fetches_under_way_max &&
                          messages_under_way_ <= parts_.options.messages_per_window;
    if (!has_room) return 0;
    if (folders.lanes() == 1) return parts_.options.messages_per_window;
    return parts_.load.room(needed(folders));
}

Task<> SourceHalf::retry_refused(TaskGroup const& fetching) {
    while (messages_in(parts_.retries) > parts_.options.messages_per_window) {
        while (fetches_under_way_ > 0 && !fetching.failed()) {
            planned_changed_.clear();
            co_await planned_changed_.wait();
        }
        if (fetching.failed() || stop_requested()) co_return;
        auto groups = std::exchange(parts_.retries, {});
        co_await read_groups(std::move(groups));
    }
}

Task<> SourceHalf::fetch(FolderWork& folder, std::vector<MessageMeta> messages) {
    auto const count = messages.size();
    FolderFetch fetching(parts_, mouth_, folder, {}, std::move(messages));
    auto const fetched = co_await attempt(fetching.run());
    --fetches_under_way_;
    messages_under_way_ -= count;
    (void)stop_requested();
    planned_changed_.set();
    fetched.rethrow();
}

/// All others are counted when the last of their bodies is stored.
void SourceHalf::count_without_bodies(FolderWork& folder) {
    if (!mouth_.begun.contains(&folder)) parts_.state.leave_folder(folder);
}

/// What is fetched next always has room: others may have taken all of it.
bool SourceHalf::has_room_for(Planning const& planning) const {
    if (planned_messages() < parts_.options.messages_per_window) return true;
    return &planning == &planned_.front() && planning.folder.planned.empty();
}

Task<> SourceHalf::add_planned(FolderQueue& folders, Planning const& planning,
                               std::vector<MessageMeta> messages) {
    while (!has_room_for(planning) && !fetching_over_) {
        planned_changed_.clear();
        co_await planned_changed_.wait();
    }
    folders.add_planned(planning.folder, std::move(messages));
    planned_changed_.set();
}

bool SourceHalf::stop_requested() {
    stopped_ |= parts_.context.stop.requested() || parts_.state.ending;
    return stopped_;
}

Task<> SourceHalf::read_groups(std::vector<RetryGroup> groups) {
    for (auto& group : groups) {
        if (group.folder->given_up) continue;
        FolderFetch fetching(parts_, mouth_, *group.folder, group.reduction, std::move(group.messages));
        auto const fetched = co_await attempt(fetching.run());
        (void)stop_requested();
        fetched.rethrow();
        Piece ending = BatchEnd{};
        co_await mouth_.queue.push(std::move(ending));
    }
}

Task<> SourceHalf::plan_folder(FolderQueue& folders, Planning& planning) {
    auto& folder = planning.folder;
    // Only what is planned of it is shared.
    if (!planning.begins && (!folder.shared || folder.windows.empty())) co_return;
    if (planning.begins) {
        auto const begun = co_await attempt(begin_folder(planning));
        // Whoever waits for windows of this folder learns that there are none.
        if (!begun.ok()) folders.set_windows(folder, {}, false);
        begun.rethrow();
        // Matching by content is one lane's work: what one window takes no other may take.
        bool const shared =
            parts_.options.shares_folders && planning.nominees.empty() && planning.heirs.empty();
        auto const size = shared ? parts_.options.messages_per_share : parts_.options.messages_per_window;
        folders.set_windows(folder, make_windows(*begun.value, folder.source, size), shared);
    }
    ++folder.planners;
    auto const planned = co_await attempt(plan_windows(folders, planning));
    folders.end_planning(folder);
    bool const whole = planned.ok() && *planned.value;
    if (!whole) folders.drop_windows(folder);
    planned.rethrow();
    if (whole && folder.planners == 0 && folder.windows.empty()) co_await count_unlisted(folder);
}

Task<Uid> SourceHalf::begin_folder(Planning& planning) {
    auto& folder = planning.folder;
    planning.nominees = co_await list_nominees(parts_, folder);
    bool const new_epoch = folder.record.source_uid_validity != folder.source.uid_validity;
    if (new_epoch) {
        parts_.state.stored_unnamed.erase(folder.record.id);
        co_await parts_.journal.set_source_epoch(folder.record.id, folder.source.uid_validity);
    }
    // Until a pass is complete in this epoch: an earlier one may have died between two inheritances.
    if (new_epoch || !folder.record.source_complete) {
        auto const entries = co_await parts_.journal.inheritable(folder.record.id);
        planning.heirs = Heirs(entries);
    }
    auto const first = first_uid(folder);
    if (first.value() > 1) co_await update_seen_flags(folder, first);
    co_await forget_expunged_exceptions(parts_, folder);
    co_return first;
}

Task<bool> SourceHalf::plan_windows(FolderQueue& folders, Planning& planning) {
    while (auto const window = folders.take_window(planning.folder, parts_.seat)) {
        if (fetching_over_ || stop_requested()) {
            planning.folder.complete = false;
            co_return false;
        }
        co_await plan_window_of(folders, planning, *window);
    }
    planning.nominees = {};
    planning.heirs = {};
    co_return true;
}

Task<> SourceHalf::count_unlisted(FolderWork& folder) {
    auto const listed = folder.listed_messages + folder.hidden_reports + folder.result.elsewhere;
    bool const whole = first_uid(folder).value() == 1;
    // Of what a complete pass has seen, messages may have gone since, but none can have come.
    auto const seen = listed + (whole ? 0 : folder.record.source_complete->messages);
    auto others =
        folder.source.messages - std::min<std::uint64_t>(folder.listed_messages, folder.source.messages);
    if (co_await is_incomplete(parts_.source, folder.mapped.source.name, folder.source, seen)) {
        // Else the next pass would not look for them again.
        folder.complete = false;
        parts_.state.add_note(folder, Uid(), std::string(info(ErrorCode::message_unreadable).name), 0,
                              "the source lists " + std::to_string(seen) + " of the " +
                                  std::to_string(folder.source.messages) + " messages that it says it has");
        auto const missing = folder.source.messages - seen;
        parts_.state.progress.messages_skipped += missing;
        others -= missing;
        if (!whole) co_await list_all_next_time(parts_.journal, folder.record);
    }
    // What was not listed was dealt with by an earlier pass, or by another folder, or is a report of ours, or
    // has just been expunged.
    parts_.state.progress.messages_done += others;
    if (!whole) folder.result.recognised += others - std::min<std::uint64_t>(folder.result.elsewhere, others);
    parts_.state.report();
}

Task<> SourceHalf::update_seen_flags(FolderWork& folder, Uid first) {
    constexpr std::uint32_t changes_per_window = 50'000;  // Few of so many messages will have changed.
    auto seen = *folder.record.source_complete;
    seen.uid_next = first;
    auto const since = seen.highest_mod_seq;
    bool const tells_changes = since.value() > 0 && folder.source.highest_mod_seq.value() > 0;
    if (tells_changes && since == folder.source.highest_mod_seq) co_return;
    auto const size = tells_changes ? changes_per_window : parts_.options.messages_per_window;
    for (auto const& window : make_windows(Uid(1), seen, size)) {
        if (fetching_over_ || stop_requested()) {
            folder.complete = false;
            co_return;
        }
        std::vector<MessageMeta> listed;
        std::function<void(MessageMeta)> const sink = [&](MessageMeta meta) {
            listed.push_back(std::move(meta));
        };
        auto const& name = folder.mapped.source.name;
        if (tells_changes) {
            co_await parts_.source.list_changes(name, window, since, sink);
        } else {
            co_await parts_.source.list_messages(name, window, Listing::flags, sink);
        }
        if (listed.empty()) continue;
        auto const [least, greatest] = std::ranges::minmax(listed, {}, &MessageMeta::uid);
        UidRange const range{least.uid, greatest.uid};
        auto const ledger = co_await parts_.journal.entries(folder.record.id, range);
        co_await update_flags(folder, listed, ledger);
    }
}

Task<> SourceHalf::update_flags(FolderWork& folder, std::vector<MessageMeta> const& listed,
                                LedgerView const& ledger) {
    auto const changes =
        find_flag_changes(listed, ledger, folder.permanent_flags, folder.destination.uid_validity);
    if (changes.empty()) co_return;
    for (auto& store : group_flag_changes(changes)) {
        bool const taken = co_await parts_.destination.store_flags(
            folder.mapped.destination, std::move(store.destination_uids), store.add, store.remove);
        if (taken) continue;
        folder.complete = false;  // The next pass tries again.
        parts_.state.add_note(folder, Uid(), std::string(info(ErrorCode::attribute_refused).name), 0,
                              "the destination refused flags that changed at the source");
        co_return;
    }
    std::vector<std::pair<Uid, Flags>> merged;
    for (auto const& change : changes) merged.emplace_back(change.source_uid, change.merged);
    co_await parts_.journal.set_flags(folder.record.id, std::move(merged));
    parts_.state.changed = true;
}

void SourceHalf::part_with_suspects(FolderWork& folder, std::vector<MessageMeta>& messages) {
    auto& state = parts_.state;
    auto const& name = folder.mapped.source.name;
    std::erase_if(messages, [&](MessageMeta const& message) {
        if (!state.deadly.is_suspect(name, message.uid)) return false;
        if (!state.deadly.is_deadly(name, message.uid)) {
            state.progress.bytes_total += message.size_bytes;
            parts_.retries.push_back({&folder, {message}, {}});
            return true;
        }
        // Not recorded in the journal: the next pass asks again.
        folder.complete = false;
        state.add_exception(folder, message.uid, std::string(info(ErrorCode::message_unreadable).name),
                            message.size_bytes,
                            "the source ended the connection each time that it was asked for this message");
        return true;
    });
}

Task<> SourceHalf::plan_window_of(FolderQueue& folders, Planning& planning, UidRange window) {
    auto& folder = planning.folder;
    bool const hides_reports = folder.mapped.source.name.is_inbox() && !parts_.state.reports.empty();
    bool const needs_identity = !planning.nominees.empty() || !planning.heirs.empty() || hides_reports;
    auto listed =
        co_await list_window(folder, window, needs_identity ? Listing::identity : Listing::metadata);
    auto ledger = co_await parts_.journal.entries(folder.record.id, window);
    if (!planning.heirs.empty()) {
        co_await inherit(planning, listed, ledger);
        ledger = co_await parts_.journal.entries(folder.record.id, window);
    }
    leave_to_others(folder, listed, ledger);
    auto limits = parts_.options.window;
    limits.destination_uid_validity = folder.destination.uid_validity;
    auto plan = plan_window(listed, ledger, planning.nominees, limits, folder.mapped.path);
    folder.listed_messages += listed.size();
    co_await update_flags(folder, listed, ledger);
    if (!plan.compare.empty()) co_await compare(planning, plan, listed);
    co_await record_decisions(folder, plan, listed);
    part_with_suspects(folder, plan.copy);
    for (auto const& message : plan.copy) parts_.state.progress.bytes_total += message.size_bytes;
    if (!plan.copy.empty()) co_await add_planned(folders, planning, std::move(plan.copy));
}

Task<std::vector<MessageMeta>> SourceHalf::list_window(FolderWork& folder, UidRange window, Listing listing) {
    auto& ahead = folder.listed_ahead;
    std::vector<MessageMeta> listed;
    if (listing == Listing::metadata && ahead && ahead->window == window) {
        listed = std::move(ahead->messages);
        ahead.reset();
        co_return listed;
    }
    bool const hides_reports = folder.mapped.source.name.is_inbox();
    std::function<void(MessageMeta)> const sink = [&](MessageMeta meta) {
        bool const is_report =
            hides_reports && meta.identity && parts_.state.reports.contains(meta.identity->fingerprint);
        folder.hidden_reports += is_report ? 1 : 0;
        if (!is_report) listed.push_back(std::move(meta));
    };
    co_await parts_.source.list_messages(folder.mapped.source.name, window, listing, sink);
    co_return listed;
}

void SourceHalf::leave_to_others(FolderWork& folder, std::vector<MessageMeta>& listed,
                                 LedgerView const& ledger) {
    auto const& labels = parts_.state.labels;
    if (labels.empty()) return;
    auto const before = listed.size();
    std::erase_if(listed, [&](MessageMeta const& message) {
        return !knows(ledger, message.uid) &&
               labels.stands_elsewhere(folder.mapped.source.name, message.labels);
    });
    folder.result.elsewhere += before - listed.size();
    for (auto& message : listed) message.labels = {};
}

Task<> SourceHalf::inherit(Planning& planning, std::vector<MessageMeta> const& window,
                           LedgerView const& ledger) {
    auto& heirs = planning.heirs;
    auto const& name = planning.folder.mapped.source.name;
    std::vector<std::pair<Uid, Uid>> old_to_new;
    auto const match = [&](Uid uid, Digest const& fingerprint) {
        if (auto const old = heirs.take(fingerprint)) old_to_new.emplace_back(*old, uid);
    };
    std::vector<Uid> nameless;  // Recognised by all their bytes.
    for (auto const& message : window) {
        if (!message.identity || knows(ledger, message.uid)) continue;
        if (message.identity->coarse != 0) {
            match(message.uid, message.identity->fingerprint);
        } else if (heirs.has_nameless()) {
            nameless.push_back(message.uid);
        }
    }
    if (!nameless.empty()) {
        auto const read = co_await source_digests(parts_, name, std::move(nameless));
        for (auto const& message : read) match(message.uid, message.digest);
    }
    if (!old_to_new.empty())
        co_await parts_.journal.inherit(planning.folder.record.id, std::move(old_to_new));
}

Task<> SourceHalf::record_decisions(FolderWork& folder, WindowPlan const& plan,
                                    std::vector<MessageMeta> const& window) {
    std::vector<Outcome> outcomes;
    for (auto const& adoption : plan.adopt) {
        auto const* const meta = find_meta(window, adoption.source_uid);
        outcomes.push_back({adoption.source_uid,
                            MessageState::adopted,
                            adoption.destination_uid,
                            folder.destination.uid_validity,
                            meta->identity.value_or(Identity{}),
                            meta->size_bytes,
                            meta->flags,
                            {},
                            {}});
    }
    for (auto const uid : plan.gone) {
        outcomes.push_back({uid, MessageState::gone, Uid(), UidValidity(), {}, 0, {}, {}, {}});
    }
    for (auto const& exception : plan.exceptions) {
        outcomes.push_back({exception.uid,
                            MessageState::refused,
                            Uid(),
                            UidValidity(),
                            {},
                            exception.size_bytes,
                            {},
                            exception.code,
                            exception.text});
        parts_.state.count_refused(folder);
    }
    auto& state = parts_.state;
    auto const counted = std::min(plan.known, folder.probed);
    folder.probed -= counted;
    state.progress.messages_done += plan.known - counted + plan.adopt.size();
    folder.result.recognised += plan.known - counted + plan.adopt.size();
    state.report();
    if (!outcomes.empty()) co_await parts_.journal.finish(folder.record.id, std::move(outcomes));
}

Task<> SourceHalf::compare(Planning& planning, WindowPlan& plan, std::vector<MessageMeta> const& window) {
    auto& folder = planning.folder;
    for (auto const& comparison : plan.compare) {
        auto const source =
            co_await source_digests(parts_, folder.mapped.source.name, comparison.source);
        auto const destination =
            co_await body_digests(parts_.destination, folder.mapped.destination, comparison.destination);
        auto result = compare_bodies(source, destination, planning.nominees);
        plan.adopt.insert(plan.adopt.end(), result.adopt.begin(), result.adopt.end());
        bool const all_read =
            source.size() == comparison.source.size() && destination.size() == comparison.destination.size();
        for (auto const uid : comparison.source) {
            bool const adopted =
                std::ranges::find(result.adopt, uid, &Adoption::source_uid) != result.adopt.end();
            if (adopted) continue;
            plan.copy.push_back(*find_meta(window, uid));
            // A duplicate can be mended, a loss cannot; but nobody should have to find it by himself.
            if (!all_read) folder.doubtful.insert(uid);
        }
    }
    std::ranges::sort(plan.copy, {}, &MessageMeta::uid);
}

}  // namespace imapcopy::copy
