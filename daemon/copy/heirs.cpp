#include "daemon/copy/heirs.hpp"

namespace imapcopy::copy {

Heirs::Heirs(LedgerView const& entries) {
    for (auto const& entry : entries) {
        bool const nameless = entry.identity.coarse == 0;
        by_fingerprint_.insert({entry.identity.fingerprint, {entry.source_uid, nameless}});
        nameless_ += nameless ? 1 : 0;
    }
}

std::optional<Uid> Heirs::take(Digest const& fingerprint) {
    auto const found = by_fingerprint_.lower_bound(fingerprint);
    if (found == by_fingerprint_.end() || found->first != fingerprint) return std::nullopt;
    auto const heir = found->second;
    by_fingerprint_.erase(found);
    nameless_ -= heir.nameless ? 1 : 0;
    return heir.uid;
}

}  // namespace imapcopy::copy
