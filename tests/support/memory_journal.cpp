#include "tests/support/memory_journal.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace imapcopy::test {
namespace {

bool is_open(LedgerEntry const& entry) {
    return entry.state == MessageState::intent || entry.state == MessageState::ambiguous;
}

bool is_copy(LedgerEntry const& entry) {
    return entry.state == MessageState::done || entry.state == MessageState::adopted;
}

/// True if a report names the message.
bool is_listed(LedgerEntry const& entry) {
    return entry.state == MessageState::refused || (is_copy(entry) && !entry.code.empty());
}

bool claims(LedgerEntry const& entry, UidValidity uid_validity) {
    return entry.destination_uid.value() != 0 && is_copy(entry) &&
           entry.destination_uid_validity == uid_validity;
}

void void_uids(std::map<Uid, LedgerEntry>& entries, UidValidity valid) {
    for (auto& [uid, entry] : entries) {
        if (!is_copy(entry) || entry.destination_uid_validity == valid) continue;
        entry.destination_uid = Uid();
        entry.destination_uid_validity = UidValidity();
    }
}

void record(LedgerEntry& entry, Outcome const& outcome, UidValidity folder_epoch) {
    if (entry.source_uid != outcome.source_uid) {  // Had no intent.
        entry.identity = outcome.identity;
        entry.size_bytes = outcome.size_bytes;
        entry.flags = outcome.flags;
        entry.destination_uid_validity = folder_epoch;
    }
    entry.source_uid = outcome.source_uid;
    entry.state = outcome.state;
    entry.destination_uid = outcome.destination_uid;
    if (outcome.destination_uid_validity.value() != 0)
        entry.destination_uid_validity = outcome.destination_uid_validity;
    entry.code = outcome.code;
    entry.text = outcome.text;
}

}  // namespace

std::vector<std::pair<std::string, Uid>> MemoryJournal::refused() const {
    std::vector<std::pair<std::string, Uid>> found;
    for (auto const& [id, folder] : *folders_) {
        for (auto const& [uid, entry] : folder.entries) {
            if (entry.state == MessageState::refused) found.emplace_back(folder.key.source.utf8, uid);
        }
    }
    return found;
}

std::vector<std::pair<std::string, Uid>> MemoryJournal::listed() const {
    std::vector<std::pair<std::string, Uid>> found;
    for (auto const& [id, folder] : *folders_) {
        for (auto const& [uid, entry] : folder.entries) {
            if (is_listed(entry)) found.emplace_back(folder.key.source.utf8, uid);
        }
    }
    return found;
}

std::size_t MemoryJournal::open_count() const {
    std::size_t count = 0;
    for (auto const& [id, folder] : *folders_) {
        for (auto const& [uid, entry] : folder.entries) count += is_open(entry) ? 1 : 0;
    }
    return count;
}

Task<> MemoryJournal::read() {
    co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
    if (dead_) throw Failure(ErrorCode::store_corrupt, "the journal is dead");
}

template <class Change>
Task<> MemoryJournal::write(Change change) {
    co_await read();
    bool const dies = ++writes_ == die_at_;
    if (dies && death_ == Death::full) throw Failure(ErrorCode::store_full, "the journal is full");
    dead_ = dies;
    if (!dies || death_ == Death::after) change();
    if (!dies) co_return;
    if (on_death) on_death();
    throw Failure(ErrorCode::store_corrupt, "the journal dies");
}

/// `change` happens to the folder as a whole or, where it throws, not at all.
template <class Change>
Task<> MemoryJournal::write_folder(FolderId folder, Change change) {
    auto whole = [this, folder, &change] {
        auto changed = at(folder);
        change(changed);
        at(folder) = std::move(changed);
    };
    co_await write(whole);
}

template <class Predicate>
LedgerView MemoryJournal::select(FolderId folder, Predicate predicate) {
    LedgerView view;
    for (auto const& [uid, entry] : at(folder).entries) {
        if (predicate(entry)) view.push_back(entry);
    }
    return view;
}

