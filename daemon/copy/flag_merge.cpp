#include "daemon/copy/flag_merge.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace imapcopy::copy {

std::vector<FlagChange> find_flag_changes(std::vector<MessageMeta> const& source, LedgerView const& ledger,
                                          imap::PermanentFlags const& permitted, UidValidity destination) {
    std::vector<FlagChange> changes;
    for (auto const& message : source) {
        auto const entry = std::ranges::lower_bound(ledger, message.uid, {}, &LedgerEntry::source_uid);
        if (entry == ledger.end() || entry->source_uid != message.uid) continue;
        bool const copied = entry->state == MessageState::done || entry->state == MessageState::adopted;
        if (!copied || entry->destination_uid_validity != destination) continue;
        auto add = permitted.allowed(message.flags).without(entry->flags);
        auto const lost = entry->flags.without(message.flags);
        auto remove = permitted.allowed(lost);
        if (add.empty() && remove.empty()) continue;
        auto merged = entry->flags.without(lost).with(add);
        changes.push_back(
            {message.uid, entry->destination_uid, std::move(add), std::move(remove), std::move(merged)});
    }
    return changes;
}

std::vector<FlagStore> group_flag_changes(std::vector<FlagChange> const& changes) {
    std::map<std::pair<std::string, std::string>, std::vector<FlagChange const*>> alike;
    for (auto const& change : changes) {
        if (change.destination_uid.value() == 0) continue;
        alike[{change.add.to_string(), change.remove.to_string()}].push_back(&change);
    }
    std::vector<FlagStore> stores;
    for (auto const& [key, members] : alike) {
        std::vector<Uid> uids;
        for (auto const* const member : members) uids.push_back(member->destination_uid);
        stores.push_back({UidSet::of(uids), members.front()->add, members.front()->remove});
    }
    return stores;
}

}  // namespace imapcopy::copy
