#include "daemon/store/job_rows.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "common/account_address.hpp"
#include "common/text.hpp"

namespace imapcopy::store {
namespace {

std::int64_t micros(WallTime time) {
    return time.time_since_epoch().count();
}
WallTime wall_time(std::int64_t count) {
    return WallTime(std::chrono::microseconds(count));
}

Failure no_such_job(JobId id) {
    return {ErrorCode::no_such_job, "no job " + to_string(id)};
}

/// A word of ours read back; the schema's CHECKs make anything else impossible.
template <class T>
T expect(std::optional<T> parsed, std::string const& text) {
    if (!parsed)
        throw Failure(ErrorCode::store_corrupt, "read a job: \"" + text + "\" is not one of our words");
    return *parsed;
}

std::int64_t account_id(Database& database, AccountSpec const& account, Side side) {
    if (account.host.empty() || account.login.empty()) {
        throw Failure(ErrorCode::invalid_argument,
                      "create a job: the " + std::string(to_string(side)) + " needs a host and a login");
    }
    auto const host = server_name(account);
    // An administrator's login opens many mailboxes: the one that is opened is the account, not the key to
    // it.
    auto const& mailbox = account.authorize_as.empty() ? account.login : account.authorize_as;
    auto const find = "SELECT id FROM account WHERE host = ?1 AND login = ?2";
    if (auto const id = database.find_integer(find, host, mailbox)) return *id;
    database.execute("INSERT INTO account (host, login) VALUES (?1, ?2)", host, mailbox);
    return database.last_insert_id();
}

void insert_account(Database& database, JobId id, Side side, AccountSpec const& account) {
    database.execute(
        "INSERT INTO job_account (job, side, provider, host, port, tls, login, address, authorize_as, auth, "
        "tls_pin) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        id.value(), to_string(side), account.provider, account.host, account.port, to_string(account.tls),
        account.login, account.address, account.authorize_as, to_string(account.auth), account.tls_pin);
}

void insert_rules(Database& database, JobId id, FolderOptions const& folders) {
    auto insert = database.prepare(
        "INSERT INTO job_rule (job, position, kind, pattern, target) VALUES (?1, ?2, ?3, ?4, ?5)");
    int position = 0;
    for (auto const& pattern : folders.include) insert.run(id.value(), ++position, "include", pattern, "");
    for (auto const& pattern : folders.exclude) insert.run(id.value(), ++position, "exclude", pattern, "");
    for (auto const& rule : folders.rename) insert.run(id.value(), ++position, "rename", rule.from, rule.to);
}

Phase first_phase(JobSpec const& spec, WallTime now) {
    if (spec.hold) return Phase::held;
    return spec.not_before > now ? Phase::scheduled : Phase::queued;
}

constexpr std::string_view select_job =
    "SELECT id, pair, owner_uid, label, language, completion_mail, hold_at_start, keep_secrets_seconds, "
    "not_before, "
    "below, created, pass, secrets_until, phase, wait_reason, wait_text, waiting_until, attempt, started, "
    "ended, "
    "last_activity, folders_total, folders_done, messages_total, messages_done, messages_skipped, "
    "bytes_total, "
    "bytes_done, bytes_per_second, estimated_end, current_folder, error_code, error_message, "
    "error_server_text, "
    "error_side, error_pause_seconds, "
    "EXISTS (SELECT 1 FROM secret WHERE secret.job = job.id AND side = 'source'), "
    "EXISTS (SELECT 1 FROM secret WHERE secret.job = job.id AND side = 'destination') "
    "FROM job WHERE ?1 IS NULL OR id = ?1 ORDER BY id";

Progress progress_from(Statement const& row) {
    Progress progress;
    progress.folders_total = row.integer_as<std::uint32_t>(21);
    progress.folders_done = row.integer_as<std::uint32_t>(22);
    progress.messages_total = row.integer_as<std::uint64_t>(23);
    progress.messages_done = row.integer_as<std::uint64_t>(24);
    progress.messages_skipped = row.integer_as<std::uint64_t>(25);
    progress.bytes_total = row.integer_as<std::uint64_t>(26);
    progress.bytes_done = row.integer_as<std::uint64_t>(27);
    progress.bytes_per_second = row.integer_as<std::uint64_t>(28);
    progress.estimated_end = wall_time(row.integer(29));
    progress.current_folder = row.text(30);
    return progress;
}

std::optional<Error> error_from(Statement const& row) {
    if (row.is_null(31)) return std::nullopt;
    Error error{expect(error_code_from_name(row.text(31)), row.text(31)), row.text(32), row.text(33)};
    if (!row.is_null(34))
        error.side = row.text(34) == to_string(Side::source) ? Side::source : Side::destination;
    error.pause_seconds = row.integer_as<std::uint32_t>(35);
    return error;
}

/// All but the accounts and rules, which have tables of their own.
JobRow row_from(Statement const& row) {
    JobRow job;
    job.pair = PairId(row.integer(1));
    job.pass = row.integer_as<std::uint32_t>(11);
    job.secrets_until = wall_time(row.integer(12));
    job.has_source_secret = row.integer(36) != 0;
    job.has_destination_secret = row.integer(37) != 0;
    auto& view = job.view;
    view.id = JobId(row.integer_as<std::uint32_t>(0));
    view.owner_uid = row.integer_as<std::uint32_t>(2);
    view.spec.label = row.text(3);
    view.spec.language = row.text(4);
    view.spec.completion_mail = row.integer(5) != 0;
    view.spec.hold = row.integer(6) != 0;
    view.spec.keep_secrets_seconds = row.integer_as<std::uint64_t>(7);
    view.spec.not_before = wall_time(row.integer(8));
    view.spec.folders.below = row.text(9);
    view.created = wall_time(row.integer(10));
    view.phase = expect(parse_phase(row.text(13)), row.text(13));
    // '' means none, which has no word of its own.
    if (!row.text(14).empty()) view.wait_reason = expect(parse_wait_reason(row.text(14)), row.text(14));
    view.wait_text = row.text(15);
    view.waiting_until = wall_time(row.integer(16));
    view.attempt = row.integer_as<std::uint32_t>(17);
    view.started = wall_time(row.integer(18));
    view.ended = wall_time(row.integer(19));
    view.last_activity = wall_time(row.integer(20));
    view.progress = progress_from(row);
    view.error = error_from(row);
    return job;
}

using JobsById = std::map<JobId, JobRow>;

void read_accounts(Database& database, std::optional<JobId> only, JobsById& jobs) {
    auto row = database.prepare(
        "SELECT job, side, provider, host, port, tls, login, address, authorize_as, auth, tls_pin FROM "
        "job_account "
        "WHERE ?1 IS NULL OR job = ?1");
    row.bind(only ? std::optional(only->value()) : std::nullopt);
    while (row.step()) {
        auto& spec = jobs.at(JobId(row.integer_as<std::uint32_t>(0))).view.spec;
        auto& account = row.text(1) == to_string(Side::source) ? spec.source : spec.destination;
        account.provider = row.text(2);
        account.host = row.text(3);
        account.port = row.integer_as<std::uint16_t>(4);
        account.tls = expect(parse_tls_mode(row.text(5)), row.text(5));
        account.login = row.text(6);
        account.address = row.text(7);
        account.authorize_as = row.text(8);
        account.auth = expect(parse_auth_method(row.text(9)), row.text(9));
        account.tls_pin = row.text(10);
    }
}

void read_rules(Database& database, std::optional<JobId> only, JobsById& jobs) {
    auto row = database.prepare(
        "SELECT job, kind, pattern, target FROM job_rule WHERE ?1 IS NULL OR job = ?1 ORDER BY job, "
        "position");
    row.bind(only ? std::optional(only->value()) : std::nullopt);
    while (row.step()) {
        auto& folders = jobs.at(JobId(row.integer_as<std::uint32_t>(0))).view.spec.folders;
        auto const kind = row.text(1);
        if (kind == "include") folders.include.push_back(row.text(2));
        if (kind == "exclude") folders.exclude.push_back(row.text(2));
        if (kind == "rename") folders.rename.push_back({row.text(2), row.text(3)});
    }
}

void write_error(Database& database, JobId id, Error const& error) {
    auto const side = error.side ? std::optional(to_string(*error.side)) : std::nullopt;
    database.execute(
        "UPDATE job SET error_code = ?2, error_message = ?3, error_server_text = ?4, error_side = ?5, "
        "error_pause_seconds = ?6 WHERE id = ?1",
        id.value(), info(error.code).name, error.message, error.server_text, side, error.pause_seconds);
}

void clear_error(Database& database, JobId id) {
    database.execute(
        "UPDATE job SET error_code = NULL, error_message = NULL, error_server_text = NULL, error_side = "
        "NULL, "
        "error_pause_seconds = NULL WHERE id = ?1",
        id.value());
}

void write_progress(Database& database, JobId id, Progress const& progress) {
    database.execute(
        "UPDATE job SET folders_total = ?2, folders_done = ?3, messages_total = ?4, messages_done = ?5, "
        "messages_skipped = ?6, bytes_total = ?7, bytes_done = ?8, bytes_per_second = ?9, estimated_end = "
        "?10, "
        "current_folder = ?11 WHERE id = ?1",
        id.value(), progress.folders_total, progress.folders_done, progress.messages_total,
        progress.messages_done, progress.messages_skipped, progress.bytes_total, progress.bytes_done,
        progress.bytes_per_second, micros(progress.estimated_end), progress.current_folder);
}

bool is_ended(Phase phase) {
    auto const state = state_of(phase);
    return state == JobState::finished || state == JobState::error;
}

// Rows of GetItems: uid, folder, code, size, text, destination uid. ?1 job, ?2 count, ?3 offset.
constexpr std::string_view select_exceptions =
    "SELECT uid, folder, code, size, text, '' FROM exception WHERE job = ?1 ORDER BY position LIMIT ?2 "
    "OFFSET ?3";
constexpr std::string_view select_messages_start =
    "SELECT source_uid, source_utf8, CASE state WHEN 0 THEN 'intent' WHEN 1 THEN 'ambiguous' WHEN 2 THEN "
    "'copied' "
    "ELSE 'recognised' END, size, text, coalesce(destination_uid, '') FROM folder CROSS JOIN message "
    "ON message.folder = folder.id AND message.source_uid_validity = folder.source_uid_validity "
    "WHERE folder.pair = (SELECT pair FROM job WHERE id = ?1) AND state IN ";
constexpr std::string_view select_messages_end = " ORDER BY folder.id, source_uid LIMIT ?2 OFFSET ?3";

std::string select_for(std::string const& kind) {
    auto const start = std::string(select_messages_start);
    if (kind == "copied") return start + "(2, 3)" + std::string(select_messages_end);
    if (kind == "ambiguous") return start + "(0, 1)" + std::string(select_messages_end);
    if (kind == "exceptions") return std::string(select_exceptions);
    throw Failure(ErrorCode::invalid_argument, "list items: kind \"" + printable(kind, 40) +
                                                   "\" is none of copied, exceptions, ambiguous");
}

}  // namespace

PairId pair_of(Database& database, JobSpec const& spec) {
    auto const source = account_id(database, spec.source, Side::source);
    auto const destination = account_id(database, spec.destination, Side::destination);
    auto const find = "SELECT id FROM pair WHERE source = ?1 AND destination = ?2";
    if (auto const id = database.find_integer(find, source, destination)) return PairId(*id);
    database.execute("INSERT INTO pair (source, destination) VALUES (?1, ?2)", source, destination);
    return PairId(database.last_insert_id());
}

void require_no_unfinished(Database& database, PairId pair, JobId except) {
    auto const other = database.find_integer(
        "SELECT id FROM job WHERE pair = ?1 AND ended IS NULL AND id <> ?2", pair.value(), except.value());
    if (other) throw Failure(ErrorCode::job_exists, "Todo for sync this account exists.");
}

JobId insert_job(Database& database, PairId pair, JobSpec const& spec, std::uint32_t owner_uid,
                 WallTime now) {
    database.execute(
        "INSERT INTO job (pair, owner_uid, label, language, completion_mail, hold_at_start, "
        "keep_secrets_seconds, "
        "not_before, below, created, phase) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        pair.value(), owner_uid, spec.label, spec.language, spec.completion_mail, spec.hold,
        spec.keep_secrets_seconds, micros(spec.not_before), spec.folders.below, micros(now),
        to_string(first_phase(spec, now)));
    auto const id = JobId(static_cast<std::uint32_t>(database.last_insert_id()));
    insert_account(database, id, Side::source, spec.source);
    insert_account(database, id, Side::destination, spec.destination);
    insert_rules(database, id, spec.folders);
    return id;
}

std::vector<JobRow> read_jobs(Database& database, std::optional<JobId> only) {
    JobsById jobs;
    {
        auto row = database.prepare(select_job);
        row.bind(only ? std::optional(only->value()) : std::nullopt);
        while (row.step()) {
            auto job = row_from(row);
            jobs.emplace(job.view.id, std::move(job));
        }
    }
    read_accounts(database, only, jobs);
    read_rules(database, only, jobs);
    std::vector<JobRow> rows;
    rows.reserve(jobs.size());
    for (auto& [id, job] : jobs) rows.push_back(std::move(job));
    return rows;
}

JobRow read_job(Database& database, JobId id) {
    auto rows = read_jobs(database, id);
    if (rows.empty()) throw no_such_job(id);
    return std::move(rows.front());
}

void write_update(Database& database, JobId id, JobUpdate const& update) {
    auto const set = is_ended(update.phase) && update.ended != WallTime{};
    auto const ended = set ? std::optional(micros(update.ended)) : std::nullopt;
    auto const changed = database.execute(
        "UPDATE job SET phase = ?2, wait_reason = ?3, wait_text = ?4, waiting_until = ?5, attempt = ?6, "
        "started = ?7, "
        "ended = ?8, last_activity = ?9, secrets_until = CASE WHEN ?8 IS NULL OR keep_secrets_seconds = 0 "
        "THEN 0 "
        "ELSE ?8 + 1000000 * min(keep_secrets_seconds, 3155760000) END WHERE id = ?1",
        id.value(), to_string(update.phase), to_string(update.wait_reason), update.wait_text,
        micros(update.waiting_until), update.attempt, micros(update.started), ended,
        micros(update.last_activity));
    if (changed == 0) throw no_such_job(id);
    write_progress(database, id, update.progress);
    if (update.error) {
        write_error(database, id, *update.error);
    } else {
        clear_error(database, id);
    }
}

std::uint32_t write_pass(Database& database, JobId id, copy::PassResult const& result) {
    auto const counted = database.execute("UPDATE job SET pass = pass + 1 WHERE id = ?1", id.value());
    if (counted == 0) throw no_such_job(id);
    database.execute("DELETE FROM folder_result WHERE job = ?1", id.value());
    database.execute("DELETE FROM exception WHERE job = ?1", id.value());
    auto folder = database.prepare(
        "INSERT INTO folder_result (job, position, source, destination, messages, copied, recognised, "
        "exceptions, bytes, created, elsewhere) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
    int position = 0;
    for (auto const& row : result.folders) {
        folder.run(id.value(), ++position, row.source, row.destination, row.messages, row.copied,
                   row.recognised, row.exceptions, row.bytes, row.created, row.elsewhere);
    }
    auto exception = database.prepare(
        "INSERT INTO exception (job, position, folder, uid, code, size, text) VALUES (?1, ?2, ?3, ?4, ?5, "
        "?6, ?7)");
    for (auto const& row : result.exceptions) {
        exception.run(id.value(), ++position, row.folder, row.uid.value(), row.code, row.size_bytes,
                      row.text);
    }
    auto const pass = database.find_integer("SELECT pass FROM job WHERE id = ?1", id.value());
    return static_cast<std::uint32_t>(pass.value_or(0));
}

std::vector<copy::FolderResult> read_folder_results(Database& database, JobId id) {
    auto row = database.prepare(
        "SELECT source, destination, messages, copied, recognised, exceptions, bytes, created, elsewhere "
        "FROM folder_result WHERE job = ?1 ORDER BY position");
    row.bind(id.value());
    std::vector<copy::FolderResult> folders;
    while (row.step()) {
        folders.push_back({row.text(0), row.text(1), row.integer_as<std::uint64_t>(2),
                           row.integer_as<std::uint64_t>(3), row.integer_as<std::uint64_t>(4),
                           row.integer_as<std::uint64_t>(5), row.integer_as<std::uint64_t>(6),
                           row.integer(7) != 0, row.integer_as<std::uint64_t>(8)});
    }
    return folders;
}

std::vector<Item> read_items(Database& database, JobId id, std::string const& kind, std::uint32_t offset,
                             std::uint32_t count) {
    constexpr std::uint32_t count_max = 1000;
    auto row = database.prepare(select_for(kind));
    row.bind(id.value(), std::min(count, count_max), offset);
    std::vector<Item> items;
    while (row.step()) {
        items.push_back({row.integer_as<std::uint64_t>(0), row.text(1), row.text(2),
                         row.integer_as<std::uint64_t>(3), row.text(4), row.text(5)});
    }
    return items;
}

}  // namespace imapcopy::store
