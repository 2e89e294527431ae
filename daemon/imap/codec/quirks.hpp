#pragma once

// Every deviation from the grammar that the parser accepts. An entry is added only for what harms nobody and
// has one possible meaning. The examples stand in tests/corpus, and a test parses them.

#include <array>
#include <string_view>

namespace imapcopy::imap {

struct Quirk {
    std::string_view name;
    std::string_view server;   ///< The one known for it, or "several" where it belongs to no one product.
    std::string_view example;  ///< One whole response, without CRLF.
    std::string_view why;      ///< Why accepting it is right.
};

inline constexpr std::array quirks = {
    Quirk{"text_missing_after_code", "Gmail", "* OK [HIGHESTMODSEQ 1041235]",
          "The text is for people; nothing is lost."},
    Quirk{"status_without_text", "several", "* OK", "As above."},
    Quirk{"bracket_in_text", "Exchange",
          "* OK The Microsoft Exchange IMAP4 service is ready. "
          "[QQBNADYAUABSADAANABDAEEAMAAwADEAMAAuAGUAdQByAHAAcgBkADAANAA=]",
          "A code stands only directly after the status word."},
    Quirk{"code_without_end", "several", "* NO [Gmail is not a code", "Without a \"]\" it can only be text."},
    Quirk{"quote_without_end_in_code", "several", "A1 OK [ALERT say \"hi] unclosed",
          "A quoted string that never ends is no string; the first \"]\" ends the code."},
    Quirk{"brace_at_end_of_text", "several", "A2 NO Unknown mailbox: foo{5}",
          "Text for people has no literals; waiting for one would hang the connection."},
    Quirk{"status_word_in_lower_case", "several", "A3 ok lower case", "Words have no case in IMAP."},
    Quirk{"bare_line_feed_after_status", "GNU Mailutils",
          "A2 OK AUTHENTICATE PLAIN authentication successful",
          "imap4d ends this one line so. Text for people has no literals: nothing can be miscounted."},
    Quirk{"bare_continuation", "several", "+", "\"+\" alone says all there is to say."},
    Quirk{"two_blanks", "several", "* LIST  (\\HasNoChildren)  \"/\"  Drafts",
          "A run of blanks separates as one does."},
    Quirk{"trailing_blank", "iCloud", "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN ",
          "A blank at the end separates nothing."},
    Quirk{"blank_before_parenthesis", "Exchange", "* 1 FETCH (UID 92285 )", "As above."},
    Quirk{"search_with_trailing_blank", "Yahoo", "* SEARCH 1 2 3 ",
          "SEARCH is not used; the response is skipped whole."},
    Quirk{"unquoted_blank_in_mailbox", "several", "* LIST (\\HasNoChildren) \"/\" Sent Items",
          "The name is the last thing in the line, or ends before the list of STATUS."},
    Quirk{"unquoted_specials_in_mailbox", "several", "* LIST (\\HasNoChildren) \"/\" Rock%*]", "As above."},
    Quirk{"needless_backslash", "several", "* LIST (\\HasNoChildren) \"/\" \"o\\'clock\"",
          "A backslash before a character that needs none means that character."},
    Quirk{"raw_utf8_in_mailbox", "several", "* LIST (\\HasNoChildren) \"/\" \"Entwürfe\"",
          "The bytes are kept for the wire; shown as the UTF-8 that they are."},
    Quirk{"lone_ampersand_in_mailbox", "several", "* LIST (\\HasNoChildren) \"/\" \"AT&T\"",
          "Not modified UTF-7; kept and sent back as it came."},
    Quirk{"inbox_in_any_case", "several", "* LIST (\\HasNoChildren) \"/\" inbox",
          "RFC 9051 §5.1: INBOX has no case."},
    Quirk{"empty_separator", "several", "* LIST (\\HasNoChildren) \"\" Flat", "Can only mean NIL."},
    Quirk{"status_without_items", "several", "* STATUS Calendar ()",
          "A folder that is no mail folder: nothing is known."},
    Quirk{"zero_uid_next", "several", "* STATUS INBOX (MESSAGES 0 UIDNEXT 0 UIDVALIDITY 0)",
          "0 is no UID: taken as not told."},
    Quirk{"fetch_without_items", "several", "* 1 FETCH ()", "Says nothing, breaks nothing."},
    Quirk{"fetch_without_parentheses", "GNU Mailutils", "* 5 FETCH FLAGS (\\Seen)",
          "How imap4d tells of flags that another connection has set; items need no list to be understood."},
    Quirk{"flag_not_an_atom", "several", "* 1 FETCH (FLAGS (\\Seen \\XOther \\* Junk] k\"w))",
          "Left out: it could not be set at the destination in any case."},
    Quirk{"day_with_one_digit", "several", "* 1 FETCH (INTERNALDATE \"7-Feb-1994 21:52:25 +0000\")",
          "Only one meaning."},
    Quirk{"date_unreadable", "several", "* 1 FETCH (INTERNALDATE \"00-Jan-0000 00:00:00 +0000\")",
          "One broken date must not end the copy of a mailbox: taken as not told."},
    Quirk{"date_nil", "several", "* 1 FETCH (INTERNALDATE NIL)", "As above."},
    Quirk{"body_as_quoted_string", "several", "* 1 FETCH (UID 5 BODY[] \"short body\")",
          "The grammar allows it, but most parsers expect a literal."},
    Quirk{"header_nil", "several", "* 1 FETCH (UID 5 BODY[HEADER.FIELDS (SUBJECT)] NIL)", "No such field."},
    Quirk{"unknown_response", "several", "* XUNKNOWN whatever \"this ( is",
          "RFC 9051 §2.2.2: what a client did not ask for it must be able to ignore."},
};

}  // namespace imapcopy::imap
