#pragma once

// Reports: the completion mails that were appended, or were about to be. One row per job and pass, so that a
// crash between the APPEND and its answer never leads to a second mail. The fingerprints outlive the job: a
// later copy that has the account as its source leaves these mails out (Journal::report_fingerprints).

#include <cstdint>
#include <optional>

#include "common/job.hpp"
#include "common/task.hpp"
#include "daemon/copy/view.hpp"
#include "daemon/store/writer.hpp"

namespace imapcopy::store {

enum class ReportState : std::uint8_t {
    intent,  ///< Announced; after a crash look for the fingerprint from base_uid_next on.
    done,    ///< The destination has it.
    failed,  ///< It was refused; an exception of the job.
};

struct ReportRecord {
    JobId job = {};
    std::uint32_t pass = 0;  ///< As JobRow::pass after complete_pass.
    copy::Digest fingerprint{};
    ReportState state = ReportState::intent;
    copy::UidValidity destination_uid_validity = {};  ///< 0: unknown.
    copy::Uid base_uid_next = {};    ///< UIDNEXT of the destination's INBOX before the first attempt.
    copy::Uid destination_uid = {};  ///< 0: unknown.
};

/// Every call is one transaction; all throw Failure like Writer::run.
class Reports {
 public:
    /// `writer` outlives it.
    explicit Reports(Writer& writer) : writer_(writer) {}

    /// Nothing where none was begun for this pass.
    Task<std::optional<ReportRecord>> find(JobId job, std::uint32_t pass);
    /// Durable before the last byte is sent. Begun again, it goes back to `intent` and keeps the base of the
    /// first attempt as long as the UIDVALIDITY is the same. Failure(no_such_job) for an unknown job.
    Task<> begin(JobId job, std::uint32_t pass, copy::Digest fingerprint,
                 copy::UidValidity destination_uid_validity, copy::Uid base_uid_next);
    /// How it ended; `uid` 0: unknown. Failure(internal) where none was begun.
    Task<> finish(JobId job, std::uint32_t pass, ReportState state, copy::Uid uid);

 private:
    Writer& writer_;
};

}  // namespace imapcopy::store
