#include "daemon/copy/expunged_exceptions.hpp"

#include <functional>
#include <utility>
#include <vector>

namespace imapcopy::copy {
namespace {

Task<> forget_expunged(LaneParts& parts, FolderWork& folder, LedgerView const& entries) {
    std::vector<Uid> still_there;
    std::function<void(MessageMeta)> const sink = [&](MessageMeta meta) { still_there.push_back(meta.uid); };
    UidRange const range{entries.front().source_uid, entries.back().source_uid};
    co_await parts.source.list_messages(folder.mapped.source.name, range, Listing::flags, sink);
    auto const present = UidSet::of(still_there);
    std::vector<Outcome> outcomes;
    for (auto const& entry : entries) {
        if (present.contains(entry.source_uid)) continue;
        // A copy stays a copy; only nothing is said of it. One whose folder got another UIDVALIDITY, and that
        // was not found again, is none any more: it must not claim a message that comes later.
        bool const holds_copy =
            entry.state != MessageState::refused && entry.destination_uid_validity.value() != 0;
        outcomes.push_back({entry.source_uid,
                            holds_copy ? entry.state : MessageState::gone,
                            entry.destination_uid,
                            entry.destination_uid_validity,
                            entry.identity,
                            entry.size_bytes,
                            entry.flags,
                            {},
                            {}});
    }
    if (!outcomes.empty()) co_await parts.journal.finish(folder.record.id, std::move(outcomes));
}

}  // namespace

Task<> forget_expunged_exceptions(LaneParts& parts, FolderWork& folder) {
    LedgerView listed;
    do {
        auto const after = listed.empty() ? Uid() : listed.back().source_uid;
        listed = co_await parts.journal.exceptions(folder.record.id, after);
        if (!listed.empty()) co_await forget_expunged(parts, folder, listed);
    } while (listed.size() == exceptions_per_call);
}

}  // namespace imapcopy::copy
