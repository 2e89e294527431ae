#pragma once

// The report of a job as people read it: what was copied, what not and why, and the way out. Plain text,
// UTF-8.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/job.hpp"
#include "daemon/copy/pass.hpp"

namespace imapcopy::jobs {

struct ReportInput {
    JobView job;
    std::vector<copy::FolderResult> folders;  ///< Of the last complete pass.
    std::vector<copy::Exception> exceptions;  ///< The same; perhaps not all of them.
    std::uint64_t exceptions_total = 0;
};

/// Lines end in LF. Names and servers' words are escaped, so that none of them starts a line of its own.
std::string report_text(ReportInput const& input, std::string_view language);

/// The part that lists folders and exceptions; the body of the completion mail.
std::string report_lists(ReportInput const& input, std::string_view language);

/// One sentence that says what a person can do about an error, by its name ("AppendRejected").
std::string way_out(std::string_view error_name, std::string_view language);

}  // namespace imapcopy::jobs
