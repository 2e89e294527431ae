#include "daemon/store/ledger.hpp"

#include <cstring>
#include <utility>

#include "common/text.hpp"
#include "daemon/store/sqlite.hpp"

namespace imapcopy::store {
namespace {

using copy::Digest;
using copy::FolderId;
using copy::FolderKey;
using copy::FolderRecord;
using copy::Intent;
using copy::LedgerEntry;
using copy::LedgerView;
using copy::MailboxName;
using copy::MailboxStatus;
using copy::MessageState;
using copy::ModSeq;
using copy::Outcome;
using copy::Uid;
using copy::UidRange;
using copy::UidSet;
using copy::UidValidity;

// The numbers in the schema's CHECKs and indexes.
static_assert(static_cast<int>(MessageState::intent) == 0 && static_cast<int>(MessageState::ambiguous) == 1 &&
              static_cast<int>(MessageState::done) == 2 && static_cast<int>(MessageState::adopted) == 3 &&
              static_cast<int>(MessageState::refused) == 4 && static_cast<int>(MessageState::gone) == 5);

Blob blob(Digest const& digest) {
    return {std::string_view(reinterpret_cast<char const*>(digest.data()), digest.size())};
}

Digest digest_of(Statement const& row, int column) {
    auto const bytes = row.text(column);
    Digest digest{};
    std::memcpy(digest.data(), bytes.data(), std::min(bytes.size(), digest.size()));
    return digest;
}

/// What every row of a folder's messages repeats.
struct FolderRow {
    std::int64_t mailbox = 0;
    std::int64_t source_epoch = 0;
    std::int64_t destination_epoch = 0;
};

FolderRow folder_row(Database& database, FolderId folder) {
    auto row = database.prepare(
        "SELECT mailbox, source_uid_validity, destination_uid_validity FROM folder WHERE id = ?1");
    row.bind(folder.value());
    if (!row.step()) throw Failure(ErrorCode::internal, "no folder " + to_string(folder) + " in the ledger");
    return {row.integer(0), row.integer(1), row.integer(2)};
}

std::int64_t destination_account(Database& database, PairId pair) {
    auto const account = database.find_integer("SELECT destination FROM pair WHERE id = ?1", pair.value());
    if (!account) throw Failure(ErrorCode::internal, "no pair " + to_string(pair) + " in the ledger");
    return *account;
}

/// The destination folder's row, which all pairs share.
std::int64_t mailbox_id(Database& database, std::int64_t account, std::string const& wire) {
    auto const find = "SELECT id FROM mailbox WHERE account = ?1 AND wire = ?2";
    if (auto const id = database.find_integer(find, account, wire)) return *id;
    database.execute("INSERT INTO mailbox (account, wire) VALUES (?1, ?2)", account, wire);
    return database.last_insert_id();
}

// Columns of a FolderRecord, from 0; folder_record reads them.
constexpr std::string_view folder_columns =
    "folder.id, source_uid_validity, destination_uid_validity, source_complete_uid_validity, "
    "source_complete_uid_next, source_complete_messages, source_complete_mod_seq, "
    "destination_complete_uid_validity, destination_complete_uid_next, destination_complete_messages, "
    "destination_complete_mod_seq";

std::optional<MailboxStatus> status_from(Statement const& row, int column) {
    if (row.is_null(column)) return std::nullopt;
    return MailboxStatus{
        UidValidity(row.integer_as<std::uint32_t>(column)), Uid(row.integer_as<std::uint32_t>(column + 1)),
        row.integer_as<std::uint32_t>(column + 2), ModSeq(row.integer_as<std::uint64_t>(column + 3))};
}

FolderRecord folder_record(Statement const& row) {
    return {FolderId(row.integer(0)), UidValidity(row.integer_as<std::uint32_t>(1)),
            UidValidity(row.integer_as<std::uint32_t>(2)), status_from(row, 3), status_from(row, 7)};
}

FolderRecord find_or_create_folder(Database& database, PairId pair, FolderKey const& key) {
    auto const mailbox = mailbox_id(database, destination_account(database, pair), key.destination.wire);
    database.execute(
        "INSERT INTO folder (pair, source_wire, source_utf8, mailbox, destination_utf8) VALUES (?1, ?2, ?3, "
        "?4, ?5) "
        "ON CONFLICT (pair, source_wire, mailbox) DO NOTHING",
        pair.value(), key.source.wire, key.source.utf8, mailbox, key.destination.utf8);
    auto row = database.prepare("SELECT " + std::string(folder_columns) +
                                " FROM folder WHERE pair = ?1 AND source_wire = ?2 AND mailbox = ?3");
    row.bind(pair.value(), key.source.wire, mailbox);
    if (!row.step())
        throw Failure(ErrorCode::internal, "find the folder " + key.source.utf8 + " in the ledger");
    return folder_record(row);
}

constexpr std::string_view forget_complete =
    "source_complete_uid_validity = NULL, source_complete_uid_next = NULL, source_complete_messages = NULL, "
    "source_complete_mod_seq = NULL, destination_complete_uid_validity = NULL, destination_complete_uid_next "
    "= NULL, "
    "destination_complete_messages = NULL, destination_complete_mod_seq = NULL";

void begin_source_epoch(Database& database, FolderId folder, UidValidity uid_validity) {
    if (folder_row(database, folder).source_epoch == uid_validity.value()) return;
    database.execute(
        "UPDATE folder SET source_uid_validity = ?2, " + std::string(forget_complete) + " WHERE id = ?1",
        folder.value(), uid_validity.value());
}

void begin_destination_epoch(Database& database, FolderId folder, UidValidity uid_validity) {
    if (folder_row(database, folder).destination_epoch == uid_validity.value()) return;
    database.execute(
        "UPDATE folder SET destination_uid_validity = ?2, " + std::string(forget_complete) + " WHERE id = ?1",
        folder.value(), uid_validity.value());
    database.execute(
        "UPDATE message SET destination_uid = NULL, destination_uid_validity = 0 "
        "WHERE folder = ?1 AND state IN (2, 3) AND destination_uid_validity <> ?2",
        folder.value(), uid_validity.value());
}

void set_status(Database& database, FolderId folder, MailboxStatus const& source,
                MailboxStatus const& destination) {
    database.execute(
        "UPDATE folder SET source_complete_uid_validity = ?2, source_complete_uid_next = ?3, "
        "source_complete_messages = ?4, source_complete_mod_seq = ?5, destination_complete_uid_validity = "
        "?6, "
        "destination_complete_uid_next = ?7, destination_complete_messages = ?8, "
        "destination_complete_mod_seq = ?9 "
        "WHERE id = ?1",
        folder.value(), source.uid_validity.value(), source.uid_next.value(), source.messages,
        source.highest_mod_seq.value(), destination.uid_validity.value(), destination.uid_next.value(),
        destination.messages, destination.highest_mod_seq.value());
}

/// An entry that is still open keeps the base of its first attempt: that attempt may yet become visible below
/// a newer one. What is settled left nothing behind and starts afresh.
void write_intents(Database& database, FolderId folder, std::vector<Intent> const& intents) {
    auto const row = folder_row(database, folder);
    auto insert = database.prepare(
        "INSERT INTO message (folder, source_uid_validity, source_uid, state, fingerprint, coarse, size, "
        "date, zone, "
        "flags, unkept_flags, mailbox, destination_uid_validity, base_uid_next, attempt, code, text) "
        "VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 1, ?14, ?15) "
        "ON CONFLICT (folder, source_uid_validity, source_uid) DO UPDATE SET "
        "state = 0, fingerprint = excluded.fingerprint, coarse = excluded.coarse, size = excluded.size, "
        "date = excluded.date, zone = excluded.zone, flags = excluded.flags, unkept_flags = "
        "excluded.unkept_flags, destination_uid = NULL, "
        "base_uid_next = CASE WHEN state IN (0, 1) AND base_uid_next > 0 AND destination_uid_validity = "
        "excluded.destination_uid_validity THEN base_uid_next ELSE excluded.base_uid_next END, "
        "destination_uid_validity = excluded.destination_uid_validity, attempt = attempt + 1, "
        "code = excluded.code, text = excluded.text");
    for (auto const& intent : intents) {
        insert.run(folder.value(), row.source_epoch, intent.source_uid.value(),
                   blob(intent.identity.fingerprint), intent.identity.coarse, intent.size_bytes,
                   intent.internal_date.unix_seconds, intent.internal_date.zone_minutes,
                   intent.flags.to_string(), intent.unkept_flags.to_string(), row.mailbox,
                   intent.destination_uid_validity.value(), intent.base_uid_next.value(), intent.code,
                   intent.text);
    }
}

/// The index refuses it too, but does not say which message holds the claim.
void check_claim(Database& database, FolderId folder, FolderRow const& row, Outcome const& outcome,
                 std::int64_t uid_validity) {
    auto claim = database.prepare(
        "SELECT folder, source_uid_validity, source_uid FROM message "
        "WHERE mailbox = ?1 AND destination_uid_validity = ?2 AND destination_uid = ?3");
    claim.bind(row.mailbox, uid_validity, outcome.destination_uid.value());
    if (!claim.step()) return;
    auto const ours = claim.integer(0) == folder.value() && claim.integer(1) == row.source_epoch &&
                      claim.integer(2) == outcome.source_uid.value();
    if (ours) return;
    throw Failure(ErrorCode::internal, "record uid " + to_string(outcome.source_uid) + ": destination uid " +
                                           to_string(outcome.destination_uid) + " is claimed by uid " +
                                           claim.text(2) + " of folder " + claim.text(0));
}

/// The UIDVALIDITY of an outcome, or where it is left open that of the intent, or of the folder.
std::int64_t claim_epoch(Database& database, FolderId folder, FolderRow const& row, Outcome const& outcome) {
    if (outcome.destination_uid_validity.value() != 0) return outcome.destination_uid_validity.value();
    auto const announced = database.find_integer(
        "SELECT destination_uid_validity FROM message "
        "WHERE folder = ?1 AND source_uid_validity = ?2 AND source_uid = ?3",
        folder.value(), row.source_epoch, outcome.source_uid.value());
    return announced.value_or(0) != 0 ? *announced : row.destination_epoch;
}

void write_outcome(Database& database, FolderId folder, FolderRow const& row, Outcome const& outcome) {
    auto const uid_validity = claim_epoch(database, folder, row, outcome);
    std::optional<std::uint32_t> destination_uid;
    if (outcome.destination_uid.value() != 0) destination_uid = outcome.destination_uid.value();
    auto const refused = outcome.state == MessageState::refused;
    auto const code = refused && outcome.code.empty() ? info(ErrorCode::append_rejected).name : outcome.code;
    auto const state = static_cast<int>(outcome.state);
    // What the intent said of the message stays. Ignored where another message holds the claim, or where a
    // CHECK fails: the INSERT, which must never ignore anything, then fails as well.
    auto const updated = database.execute(
        "UPDATE OR IGNORE message SET state = ?4, destination_uid_validity = ?5, destination_uid = ?6, "
        "code = ?7, text = ?8 WHERE folder = ?1 AND source_uid_validity = ?2 AND source_uid = ?3",
        folder.value(), row.source_epoch, outcome.source_uid.value(), state, uid_validity, destination_uid,
        code, outcome.text);
    if (updated == 1) return;
    if (destination_uid) check_claim(database, folder, row, outcome, uid_validity);
    database.execute(
        "INSERT INTO message (folder, source_uid_validity, source_uid, state, fingerprint, coarse, size, "
        "date, zone, flags, unkept_flags, mailbox, destination_uid_validity, destination_uid, base_uid_next, "
        "attempt, code, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, ?8, '', ?9, ?10, ?11, 0, 0, ?12, "
        "?13)",
        folder.value(), row.source_epoch, outcome.source_uid.value(), state,
        blob(outcome.identity.fingerprint), outcome.identity.coarse, outcome.size_bytes,
        outcome.flags.to_string(), row.mailbox, uid_validity, destination_uid, code, outcome.text);
}

void write_flags(Database& database, FolderId folder, std::vector<std::pair<Uid, copy::Flags>> const& flags) {
    auto const epoch = folder_row(database, folder).source_epoch;
    auto update = database.prepare(
        "UPDATE message SET flags = ?4 WHERE folder = ?1 AND source_uid_validity = ?2 AND source_uid = ?3");
    for (auto const& [uid, each] : flags) update.run(folder.value(), epoch, uid.value(), each.to_string());
}

// Columns of a LedgerEntry, from 0; entry_from reads them.
constexpr std::string_view entry_columns =
    "source_uid, state, destination_uid, destination_uid_validity, base_uid_next, fingerprint, coarse, size, "
    "date, "
    "zone, flags, unkept_flags, code, text";

LedgerEntry entry_from(Statement const& row) {
    LedgerEntry entry;
    entry.source_uid = Uid(row.integer_as<std::uint32_t>(0));
    entry.state = row.integer_as<MessageState>(1);
    entry.destination_uid = Uid(row.integer_as<std::uint32_t>(2));
    entry.destination_uid_validity = UidValidity(row.integer_as<std::uint32_t>(3));
    entry.base_uid_next = Uid(row.integer_as<std::uint32_t>(4));
    entry.identity = {digest_of(row, 5), row.integer_as<std::uint64_t>(6)};
    entry.size_bytes = row.integer_as<std::uint64_t>(7);
    entry.internal_date = {row.integer(8), row.integer_as<std::int16_t>(9)};
    entry.flags = imap::Flags::parse(row.text(10));
    entry.unkept_flags = imap::Flags::parse(row.text(11));
    entry.code = row.text(12);
    entry.text = row.text(13);
    return entry;
}

/// Entries of the current source epoch for which `condition` holds. `index` is "INDEXED BY" a partial index
/// with that condition, which the query planner would not choose by itself, or empty.
template <class... Values>
LedgerView select_entries(Database& database, FolderId folder, std::string_view index,
                          std::string_view condition, Values const&... values) {
    auto const epoch = folder_row(database, folder).source_epoch;
    auto row = database.prepare("SELECT " + std::string(entry_columns) + " FROM message " +
                                std::string(index) + " WHERE folder = ?1 AND source_uid_validity = ?2 AND " +
                                std::string(condition) + " ORDER BY source_uid");
    row.bind(folder.value(), epoch, values...);
    LedgerView view;
    while (row.step()) view.push_back(entry_from(row));
    return view;
}

LedgerView select_exceptions(Database& database, FolderId folder, Uid after) {
    auto const epoch = folder_row(database, folder).source_epoch;
    auto row = database.prepare("SELECT " + std::string(entry_columns) +
                                " FROM message INDEXED BY message_reported WHERE folder = ?1 AND "
                                "source_uid_validity = ?2 AND code <> '' AND state IN (2, 3, 4) AND "
                                "source_uid > ?3 ORDER BY source_uid LIMIT ?4");
    row.bind(folder.value(), epoch, after.value(), copy::exceptions_per_call);
    LedgerView view;
    while (row.step()) view.push_back(entry_from(row));
    return view;
}

copy::UnkeptFlags unkept_flags_of(Database& database, FolderId folder) {
    copy::UnkeptFlags unkept;
    auto row = database.prepare(
        "SELECT unkept_flags, count(*) FROM message INDEXED BY message_unkept "
        "WHERE folder = ?1 AND source_uid_validity = ?2 AND unkept_flags <> '' AND state = 2 "
        "GROUP BY unkept_flags");
    row.bind(folder.value(), folder_row(database, folder).source_epoch);
    while (row.step()) {
        unkept.flags = unkept.flags.with(imap::Flags::parse(row.text(0)));
        unkept.messages += row.integer_as<std::uint64_t>(1);
    }
    return unkept;
}

/// Where several old epochs hold the same UID, only the one with the highest UIDVALIDITY is shown; take_over
/// moves the same one.
LedgerView old_entries(Database& database, FolderId folder) {
    auto const epoch = folder_row(database, folder).source_epoch;
    auto row =
        database.prepare("SELECT " + std::string(entry_columns) +
                         " FROM message WHERE folder = ?1 AND source_uid_validity <> ?2 AND state IN (2, 3) "
                         "ORDER BY source_uid, source_uid_validity DESC");
    row.bind(folder.value(), epoch);
    LedgerView view;
    while (row.step()) {
        auto entry = entry_from(row);
        if (view.empty() || view.back().source_uid != entry.source_uid) view.push_back(std::move(entry));
    }
    return view;
}

void take_over(Database& database, FolderId folder, std::vector<std::pair<Uid, Uid>> const& old_to_new) {
    auto const epoch = folder_row(database, folder).source_epoch;
    for (auto const& [old_uid, new_uid] : old_to_new) {
        auto const moved = database.execute(
            "UPDATE message SET source_uid_validity = ?2, source_uid = ?4 WHERE folder = ?1 AND source_uid = "
            "?3 AND "
            "source_uid_validity = (SELECT max(source_uid_validity) FROM message "
            "WHERE folder = ?1 AND source_uid = ?3 AND source_uid_validity <> ?2 AND state IN (2, 3))",
            folder.value(), epoch, old_uid.value(), new_uid.value());
        if (moved == 1) continue;
        throw Failure(ErrorCode::internal, "inherit uid " + to_string(old_uid) + " as uid " +
                                               to_string(new_uid) + ": no older epoch of folder " +
                                               to_string(folder) + " holds it");
    }
}

UidSet claimed_uids(Database& database, PairId pair, MailboxName const& destination,
                    UidValidity uid_validity) {
    auto row = database.prepare(
        "SELECT destination_uid FROM message WHERE mailbox = (SELECT id FROM mailbox WHERE account = ?1 AND "
        "wire = ?2) AND destination_uid_validity = ?3 AND destination_uid IS NOT NULL ORDER BY "
        "destination_uid");
    row.bind(destination_account(database, pair), destination.wire, uid_validity.value());
    UidSet uids;
    while (row.step()) uids.add(Uid(row.integer_as<std::uint32_t>(0)));
    return uids;
}

using KeyedRecord = std::pair<FolderKey, FolderRecord>;

std::vector<KeyedRecord> open_folders(Database& database, PairId pair) {
    auto row = database.prepare(
        "SELECT " + std::string(folder_columns) +
        ", source_utf8, source_wire, destination_utf8, mailbox.wire FROM folder "
        "JOIN mailbox ON mailbox.id = folder.mailbox WHERE pair = ?1 AND EXISTS (SELECT 1 FROM message "
        "INDEXED BY message_open "
        "WHERE message.folder = folder.id AND message.source_uid_validity = folder.source_uid_validity AND "
        "state IN (0, 1)) ORDER BY folder.id");
    row.bind(pair.value());
    std::vector<KeyedRecord> folders;
    while (row.step()) {
        FolderKey key{{row.text(11), row.text(12)}, {row.text(13), row.text(14)}};
        folders.emplace_back(std::move(key), folder_record(row));
    }
    return folders;
}

std::vector<Digest> all_report_fingerprints(Database& database) {
    auto row = database.prepare("SELECT DISTINCT fingerprint FROM report");
    std::vector<Digest> fingerprints;
    while (row.step()) fingerprints.push_back(digest_of(row, 0));
    return fingerprints;
}

/// Each member is one piece of work for the writer. What the lambdas capture is owned by them.
class Ledger final : public copy::Journal {
 public:
    Ledger(Writer& writer, PairId pair) : writer_(writer), pair_(pair) {}

