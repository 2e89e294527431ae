#pragma once

// How a job lies in the tables: between JobSpec, JobUpdate, JobRow and rows. Runs on the writer thread.

#include <vector>

#include "daemon/store/job_store.hpp"
#include "daemon/store/sqlite.hpp"

namespace imapcopy::store {

/// The pair of the spec's two accounts (host lower-cased, login as sent), created where it is new.
/// Failure(invalid_argument) where a host or login is empty.
PairId pair_of(Database& database, JobSpec const& spec);
/// Throws Failure(job_exists) if another job than `except` of `pair` is unfinished.
void require_no_unfinished(Database& database, PairId pair, JobId except);

/// Adds the job in phase queued, held or scheduled, as the spec says.
JobId insert_job(Database& database, PairId pair, JobSpec const& spec, std::uint32_t owner_uid, WallTime now);
/// Every job, or only `only`; ascending.
std::vector<JobRow> read_jobs(Database& database, std::optional<JobId> only);
/// Failure(no_such_job) for an unknown one.
JobRow read_job(Database& database, JobId id);
/// Writes the whole of `update`; for an unfinished phase `ended` counts as unset. Failure(no_such_job).
void write_update(Database& database, JobId id, JobUpdate const& update);

/// Replaces the folders and exceptions of the last complete pass, counts it; the number of passes then.
std::uint32_t write_pass(Database& database, JobId id, copy::PassResult const& result);
std::vector<copy::FolderResult> read_folder_results(Database& database, JobId id);
/// As JobStore::items.
std::vector<Item> read_items(Database& database, JobId id, std::string const& kind, std::uint32_t offset,
                             std::uint32_t count);

}  // namespace imapcopy::store
