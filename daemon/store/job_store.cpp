#include "daemon/store/job_store.hpp"

#include <memory>
#include <utility>

#include "daemon/store/job_rows.hpp"
#include "daemon/store/sqlite.hpp"
#include "daemon/store/vault.hpp"

namespace imapcopy::store {
namespace {

constexpr auto truncate_wal = Writer::AfterCommit::truncate_wal;

/// Work for the writer must be copyable, a Secret is not.
std::shared_ptr<Secret const> share(Secret secret) {
    return std::make_shared<Secret const>(std::move(secret));
}

void put_secret(Database& database, Vault& vault, JobId id, Side side, Secret const& secret) {
    if (secret.empty()) return;
    auto const sealed = vault.seal(secret, {id.value(), side});
    database.execute(
        "INSERT INTO secret (job, side, sealed) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (job, side) DO UPDATE SET sealed = excluded.sealed",
        id.value(), to_string(side), Blob{sealed});
}

JobRow create_job(Database& database, Vault& vault, JobSpec const& spec, std::uint32_t owner_uid,
                  Secret const& source, Secret const& destination, WallTime now) {
    auto const pair = pair_of(database, spec);
    require_no_unfinished(database, pair, JobId(0));
    auto const id = insert_job(database, pair, spec, owner_uid, now);
    put_secret(database, vault, id, Side::source, source);
    put_secret(database, vault, id, Side::destination, destination);
    return read_job(database, id);
}

void reopen_job(Database& database, JobId id, JobUpdate const& update) {
    auto const job = read_job(database, id);
    if (job.view.ended == WallTime{}) {
        throw Failure(ErrorCode::wrong_state, "job " + to_string(id) + " has not ended");
    }
    require_no_unfinished(database, job.pair, id);
    write_update(database, id, update);
}

std::shared_ptr<Secret> open_secret(Database& database, Vault const& vault, JobId id, Side side) {
    auto row = database.prepare("SELECT sealed FROM secret WHERE job = ?1 AND side = ?2");
    row.bind(id.value(), to_string(side));
    if (!row.step()) {
        Error error{ErrorCode::credentials_missing,
                    "the " + std::string(to_string(side)) + " password of job " + to_string(id) + " is gone"};
        error.side = side;
        throw Failure(std::move(error));
    }
    auto opened = vault.open(row.text(0), {id.value(), side});
    if (opened.has_value()) return std::make_shared<Secret>(std::move(opened).value());
    auto error = opened.error();
    error.side = side;
    throw Failure(std::move(error));
}

WallTime wipe_expired(Database& database, WallTime now) {
    database.execute(
        "DELETE FROM secret WHERE job IN (SELECT id FROM job WHERE ended IS NOT NULL AND secrets_until <= "
        "?1)",
        now.time_since_epoch().count());
    auto const next = database.find_integer(
        "SELECT secrets_until FROM job WHERE ended IS NOT NULL AND id IN (SELECT job FROM secret) "
        "ORDER BY secrets_until LIMIT 1");
    return WallTime(std::chrono::microseconds(next.value_or(0)));
}

void forget_pair(Database& database, PairId pair) {
    if (database.find_integer("SELECT 1 FROM job WHERE pair = ?1", pair.value())) return;
    database.execute("DELETE FROM pair WHERE id = ?1", pair.value());
    database.execute("DELETE FROM mailbox WHERE id NOT IN (SELECT mailbox FROM folder)");
    database.execute(
        "DELETE FROM account WHERE id NOT IN (SELECT source FROM pair UNION SELECT destination FROM pair)");
}

}  // namespace

JobStore::JobStore(Writer& writer, Vault& vault) : writer_(writer), vault_(vault) {}

Task<JobRow> JobStore::create(JobSpec spec, std::uint32_t owner_uid, Secret source, Secret destination,
                              WallTime now) {
    auto const shared_source = share(std::move(source));
    auto const shared_destination = share(std::move(destination));
    return writer_.run<JobRow>([=, &vault = vault_, spec = std::move(spec)](Database& database) {
        return create_job(database, vault, spec, owner_uid, *shared_source, *shared_destination, now);
    });
}

Task<std::vector<JobRow>> JobStore::load_all() {
    return writer_.run<std::vector<JobRow>>(
        [](Database& database) { return read_jobs(database, std::nullopt); });
}

Task<> JobStore::update(JobId id, JobUpdate update, Secrets secrets) {
    auto const wipe = secrets == Secrets::wipe;
    auto work = [id, wipe, update = std::move(update)](Database& database) {
        write_update(database, id, update);
        if (wipe) database.execute("DELETE FROM secret WHERE job = ?1", id.value());
    };
    return writer_.run(std::move(work), wipe ? truncate_wal : Writer::AfterCommit::nothing);
}

Task<> JobStore::reopen(JobId id, JobUpdate update, Secret source, Secret destination) {
    bool const replaces = !source.empty() || !destination.empty();
    auto work = [id, &vault = vault_, update = std::move(update), shared_source = share(std::move(source)),
                 shared_destination = share(std::move(destination))](Database& database) {
        reopen_job(database, id, update);
        put_secret(database, vault, id, Side::source, *shared_source);
        put_secret(database, vault, id, Side::destination, *shared_destination);
    };
    return writer_.run(std::move(work), replaces ? truncate_wal : Writer::AfterCommit::nothing);
}

Task<bool> JobStore::all_held() {
    return writer_.run<bool>([](Database& database) {
        return database.find_integer("SELECT value FROM setting WHERE name = 'held'") == 1;
    });
}

Task<> JobStore::set_all_held(bool held) {
    return writer_.run([held](Database& database) {
        database.execute("REPLACE INTO setting (name, value) VALUES ('held', ?1)", held);
    });
}

Task<> JobStore::set_secret(JobId id, Side side, Secret secret) {
    auto work = [id, side, &vault = vault_, shared = share(std::move(secret))](Database& database) {
        (void)read_job(database, id);  // Only to refuse an unknown job.
        put_secret(database, vault, id, side, *shared);
    };
    return writer_.run(std::move(work), truncate_wal);
}

Task<Secret> JobStore::secret(JobId id, Side side) {
    using Opened = std::shared_ptr<Secret>;
    std::function<Opened(Database&)> work = [id, side, &vault = vault_](Database& database) {
        return open_secret(database, vault, id, side);
    };
    auto const opened = co_await writer_.run<Opened>(std::move(work));
    co_return std::move(*opened);
}

Task<WallTime> JobStore::wipe_expired_secrets(WallTime now) {
    auto next = std::make_shared<WallTime>();
    auto work = [next, now](Database& database) { *next = wipe_expired(database, now); };
    co_await writer_.run(std::move(work), truncate_wal);
    co_return *next;
}

Task<> JobStore::forget(JobId id, bool ledger) {
    auto work = [id, ledger](Database& database) {
        auto const pair = read_job(database, id).pair;
        database.execute("DELETE FROM job WHERE id = ?1", id.value());
        if (ledger) forget_pair(database, pair);
    };
    return writer_.run(std::move(work), truncate_wal);
}

Task<std::uint32_t> JobStore::complete_pass(JobId id, copy::PassResult result) {
    return writer_.run<std::uint32_t>(
        [id, result = std::move(result)](Database& database) { return write_pass(database, id, result); });
}

Task<std::vector<copy::FolderResult>> JobStore::folder_results(JobId id) {
    return writer_.run<std::vector<copy::FolderResult>>(
        [id](Database& database) { return read_folder_results(database, id); });
}

Task<std::vector<Item>> JobStore::items(JobId id, std::string kind, std::uint32_t offset,
                                        std::uint32_t count) {
    return writer_.run<std::vector<Item>>([=, kind = std::move(kind)](Database& database) {
        return read_items(database, id, kind, offset, count);
    });
}

}  // namespace imapcopy::store
