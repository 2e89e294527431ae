#pragma once

// Jobs in the database: created, changed, read back after a crash. Every call is one transaction on the
// writer thread and may be awaited on the loop. All throw Failure(store_full, store_corrupt, internal).

#include <optional>
#include <string>
#include <vector>

#include "common/job.hpp"
#include "common/secret.hpp"
#include "common/task.hpp"
#include "daemon/copy/pass.hpp"
#include "daemon/store/writer.hpp"

namespace imapcopy::store {

class Vault;

/// A pair of accounts by resolved host and login; see copy-engine section 7.
using PairId = Tagged<std::int64_t, struct PairIdTag>;

/// A job as stored.
struct JobRow {
    JobView view;  ///< Progress is of the last save.
    PairId pair;
    std::uint32_t pass = 0;       ///< Completed passes; names the completion mail.
    WallTime secrets_until = {};  ///< When kept secrets are wiped; 0: at the end of the job.
    bool has_source_secret = false;
    bool has_destination_secret = false;
};

/// What changes when a job moves on; written in one transaction.
struct JobUpdate {
    Phase phase = Phase::queued;
    WaitReason wait_reason = WaitReason::none;
    std::string wait_text;
    WallTime waiting_until = {};
    std::uint32_t attempt = 0;
    WallTime started = {};
    WallTime ended = {};
    Progress progress;
    std::optional<Error> error;
    WallTime last_activity = {};
};

/// One row of GetItems.
struct Item {
    std::uint64_t source_uid = 0;
    std::string folder;
    std::string code;
    std::uint64_t size_bytes = 0;
    std::string text;
    std::string destination_uid;
};

class JobStore {
 public:
    /// Both outlive the store.
    JobStore(Writer& writer, Vault& vault);

    /// Refuses with Failure(job_exists, "Todo for sync this account exists.") if the pair has an unfinished
    /// job; decided, stored and the secrets sealed in one transaction. Empty secrets are not stored.
    Task<JobRow> create(JobSpec spec, std::uint32_t owner_uid, Secret source, Secret destination,
                        WallTime now);
    /// Every job, ascending by id; for the start of the daemon.
    Task<std::vector<JobRow>> load_all();
    /// Writes the whole of `update`. `end_secrets`: wipe both sealed secrets in the same transaction.
    enum class Secrets : std::uint8_t { keep, wipe };
    Task<> update(JobId id, JobUpdate update, Secrets secrets);
    /// Makes an ended job unfinished again (retry, resync), with those secrets that are not empty, in one
    /// transaction; refuses with job_exists as create does.
    Task<> reopen(JobId id, JobUpdate update, Secret source, Secret destination);
    /// Whether a person has held all jobs.
    Task<bool> all_held();
    Task<> set_all_held(bool held);
    Task<> set_secret(JobId id, Side side, Secret secret);
    /// The opened secret; credentials_missing where there is none (any more) or the key is locked.
    Task<Secret> secret(JobId id, Side side);
    /// Wipes the secrets of ended jobs whose time is over; returns when the next one is due (0: none).
    Task<WallTime> wipe_expired_secrets(WallTime now);
    /// Removes the job and its secrets; with `ledger`, also the pair's ledger if no other job has that pair.
    Task<> forget(JobId id, bool ledger);
    /// Counts up JobRow::pass and stores the result's folders and exceptions for report and GetItems.
    Task<std::uint32_t> complete_pass(JobId id, copy::PassResult result);
    Task<std::vector<copy::FolderResult>> folder_results(JobId id);
    /// kind: "copied", "exceptions", "ambiguous"; at most 1,000. Failure(invalid_argument) for another kind.
    Task<std::vector<Item>> items(JobId id, std::string kind, std::uint32_t offset, std::uint32_t count);

 private:
    Writer& writer_;
    Vault& vault_;
};

}  // namespace imapcopy::store
