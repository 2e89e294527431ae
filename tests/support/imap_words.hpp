#pragma once

// The client's half of the IMAP grammar for the server in memory. On purpose not the product's codec: an
// error in that one must not be understood by its mirror image.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace imapcopy::test {

struct Word {
    enum class Kind : std::uint8_t { atom, quoted, literal, open, close } kind = Kind::atom;
    std::string text;

    bool is_string() const { return kind != Kind::open && kind != Kind::close; }
};

/// Appends the words of one piece of a command line: the text before, between or behind its literals. False:
/// a quoted string does not end.
bool split_words(std::string_view text, std::vector<Word>& words);

/// "{5}" or "{5+}" at the end of a line.
struct LiteralHeader {
    std::size_t begin = 0;  ///< Where it starts in the line.
    std::uint64_t size_bytes = 0;
    bool synchronising = true;
};
std::optional<LiteralHeader> find_literal(std::string_view line);

/// Ranges of "1:3,7,9:*"; "*" is the largest number. Empty: malformed.
std::vector<std::pair<std::uint32_t, std::uint32_t>> parse_ranges(std::string_view text);

/// "17-Jul-1996 02:44:25 -0700" to seconds since the epoch; nothing if malformed.
std::optional<std::int64_t> parse_date(std::string_view text);
/// In UTC.
std::string format_date(std::int64_t unix_seconds);

/// The header lines of `message` whose names are among `names`, in the message's order, with the empty line.
std::string pick_headers(std::string_view message, std::vector<std::string> const& names);

}  // namespace imapcopy::test
