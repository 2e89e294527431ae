#pragma once

// Mailbox names: UTF-8 for people and comparison, the server's own bytes for the wire.

#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

namespace imapcopy::imap {

/// A name as one server spells it. Compared by `wire`. "INBOX" in any case is spelled "INBOX" in both.
struct MailboxName {
    std::string utf8;  ///< For people, patterns and mapping; hierarchy separator of the server inside.
    std::string wire;  ///< Modified UTF-7 (RFC 3501 §5.1.3), or exactly what LIST said where that is invalid.

    /// From LIST, LSUB or STATUS. Invalid modified UTF-7 is kept: utf8 is then `wire` if it is UTF-8 (servers
    /// with raw UTF-8), else its printable escape. A control character in the name leads to the escape, too.
    static MailboxName from_wire(std::string_view wire);
    /// To create or address one of ours. Errors (invalid_argument): empty, not UTF-8, control
    /// characters, over 1,000 bytes.
    static Result<MailboxName> from_utf8(std::string_view utf8);

    bool is_inbox() const { return wire == "INBOX"; }
    auto operator<=>(MailboxName const& other) const { return wire <=> other.wire; }
    bool operator==(MailboxName const& other) const { return wire == other.wire; }
};

/// RFC 3501 §5.1.3. Encoding takes UTF-8 (a byte that is none becomes U+FFFD); decoding refuses what is
/// malformed or not canonical, so that encoding its result gives the same bytes again.
std::string encode_modified_utf7(std::string_view utf8);
Result<std::string> decode_modified_utf7(std::string_view text);

/// "a/b/c" → {"a","b","c"}; a separator of 0 (NIL) means a flat name.
std::vector<std::string> split_levels(std::string_view utf8, char separator);
std::string join_levels(std::vector<std::string> const& levels, char separator);

}  // namespace imapcopy::imap
