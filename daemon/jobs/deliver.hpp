#pragma once

// Brings a completion mail into the destination's INBOX: once, whatever crashes on the way.

#include <optional>
#include <string>

#include "common/context.hpp"
#include "common/job.hpp"
#include "daemon/copy/pass.hpp"
#include "daemon/store/reports.hpp"

namespace imapcopy::jobs {

struct Delivery {
    JobId job;
    std::uint32_t pass = 0;  ///< The pass that the mail reports.
    std::string mail;        ///< build_completion_mail()
    /// How long a message may take to become visible after an append without an answer (copy-engine section
    /// 4).
    Duration settle = std::chrono::seconds(5);
};

/// Announces the mail in `reports`, appends it, records how it ended. Where an earlier attempt left it open
/// it is looked for first; what is recorded as done is not delivered again. Connects once more if the
/// connection is lost. Returns the error where the mail is not in the mailbox or nobody knows: an exception
/// of the job. Throws only what ends the attempt (abort). All references outlive the call.
Task<std::optional<Error>> deliver(Context context, copy::Connections& connections, store::Reports& reports,
                                   Delivery delivery);

}  // namespace imapcopy::jobs