Task<FolderRecord> MemoryJournal::folder(FolderKey key) {
    FolderRecord record;
    auto change = [this, &key, &record] {
        for (auto const& [id, folder] : *folders_) {
            bool const found = folder.source_number == source_number_ && folder.key.source == key.source &&
                               folder.key.destination == key.destination;
            if (!found) continue;
            record = folder.record;
            return;
        }
        auto const id = static_cast<std::int64_t>(folders_->size() + 1);
        record.id = FolderId(id);
        (*folders_)[id] = {source_number_, key, record, {}, {}};
    };
    co_await write(change);
    co_return record;
}

Task<> MemoryJournal::set_source_epoch(FolderId folder, UidValidity uid_validity) {
    auto change = [this, folder, uid_validity] {
        auto& f = at(folder);
        if (f.record.source_uid_validity == uid_validity) return;
        for (auto& [uid, entry] : f.entries) {
            if (is_copy(entry)) f.old_entries[uid] = entry;
        }
        f.entries.clear();
        f.record.source_uid_validity = uid_validity;
        f.record.source_complete.reset();
        f.record.destination_complete.reset();
    };
    co_await write(change);
}

Task<> MemoryJournal::set_destination_epoch(FolderId folder, UidValidity uid_validity) {
    auto change = [this, folder, uid_validity] {
        auto& f = at(folder);
        if (f.record.destination_uid_validity == uid_validity) return;
        void_uids(f.entries, uid_validity);
        void_uids(f.old_entries, uid_validity);
        f.record.destination_uid_validity = uid_validity;
        f.record.source_complete.reset();
        f.record.destination_complete.reset();
    };
    co_await write(change);
}

Task<> MemoryJournal::set_complete(FolderId folder, MailboxStatus source, MailboxStatus destination) {
    auto change = [this, folder, source, destination] {
        at(folder).record.source_complete = source;
        at(folder).record.destination_complete = destination;
    };
    co_await write(change);
}

Task<> MemoryJournal::begin(FolderId folder, std::vector<Intent> intents) {
    auto change = [this, folder, &intents] {
        for (auto const& intent : intents) {
            auto& entry = at(folder).entries[intent.source_uid];
            bool const retry = is_open(entry) && entry.source_uid == intent.source_uid &&
                               entry.base_uid_next.value() != 0 &&
                               entry.destination_uid_validity == intent.destination_uid_validity;
            auto const base = retry ? entry.base_uid_next : intent.base_uid_next;
            entry = {intent.source_uid,
                     MessageState::intent,
                     Uid(),
                     intent.destination_uid_validity,
                     base,
                     intent.identity,
                     intent.size_bytes,
                     intent.internal_date,
                     intent.flags,
                     intent.unkept_flags,
                     intent.code,
                     intent.text};
        }
    };
    co_await write(change);
}

/// `ours` is the folder as it is about to become.
void MemoryJournal::check_claim(FolderId id, Folder const& ours, LedgerEntry const& claimant) {
    if (!claims(claimant, claimant.destination_uid_validity)) return;
    auto const rivals = [&](std::map<Uid, LedgerEntry> const& entries) {
        return std::ranges::any_of(entries, [&](auto const& each) {
            return &each.second != &claimant && each.second.destination_uid == claimant.destination_uid &&
                   claims(each.second, claimant.destination_uid_validity);
        });
    };
    for (auto const& [other_id, other] : *folders_) {
        if (other.key.destination != ours.key.destination) continue;
        auto const& folder = other_id == id.value() ? ours : other;
        if (rivals(folder.entries) || rivals(folder.old_entries))
            throw Failure(ErrorCode::internal, "a destination uid is claimed already");
    }
}

