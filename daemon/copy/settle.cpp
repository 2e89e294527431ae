#include "daemon/copy/settle.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "common/attempt.hpp"
#include "daemon/copy/appended_flags.hpp"
#include "daemon/copy/body_digests.hpp"

namespace imapcopy::copy {
namespace {

using OpenFolder = std::pair<FolderKey, FolderRecord>;

UidRange range_to_list(LedgerView const& entries, UidValidity uid_validity) {
    auto first = Uid(UINT32_MAX);
    for (auto const& entry : entries) {
        bool const same = entry.destination_uid_validity == uid_validity && entry.base_uid_next.value() > 0;
        first = std::min(first, same ? entry.base_uid_next : Uid(1));
    }
    return {first, Uid(UINT32_MAX)};
}

/// Listed messages that may be copies of entries without useful headers: of those that came after the base,
/// all (not every server keeps the date of an APPEND), else those with the same date.
std::vector<Uid> silent_candidates(LedgerView const& entries, std::vector<MessageMeta> const& listed,
                                   UidValidity uid_validity) {
    std::set<std::int64_t> dates;
    auto base = Uid(UINT32_MAX);
    for (auto const& entry : entries) {
        if (entry.identity.coarse != 0) continue;
        dates.insert(entry.internal_date.unix_seconds);
        bool const same_epoch = entry.destination_uid_validity == uid_validity;
        if (same_epoch && entry.base_uid_next.value() > 0) base = std::min(base, entry.base_uid_next);
    }
    std::vector<Uid> candidates;
    for (auto const& message : listed) {
        bool const silent = message.identity && message.identity->coarse == 0;
        bool const fits = message.uid >= base || dates.contains(message.internal_date.unix_seconds);
        if (silent && !dates.empty() && fits) candidates.push_back(message.uid);
    }
    return candidates;
}

/// Entries without useful headers are told by the digest of their bytes.
Task<std::vector<std::pair<Uid, Uid>>> match_by_body(Endpoint& destination, MailboxName mailbox,
                                                     LedgerView entries, std::vector<MessageMeta> listed,
                                                     UidValidity uid_validity) {
    std::vector<std::pair<Uid, Uid>> pairs;
    auto candidates = silent_candidates(entries, listed, uid_validity);
    if (candidates.empty()) co_return pairs;
    auto digests = co_await body_digests(destination, mailbox, candidates);
    // A copy that is not recognised stays without the flags that its server has forgotten. So what was not
    // given, perhaps for a moment only, is asked for once more.
    std::set<Uid> missing(candidates.begin(), candidates.end());
    for (auto const& message : digests) missing.erase(message.uid);
    if (!missing.empty()) {
        candidates.assign(missing.begin(), missing.end());
        auto const late = co_await body_digests(destination, std::move(mailbox), std::move(candidates));
        digests.insert(digests.end(), late.begin(), late.end());
        std::ranges::sort(digests, {}, &HashedMessage::uid);  // Equal ones are told apart by their order.
    }
    std::multimap<Digest, Uid> by_digest;
    for (auto const& message : digests) by_digest.emplace(message.digest, message.uid);
    for (auto const& entry : entries) {
        auto const found = by_digest.find(entry.identity.fingerprint);
        if (entry.identity.coarse != 0 || found == by_digest.end()) continue;
        pairs.emplace_back(entry.source_uid, found->second);
        by_digest.erase(found);
    }
    co_return pairs;
}

using Pairs = std::vector<std::pair<Uid, Uid>>;

/// In the order of `entries`.
std::vector<Outcome> found_outcomes(Pairs const& pairs, LedgerView const& entries, UidValidity uid_validity) {
    std::map<Uid, Uid> const copies(pairs.begin(), pairs.end());
    std::vector<Outcome> outcomes;
    for (auto const& entry : entries) {
        auto const copy = copies.find(entry.source_uid);
        if (copy == copies.end()) continue;
        outcomes.push_back({entry.source_uid, MessageState::done, copy->second, uid_validity, entry.identity,
                            entry.size_bytes, entry.flags, entry.code, entry.text});
    }
    return outcomes;
}

/// Of a message that lost something on its way, only the system flags have certainly been given.
Flags given_flags(LedgerEntry const& entry) {
    auto given = entry.flags;
    if (entry.code.empty()) return given;
    for (auto const& keyword : entry.flags.keywords()) given.remove_keyword(keyword);
    return given;
}

/// The copies without the flags that APPEND gave, where none has any. Not those of an earlier epoch: their
/// flags have been their user's for long.
std::vector<AppendedFlags> forgotten_flags(Pairs const& pairs, LedgerView const& entries,
                                           std::vector<MessageMeta> const& listed, UidValidity uid_validity) {
    std::map<Uid, Flags const*> found;
    for (auto const& message : listed) found.emplace(message.uid, &message.flags);
    std::map<Uid, Uid> copies(pairs.begin(), pairs.end());
    std::vector<AppendedFlags> appended;
    for (auto const& entry : entries) {
        auto const copy = copies.find(entry.source_uid);
        if (copy == copies.end() || entry.destination_uid_validity != uid_validity) continue;
        auto const& flags = *found.find(copy->second)->second;
        appended.push_back({entry.source_uid, copy->second, entry.flags, given_flags(entry), flags});
    }
    if (judge_flags(appended) != FlagKeeping::forgets) appended.clear();
    return appended;
}

/// What copies lack for good stands in their outcomes.
void note_missing_flags(std::vector<Outcome>& outcomes, std::vector<AppendedFlags> const& lacking) {
    std::map<Uid, AppendedFlags const*> by_uid;
    for (auto const& copy : lacking) by_uid.emplace(copy.source_uid, &copy);
    for (auto& outcome : outcomes) {
        auto const copy = by_uid.find(outcome.source_uid);
        if (copy != by_uid.end()) note_missing_flags(outcome, *copy->second);
    }
}

/// What one listing has told.
struct Identified {
    Pairs copies;
    std::vector<Uid> strangers;  ///< Messages there that are nobody's copy, as far as anybody knows.
};

std::vector<Uid> strangers_among(std::vector<MessageMeta> const& listed, Pairs const& copies) {
    std::set<Uid> found;
    for (auto const& [source, destination] : copies) found.insert(destination);
    std::vector<Uid> strangers;
    for (auto const& message : listed) {
        if (!found.contains(message.uid)) strangers.push_back(message.uid);
    }
    return strangers;
}

/// Finds the copies of `entries` in one listing and records them.
Task<Identified> identify(Endpoint& destination, Journal& journal, MailboxName mailbox, FolderId folder,
                          LedgerView entries, UidValidity uid_validity, FoundFolders const& found) {
    if (entries.empty()) co_return Identified();
    auto const claimed = co_await journal.claimed(mailbox, uid_validity);
    std::vector<MessageMeta> listed;
    std::function<void(MessageMeta)> const sink = [&](MessageMeta meta) {
        if (!claimed.contains(meta.uid)) listed.push_back(std::move(meta));
    };
    auto const range = range_to_list(entries, uid_validity);
    // What is missing here would be copied again.
    destination.reopen_at_next_use();
    co_await destination.list_messages(mailbox, range, Listing::identity, sink);
    auto pairs = match_entries(entries, listed, uid_validity);
    auto const by_body = co_await match_by_body(destination, mailbox, entries, listed, uid_validity);
    pairs.insert(pairs.end(), by_body.begin(), by_body.end());
    auto outcomes = found_outcomes(pairs, entries, uid_validity);
    std::vector<AppendedFlags> forgotten;
    std::vector<AppendedFlags> named;
    auto lacking = forgotten_flags(pairs, entries, listed, uid_validity);
    bool const lost = have_lost_several_kinds(lacking);
    for (auto& copy : lacking) {
        bool const ours = found.came_since(mailbox, uid_validity, copy.destination_uid);
        // What somebody may have undeleted is named only.
        bool const is_set = ours || (lost && !copy.given.has(imap::SystemFlag::deleted));
        (is_set ? forgotten : named).push_back(std::move(copy));
    }
    note_missing_flags(outcomes, named);
    if (!forgotten.empty()) co_await admit_forgotten_flags(journal, folder, forgotten);
    if (!outcomes.empty()) co_await journal.finish(folder, std::move(outcomes));
    if (!forgotten.empty()) {
        co_await set_forgotten_flags(destination, journal, std::move(mailbox), folder, uid_validity,
                                     forgotten);
    }
    auto strangers = strangers_among(listed, pairs);
    co_return Identified{std::move(pairs), std::move(strangers)};
}

/// Copies that are known to be stored, but not where, claim first: else an equal message whose fate is open
/// would take theirs, and would itself be lost.
Task<std::uint64_t> settle_folder(Endpoint& destination, Journal& journal, OpenFolder folder,
                                  MailboxStatus status, FoundFolders const& found) {
    auto const& [key, record] = folder;
    auto entries = co_await journal.entries_without_uid(record.id);
    auto const open = co_await journal.open_entries(record.id);
    entries.insert(entries.end(), open.begin(), open.end());
    auto const identified = co_await identify(destination, journal, key.destination, record.id,
                                              std::move(entries), status.uid_validity, found);
    co_return identified.copies.size();
}

/// A server may refuse to tell the status of a folder that it has. None: it has no such folder. (hMailServer
/// answers BAD then.)
Task<std::optional<MailboxStatus>> status_by_opening(Endpoint& destination, MailboxName mailbox) {
    auto const opened = co_await attempt(destination.open(std::move(mailbox), Access::read_write));
    auto const error = error_of(opened.exception);
    bool const absent =
        error && (error->code == ErrorCode::folder_vanished || error->code == ErrorCode::server_bug);
    if (absent) co_return std::nullopt;
    opened.rethrow();
    co_return opened.value->status;
}

Task<std::uint64_t> look(Endpoint& destination, Journal& journal, std::vector<OpenFolder> folders,
                         FoundFolders const& found, ChangedFolder changed) {
    std::vector<MailboxName> names;
    for (auto const& [key, record] : folders) names.push_back(key.destination);
    auto const statuses = co_await destination.status(std::move(names));
    std::uint64_t copies = 0;
    for (std::size_t i = 0; i < folders.size(); ++i) {
        auto status = statuses[i];
        if (!status) status = co_await status_by_opening(destination, folders[i].first.destination);
        if (!status) continue;  // No such folder: nothing was stored in it.
        auto const here = co_await attempt(settle_folder(destination, journal, folders[i], *status, found));
        auto const error = error_of(here.exception);
        bool const is_another = error && error->code == ErrorCode::uid_validity_changed;
        if (is_another && changed == ChangedFolder::is_passed_over) continue;
        here.rethrow();
        copies += *here.value;
    }
    co_return copies;
}

/// The sizes of messages whose outcome is open.
struct OpenBytes {
    std::uint64_t largest = 0;
    std::uint64_t all = 0;
};

/// A server that has the last byte may still be busy with a large message, or with many. None is expected to
/// store less than 1 MiB a second of one message, nor less than 4 MiB a second over several connections.
Duration time_to_store(OpenBytes const& bytes) {
    constexpr std::uint64_t mebibyte = 1024 * 1024;
    constexpr Duration longest = std::chrono::minutes(10);
    auto const seconds = std::max(bytes.largest / mebibyte, bytes.all / (4 * mebibyte));
    return std::min<Duration>(longest, std::chrono::seconds(seconds));
}

Task<OpenBytes> open_bytes(Journal& journal, std::vector<OpenFolder> folders) {
    OpenBytes bytes;
    for (auto const& [key, record] : folders) {
        auto const open = co_await journal.open_entries(record.id);
        for (auto const& entry : open) {
            bytes.largest = std::max(bytes.largest, entry.size_bytes);
            bytes.all += entry.size_bytes;
        }
    }
    co_return bytes;
}

}  // namespace

Task<bool> wait_unless_stopped(Context context, Duration wait) {
    auto const end = context.clock.now() + wait;
    while (context.clock.now() < end) {
        if (context.stop.requested()) co_return false;
        co_await context.clock.sleep_until(std::min(end, context.clock.now() + std::chrono::seconds(1)));
    }
    co_return !context.stop.requested();
}

std::vector<std::pair<Uid, Uid>> match_entries(LedgerView const& entries,
                                               std::vector<MessageMeta> const& destination,
                                               UidValidity uid_validity) {
    std::multimap<Digest, MessageMeta const*> candidates;
    for (auto const& message : destination) {
        if (!message.identity || message.identity->coarse == 0) continue;
        candidates.emplace(message.identity->fingerprint, &message);
    }
    std::vector<std::pair<Uid, Uid>> pairs;
    std::set<Uid> matched;
    // Servers change sizes; but where headers are equal, an equal size tells whose copy it is.
    for (bool const any_size : {false, true}) {
        for (auto const& entry : entries) {
            if (entry.identity.coarse == 0 || matched.contains(entry.source_uid)) continue;
            auto [candidate, end] = candidates.equal_range(entry.identity.fingerprint);
            auto best = end;
            for (; candidate != end; ++candidate) {
                auto const& message = *candidate->second;
                bool const fits =
                    (entry.destination_uid_validity != uid_validity || message.uid >= entry.base_uid_next) &&
                    (any_size || message.size_bytes == entry.size_bytes);
                if (fits && (best == end || message.uid < best->second->uid)) best = candidate;
            }
            if (best == end) continue;
            pairs.emplace_back(entry.source_uid, best->second->uid);
            matched.insert(entry.source_uid);
            candidates.erase(best);
        }
    }
    return pairs;
}

Task<> find_unknown_uids(Endpoint& destination, Journal& journal, MailboxName mailbox, FolderId folder,
                         UidValidity uid_validity, FoundFolders const& found) {
    auto entries = co_await journal.entries_without_uid(folder);
    (void)co_await identify(destination, journal, std::move(mailbox), folder, std::move(entries),
                            uid_validity, found);
}

Task<MissingCopies> find_missing_copies(Endpoint& destination, Journal& journal, MailboxName mailbox,
                                        FolderId folder, UidValidity uid_validity, UidSet const& stored,
                                        FoundFolders const& found) {
    auto const entries = co_await journal.entries_without_uid(folder);
    auto const identified =
        co_await identify(destination, journal, mailbox, folder, entries, uid_validity, found);
    std::map<Uid, Uid> const copies(identified.copies.begin(), identified.copies.end());
    // What earlier passes have left without a UID may have been removed since.
    std::vector<Outcome> absent;
    auto base = Uid(UINT32_MAX);
    for (auto const& entry : entries) {
        bool const is_meant =
            stored.contains(entry.source_uid) && entry.destination_uid_validity == uid_validity;
        if (!is_meant || copies.contains(entry.source_uid)) continue;
        base = std::min(base, entry.base_uid_next);
        absent.push_back({entry.source_uid, MessageState::ambiguous, Uid(), uid_validity, entry.identity,
                          entry.size_bytes, entry.flags, entry.code, entry.text});
    }
    auto const changed = static_cast<std::size_t>(
        std::ranges::count_if(identified.strangers, [base](Uid uid) { return uid >= base; }));
    MissingCopies const missing{absent.size() - std::min(changed, absent.size()), changed == 0};
    if (missing.messages > 0 && missing.all_known) co_await journal.finish(folder, std::move(absent));
    co_return missing;
}

Task<std::uint64_t> settle(Context context, Endpoint& destination, Journal& journal, Duration wait_min,
                           FoundFolders const& found, ChangedFolder changed) {
    std::uint64_t copies = 0;
    for (auto const share : {2, 1}) {
        auto folders = co_await journal.folders_with_open_entries();
        if (folders.empty()) co_return copies;
        auto const open = co_await open_bytes(journal, folders);
        auto const pause = std::max(wait_min, time_to_store(open)) * share / 2;
        bool const go_on = co_await wait_unless_stopped(context, pause);
        if (!go_on) co_return copies;
        auto const here = co_await look(destination, journal, std::move(folders), found, changed);
        copies += here;
    }
    co_return copies;
}

Task<> look_again(Endpoint& destination, Journal& journal, FoundFolders const& found) {
    auto folders = co_await journal.folders_with_open_entries();
    if (folders.empty()) co_return;
    (void)co_await look(destination, journal, std::move(folders), found, ChangedFolder::ends_it);
}

}  // namespace imapcopy::copy
