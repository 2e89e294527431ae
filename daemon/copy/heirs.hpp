#pragma once

// What an older source epoch has copied, and the messages of the new one that it may be. Pure.

#include <cstddef>
#include <map>
#include <optional>

#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// Ledger entries that nobody has inherited yet. There may be as many as the folder has messages.
class Heirs {
 public:
    Heirs() = default;
    explicit Heirs(LedgerView const& entries);

    bool empty() const { return by_fingerprint_.empty(); }
    /// There are some whose headers say nothing. If they were copied, their fingerprint is the digest of the
    /// whole message; those that were adopted are never found.
    bool has_nameless() const { return nameless_ > 0; }
    /// The UID in its old epoch of the first entry with this fingerprint, which is none of them any more.
    std::optional<Uid> take(Digest const& fingerprint);

 private:
    struct Heir {
        Uid uid;
        bool nameless = false;
    };
    std::multimap<Digest, Heir> by_fingerprint_;
    std::size_t nameless_ = 0;
};

}  // namespace imapcopy::copy
