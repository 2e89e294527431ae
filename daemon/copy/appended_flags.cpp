#include "daemon/copy/appended_flags.hpp"

#include <algorithm>
#include <array>

#include "common/error.hpp"
#include "common/text.hpp"
#include "daemon/copy/flag_merge.hpp"

namespace imapcopy::copy {
namespace {

Flags missing_flags(AppendedFlags const& copy) {
    return copy.given.without(copy.found);
}

std::vector<FlagChange> changes_for(std::vector<AppendedFlags> const& copies) {
    std::vector<FlagChange> changes;
    for (auto const& copy : copies) {
        auto missing = missing_flags(copy);
        if (missing.empty()) continue;
        changes.push_back({copy.source_uid, copy.destination_uid, std::move(missing), {}, copy.recorded});
    }
    return changes;
}

Outcome lacking(FlagChange const& change, UidValidity uid_validity) {
    return {change.source_uid,
            MessageState::done,
            change.destination_uid,
            uid_validity,
            {},
            0,
            {},
            std::string(info(ErrorCode::attribute_refused).name),
            "stored without its flags " + printable(change.add.to_string()) +
                ", which the destination does not keep"};
}

}  // namespace

FlagKeeping judge_flags(std::vector<AppendedFlags> const& copies) {
    auto keeping = FlagKeeping::untold;
    for (auto const& copy : copies) {
        if (copy.given.empty()) continue;
        if (!(missing_flags(copy) == copy.given)) return FlagKeeping::keeps;
        keeping = FlagKeeping::forgets;
    }
    return keeping;
}

bool have_lost_several_kinds(std::vector<AppendedFlags> const& copies) {
    // Not keywords: a server may have dropped those at once, and the user cleared the rest.
    std::array constexpr kinds = {imap::SystemFlag::answered, imap::SystemFlag::flagged,
                                  imap::SystemFlag::draft, imap::SystemFlag::seen};
    return std::ranges::count_if(kinds, [&](imap::SystemFlag kind) {
               return std::ranges::any_of(
                   copies, [&](AppendedFlags const& copy) { return missing_flags(copy).has(kind); });
           }) > 1;
}

void FoundFolders::add(MailboxName const& mailbox, MailboxStatus const& status) {
    auto const [place, first] = by_name_.try_emplace(mailbox.wire, status);
    if (!first && place->second.uid_validity != status.uid_validity) place->second = status;
}

bool FoundFolders::came_since(MailboxName const& mailbox, UidValidity uid_validity, Uid uid) const {
    auto const found = by_name_.find(mailbox.wire);
    if (found == by_name_.end() || found->second.uid_validity != uid_validity) return false;
    auto const uid_next = found->second.uid_next;
    return uid_next.value() > 0 && uid >= uid_next;
}

void note_missing_flags(Outcome& outcome, AppendedFlags const& copy) {
    auto const missing = missing_flags(copy);
    if (missing.empty()) return;
    if (!outcome.text.empty()) outcome.text += "; ";
    outcome.code = info(ErrorCode::attribute_refused).name;
    outcome.text += "an earlier copy, found without its flags " + printable(missing.to_string()) +
                    ": the destination does not keep them, or somebody has cleared them";
}

Task<> admit_forgotten_flags(Journal& journal, FolderId folder, std::vector<AppendedFlags> copies) {
    std::vector<std::pair<Uid, Flags>> set;
    for (auto const& copy : copies)
        set.emplace_back(copy.source_uid, copy.recorded.without(missing_flags(copy)));
    co_await journal.set_flags(folder, std::move(set));
}

Task<> set_forgotten_flags(Endpoint& destination, Journal& journal, MailboxName mailbox, FolderId folder,
                           UidValidity uid_validity, std::vector<AppendedFlags> copies) {
    auto const changes = changes_for(copies);
    auto const opened = co_await destination.open(mailbox, Access::read_write);
    if (opened.status.uid_validity != uid_validity) co_return;
    std::vector<std::pair<Uid, Flags>> set;
    std::vector<Outcome> refused;
    for (auto& store : group_flag_changes(changes)) {
        auto const uids = store.destination_uids;
        bool const taken = co_await destination.store_flags(mailbox, uids, store.add, {});
        for (auto const& change : changes) {
            if (!uids.contains(change.destination_uid)) continue;
            if (taken) set.emplace_back(change.source_uid, change.merged);
            if (!taken) refused.push_back(lacking(change, uid_validity));
        }
    }
    if (!set.empty()) co_await journal.set_flags(folder, std::move(set));
    if (!refused.empty()) co_await journal.finish(folder, std::move(refused));
}

}  // namespace imapcopy::copy