Task<> MemoryJournal::finish(FolderId folder, std::vector<Outcome> outcomes) {
    auto change = [this, folder, &outcomes](Folder& f) {
        for (auto const& outcome : outcomes) {
            auto& entry = f.entries[outcome.source_uid];
            record(entry, outcome, f.record.destination_uid_validity);
            check_claim(folder, f, entry);
        }
    };
    co_await write_folder(folder, change);
}

Task<> MemoryJournal::set_flags(FolderId folder, std::vector<std::pair<Uid, Flags>> flags) {
    auto change = [this, folder, &flags] {
        for (auto const& [uid, each] : flags) at(folder).entries.at(uid).flags = each;
    };
    co_await write(change);
}

Task<LedgerView> MemoryJournal::entries(FolderId folder, UidRange range) {
    co_await read();
    co_return select(folder, [&](LedgerEntry const& entry) {
        return entry.source_uid >= range.first && entry.source_uid <= range.last;
    });
}

Task<LedgerView> MemoryJournal::open_entries(FolderId folder) {
    co_await read();
    co_return select(folder, is_open);
}

Task<LedgerView> MemoryJournal::entries_without_uid(FolderId folder) {
    co_await read();
    co_return select(folder, [](LedgerEntry const& entry) {
        return entry.state == MessageState::done && entry.destination_uid.value() == 0;
    });
}

Task<LedgerView> MemoryJournal::exceptions(FolderId folder, Uid after) {
    co_await read();
    auto view = select(
        folder, [&](LedgerEntry const& entry) { return is_listed(entry) && entry.source_uid > after; });
    if (view.size() > exceptions_per_call) view.resize(exceptions_per_call);
    co_return view;
}

Task<UnkeptFlags> MemoryJournal::unkept_flags(FolderId folder) {
    co_await read();
    UnkeptFlags unkept;
    for (auto const& [uid, entry] : at(folder).entries) {
        if (entry.state != MessageState::done || entry.unkept_flags.empty()) continue;
        unkept.flags = unkept.flags.with(entry.unkept_flags);
        ++unkept.messages;
    }
    co_return unkept;
}

Task<LedgerView> MemoryJournal::inheritable(FolderId folder) {
    co_await read();
    LedgerView view;
    for (auto const& [uid, entry] : at(folder).old_entries) view.push_back(entry);
    co_return view;
}

Task<> MemoryJournal::inherit(FolderId folder, std::vector<std::pair<Uid, Uid>> old_to_new) {
    auto change = [&old_to_new](Folder& f) {
        for (auto const& [old_uid, new_uid] : old_to_new) {
            auto node = f.old_entries.extract(old_uid);
            if (node.empty()) throw Failure(ErrorCode::internal, "inherit a uid that no older epoch holds");
            node.mapped().source_uid = new_uid;
            f.entries[new_uid] = node.mapped();
        }
    };
    co_await write_folder(folder, change);
}

Task<UidSet> MemoryJournal::claimed(MailboxName destination, UidValidity uid_validity) {
    co_await read();
    std::vector<Uid> uids;
    for (auto const& [id, folder] : *folders_) {
        if (folder.key.destination != destination) continue;
        for (auto const* const entries : {&folder.entries, &folder.old_entries}) {
            for (auto const& [uid, entry] : *entries) {
                if (claims(entry, uid_validity)) uids.push_back(entry.destination_uid);
            }
        }
    }
    co_return UidSet::of(uids);
}

Task<std::vector<std::pair<FolderKey, FolderRecord>>> MemoryJournal::folders_with_open_entries() {
    co_await read();
    std::vector<std::pair<FolderKey, FolderRecord>> found;
    for (auto const& [id, folder] : *folders_) {
        if (folder.source_number != source_number_) continue;
        bool const open =
            std::ranges::any_of(folder.entries, [](auto const& each) { return is_open(each.second); });
        if (open) found.emplace_back(folder.key, folder.record);
    }
    co_return found;
}

Task<std::vector<Digest>> MemoryJournal::report_fingerprints() {
    co_await read();
    co_return reports;
}

}  // namespace imapcopy::test