    Task<FolderRecord> folder(FolderKey key) override {
        return writer_.run<FolderRecord>([pair = pair_, key = std::move(key)](Database& database) {
            return find_or_create_folder(database, pair, key);
        });
    }
    Task<> set_source_epoch(FolderId folder, UidValidity uid_validity) override {
        return writer_.run([=](Database& database) { begin_source_epoch(database, folder, uid_validity); });
    }
    Task<> set_destination_epoch(FolderId folder, UidValidity uid_validity) override {
        return writer_.run(
            [=](Database& database) { begin_destination_epoch(database, folder, uid_validity); });
    }
    Task<> set_complete(FolderId folder, MailboxStatus source, MailboxStatus destination) override {
        return writer_.run([=](Database& database) { set_status(database, folder, source, destination); });
    }
    Task<> begin(FolderId folder, std::vector<Intent> intents) override {
        return writer_.run([folder, intents = std::move(intents)](Database& database) {
            write_intents(database, folder, intents);
        });
    }
    Task<> finish(FolderId folder, std::vector<Outcome> outcomes) override {
        return writer_.run([folder, outcomes = std::move(outcomes)](Database& database) {
            auto const row = folder_row(database, folder);
            for (auto const& outcome : outcomes) write_outcome(database, folder, row, outcome);
        });
    }
    Task<> set_flags(FolderId folder, std::vector<std::pair<Uid, copy::Flags>> flags) override {
        return writer_.run(
            [folder, flags = std::move(flags)](Database& database) { write_flags(database, folder, flags); });
    }
    Task<LedgerView> entries(FolderId folder, UidRange range) override {
        return writer_.run<LedgerView>([=](Database& database) {
            return select_entries(database, folder, "", "source_uid BETWEEN ?3 AND ?4", range.first.value(),
                                  range.last.value());
        });
    }
    Task<LedgerView> open_entries(FolderId folder) override {
        return writer_.run<LedgerView>([=](Database& database) {
            return select_entries(database, folder, "INDEXED BY message_open", "state IN (0, 1)");
        });
    }
    Task<LedgerView> entries_without_uid(FolderId folder) override {
        return writer_.run<LedgerView>([=](Database& database) {
            return select_entries(database, folder, "INDEXED BY message_without_uid",
                                  "state IN (2, 3) AND destination_uid IS NULL");
        });
    }
    Task<LedgerView> exceptions(FolderId folder, Uid after) override {
        return writer_.run<LedgerView>(
            [=](Database& database) { return select_exceptions(database, folder, after); });
    }
    Task<copy::UnkeptFlags> unkept_flags(FolderId folder) override {
        return writer_.run<copy::UnkeptFlags>(
            [=](Database& database) { return unkept_flags_of(database, folder); });
    }
    Task<LedgerView> inheritable(FolderId folder) override {
        return writer_.run<LedgerView>([=](Database& database) { return old_entries(database, folder); });
    }
    Task<> inherit(FolderId folder, std::vector<std::pair<Uid, Uid>> old_to_new) override {
        return writer_.run([folder, old_to_new = std::move(old_to_new)](Database& database) {
            take_over(database, folder, old_to_new);
        });
    }
    Task<UidSet> claimed(MailboxName destination, UidValidity uid_validity) override {
        return writer_.run<UidSet>(
            [pair = pair_, destination = std::move(destination), uid_validity](Database& database) {
                return claimed_uids(database, pair, destination, uid_validity);
            });
    }
    Task<std::vector<KeyedRecord>> folders_with_open_entries() override {
        return writer_.run<std::vector<KeyedRecord>>(
            [pair = pair_](Database& database) { return open_folders(database, pair); });
    }
    Task<std::vector<Digest>> report_fingerprints() override {
        return writer_.run<std::vector<Digest>>(
            [](Database& database) { return all_report_fingerprints(database); });
    }

 private:
    Writer& writer_;
    PairId pair_;
};

}  // namespace

std::unique_ptr<copy::Journal> make_ledger(Writer& writer, PairId pair) {
    return std::make_unique<Ledger>(writer, pair);
}

}  // namespace imapcopy::store
