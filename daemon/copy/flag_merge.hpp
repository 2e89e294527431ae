#pragma once

// What became of flags at the source since they were last looked at, to be repeated at the destination. Pure.
//
// The merge has three sides: the flags that we set (the ledger), the source's now, and the destination's now.
// A flag is there or not, so where source and destination both changed it they changed it alike. It is enough
// to add and to remove at the destination what was added and removed at the source: whatever else the user
// did there stays, and nothing has to be asked of the destination.

#include <vector>

#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// One message whose flags changed at the source.
struct FlagChange {
    Uid source_uid;
    Uid destination_uid;  ///< 0: unknown where it lies; only the ledger follows.
    Flags add;
    Flags remove;
    Flags merged;  ///< What the ledger remembers from now on.
};

/// Compares what was listed at the source, in any order, with the ledger's entries of those UIDs, ascending.
/// Only copies in the destination's epoch `destination` count. What the destination does not keep is neither
/// added nor removed.
std::vector<FlagChange> find_flag_changes(std::vector<MessageMeta> const& source, LedgerView const& ledger,
                                          imap::PermanentFlags const& permitted, UidValidity destination);

/// One STORE for all messages that change alike.
struct FlagStore {
    UidSet destination_uids;
    Flags add;
    Flags remove;
};
std::vector<FlagStore> group_flag_changes(std::vector<FlagChange> const& changes);

}  // namespace imapcopy::copy
