#pragma once

// ASCII case, and printable escaping for logs, terminals and mails. No locale anywhere.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imapcopy {

constexpr char ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr char ascii_upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
std::string ascii_lower(std::string_view text);
bool ascii_iequals(std::string_view a, std::string_view b);
bool ascii_istarts_with(std::string_view text, std::string_view prefix);

/// `text` as one harmless line of UTF-8, cut to about `bytes_max` (then "…" follows): control characters,
/// DEL, C1, bidirectional marks, line separators and bytes that are not UTF-8 become \xNN.
std::string printable(std::string_view text, std::size_t bytes_max = 512);

/// True for well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool is_utf8(std::string_view text);

std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);

/// Whole text as a decimal number without sign; nothing for anything else or past the range.
std::optional<std::uint64_t> parse_number(std::string_view text);

std::string base64(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);
std::string hex(std::string_view bytes);

/// "*" any run of characters, "?" one; the rest literally, bytes compared exactly. For --include and
/// --exclude.
bool glob_match(std::string_view pattern, std::string_view text);

/// "61.3 MB", "812 B"; powers of 1000, one decimal.
std::string human_bytes(std::uint64_t bytes);

}  // namespace imapcopy
