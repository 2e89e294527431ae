#pragma once

// The character classes of RFC 9051 §9, shared by reader and writer.

#include <algorithm>
#include <string_view>

namespace imapcopy::imap {

/// C0 controls and DEL.
constexpr bool is_control(char c) {
    auto const byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
}

/// ATOM-CHAR: 7-bit, printable, none of the specials.
constexpr bool is_atom_char(char c) {
    constexpr std::string_view specials = "(){ %*\"\\]";
    return static_cast<unsigned char>(c) < 0x80 && !is_control(c) &&
           specials.find(c) == std::string_view::npos;
}

constexpr bool is_atom(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_atom_char);
}

}  // namespace imapcopy::imap
