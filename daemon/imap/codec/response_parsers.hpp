#pragma once

// The parsers of single kinds of response; parse() in response.hpp chooses among them.

#include "daemon/imap/codec/response.hpp"
#include "daemon/imap/codec/scanner.hpp"

namespace imapcopy::imap::response {

std::string upper(std::string_view text);

/// All begin after the response's name. Whether it went well, the scanner knows.
Fetch parse_fetch(Scanner& in, std::uint32_t sequence_number);
List parse_list(Scanner& in, bool lsub);
MailboxStatus parse_mailbox_status(Scanner& in);
Namespace parse_namespace(Scanner& in);
Quota parse_quota(Scanner& in);
Id parse_id(Scanner& in);
Flags parse_flags(Scanner& in);

/// The name of a FETCH item as the server spells it, its section as far as the first blank: "UID",
/// "BODY[HEADER.FIELDS", "BODY[]". A part of the scanner's text.
std::string_view parse_fetch_item_name(Scanner& in);

}  // namespace imapcopy::imap::response
