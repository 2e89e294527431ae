#include "daemon/store/migrate.hpp"

#include <string>

#include "common/result.hpp"
#include "common/text.hpp"

namespace imapcopy::store {
namespace {

void apply(Database& database, Migration const& step) {
    Transaction transaction(database);
    database.execute_script(step.sql);
    // A pragma takes no parameters; the number is ours.
    database.execute_script("PRAGMA user_version = " + std::to_string(step.version));
    transaction.commit();
}

}  // namespace

void migrate(Database& database, std::span<Migration const> steps) {
    auto const text = database.pragma("user_version");
    // A negative version, which nobody writes, counts as newer.
    auto const version = parse_number(text).value_or(UINT64_MAX);
    auto const newest = steps.empty() ? 0 : steps.back().version;
    if (version > static_cast<std::uint64_t>(newest)) {
        throw Failure(ErrorCode::store_corrupt, "open the database " + database.path() +
                                                    ": its schema is version " + text +
                                                    ", this imapcopyd knows up to " + std::to_string(newest) +
                                                    "; install the newer imapcopyd again");
    }
    if (version > 0 && version < static_cast<std::uint64_t>(newest)) {
        database.copy_to(database.path() + ".schema-" + text);
    }
    for (auto const& step : steps) {
        if (static_cast<std::uint64_t>(step.version) > version) apply(database, step);
    }
}

}  // namespace imapcopy::store
