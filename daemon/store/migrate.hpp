#pragma once

// migrate(): brings a database to the newest schema, forward only, one transaction a step.

#include <span>
#include <string_view>

#include "daemon/store/sqlite.hpp"

namespace imapcopy::store {

/// One step; `version` is what PRAGMA user_version says after it.
struct Migration {
    int version = 0;
    std::string_view name;  ///< File name, for messages.
    std::string_view sql;
};

/// The steps of migrations/NNNN_*.sql in order, embedded at build time.
std::span<Migration const> migrations();

/// Applies the steps that `database` lacks, after it has copied an older one to PATH.schema-N, N being the
/// version until then: with that copy the older imapcopyd can be installed again. Throws
/// Failure(store_corrupt) for a schema that is newer than the last step; then nothing was changed. A step
/// that fails is rolled back.
void migrate(Database& database, std::span<Migration const> steps);

}  // namespace imapcopy::store
