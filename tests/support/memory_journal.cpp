#include "tests/support/memory_journal.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace imapcopy::test {
namespace {

bool is_open(LedgerEntry const& entry) {
    return entry.state == MessageState::intent || entry.state == MessageState::ambiguous;
}

bool is_copy(LedgerEntry const& entry) {
    return entry.state == MessageState::done || entry.state == MessageState::adopted;
}

}  // namespace

Task<> MemoryJournal::read() {
    co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
    if (dead_) throw Failure(ErrorCode::store_corrupt, "the journal is dead");
}

template <class Change>
Task<> MemoryJournal::write(Change change) {
    co_await read();
    bool const dies = ++writes_ == die_at_;
    if (!dies || death_ == Death::after) change();
    if (!dies) co_return;
    dead_ = true;
    throw Failure(ErrorCode::store_corrupt, "the journal dies");
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
        for (auto const& [id, folder] : folders_) {
            if (folder.key.source == key.source && folder.key.destination == key.destination) {
                record = folder.record;
                return;
            }
        }
        auto const id = static_cast<std::int64_t>(folders_.size() + 1);
        record.id = FolderId(id);
        folders_[id] = {key, record, {}, {}};
    };
    co_await write(change);
    co_return record;
}

Task<> MemoryJournal::set_source_epoch(FolderId folder, UidValidity uid_validity) {
    auto change = [this, folder, uid_validity] {
        auto& f = at(folder);
        for (auto& [uid, entry] : f.entries) {
            if (is_copy(entry)) f.old_entries[uid] = entry;
        }
        f.entries.clear();
        f.record.source_uid_validity = uid_validity;
        f.record.source_complete.reset();
    };
    co_await write(change);
}

Task<> MemoryJournal::set_destination_epoch(FolderId folder, UidValidity uid_validity) {
    auto change = [this, folder, uid_validity] {
        auto& f = at(folder);
        for (auto& [uid, entry] : f.entries) {
            entry.destination_uid = Uid();
            if (is_copy(entry)) entry.destination_uid_validity = UidValidity();
        }
        f.record.destination_uid_validity = uid_validity;
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
                     {},
                     {}};
        }
    };
    co_await write(change);
}

Task<> MemoryJournal::finish(FolderId folder, std::vector<Outcome> outcomes) {
    auto change = [this, folder, &outcomes] {
        for (auto const& outcome : outcomes) {
            auto& entry = at(folder).entries[outcome.source_uid];
            if (entry.source_uid != outcome.source_uid) {  // Had no intent.
                entry.identity = outcome.identity;
                entry.size_bytes = outcome.size_bytes;
                entry.flags = outcome.flags;
            }
            entry.source_uid = outcome.source_uid;
            entry.state = outcome.state;
            entry.destination_uid = outcome.destination_uid;
            entry.destination_uid_validity = outcome.destination_uid_validity;
            entry.code = outcome.code;
            entry.text = outcome.text;
        }
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

Task<LedgerView> MemoryJournal::inheritable(FolderId folder) {
    co_await read();
    LedgerView view;
    for (auto const& [uid, entry] : at(folder).old_entries) view.push_back(entry);
    co_return view;
}

Task<> MemoryJournal::inherit(FolderId folder, std::vector<std::pair<Uid, Uid>> old_to_new) {
    auto change = [this, folder, &old_to_new] {
        auto& f = at(folder);
        for (auto const& [old_uid, new_uid] : old_to_new) {
            auto node = f.old_entries.extract(old_uid);
            if (node.empty()) continue;
            node.mapped().source_uid = new_uid;
            f.entries[new_uid] = node.mapped();
        }
    };
    co_await write(change);
}

Task<UidSet> MemoryJournal::claimed(MailboxName destination, UidValidity uid_validity) {
    co_await read();
    std::vector<Uid> uids;
    for (auto const& [id, folder] : folders_) {
        if (folder.key.destination != destination) continue;
        for (auto const* const entries : {&folder.entries, &folder.old_entries}) {
            for (auto const& [uid, entry] : *entries) {
                bool const claims = entry.destination_uid.value() != 0 && is_copy(entry) &&
                                    entry.destination_uid_validity == uid_validity;
                if (claims) uids.push_back(entry.destination_uid);
            }
        }
    }
    co_return UidSet::of(uids);
}

Task<std::vector<std::pair<FolderKey, FolderRecord>>> MemoryJournal::folders_with_open_entries() {
    co_await read();
    std::vector<std::pair<FolderKey, FolderRecord>> found;
    for (auto const& [id, folder] : folders_) {
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
