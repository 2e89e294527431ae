#pragma once

// Ledger: copy::Journal in the database, for one pair of accounts.

#include <memory>

#include "daemon/copy/journal.hpp"
#include "daemon/store/job_store.hpp"

namespace imapcopy::store {

/// The journal of `pair`. `writer` outlives it.
std::unique_ptr<copy::Journal> make_ledger(Writer& writer, PairId pair);

}  // namespace imapcopy::store
