#pragma once

// The report as a mail for the destination mailbox. Pure: bytes out.

#include <cstdint>
#include <string>
#include <string_view>

#include "common/job.hpp"
#include "daemon/jobs/report.hpp"

namespace imapcopy::jobs {

/// The whole message, CRLF line ends, ready for APPEND. Everything dynamic stands in the quoted-printable
/// body; of the headers only the date, the numbers in Message-ID and, if it is a plain addr-spec, the address
/// are not constant. Message-ID depends on job, its creation time and `pass` alone, so a mail built again is
/// recognisably the same.
std::string build_completion_mail(ReportInput const& input, std::uint32_t pass, WallTime now);

/// The header block of such a mail: what its identity is computed from.
std::string_view header_block(std::string_view mail);

/// RFC 5322 §3.3, in UTC: "Fri, 21 Nov 2026 08:15:00 +0000".
std::string to_rfc5322_date(WallTime time);

/// An addr-spec of ASCII dot-atoms (RFC 5322 §3.4.1): nothing that would need quoting, and no room for other
/// headers.
bool is_plain_addr_spec(std::string_view text);

/// RFC 2045 §6.7; lines of at most 76 bytes. LF in `text` becomes CRLF.
std::string quoted_printable(std::string_view text);

}  // namespace imapcopy::jobs
