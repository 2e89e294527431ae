#include "common/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace imapcopy {
namespace {

constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr unsigned char byte_at(std::string_view text, std::size_t i) {
    return static_cast<unsigned char>(text[i]);
}

struct CodePoint {
    char32_t value = 0;
    std::size_t length = 0;  ///< 0: not UTF-8 at this place.
};

CodePoint decode_at(std::string_view text, std::size_t i) {
    auto const lead = byte_at(text, i);
    if (lead < 0x80) return {lead, 1};
    std::size_t const length = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
    if (length == 0 || lead >= 0xf5 || text.size() - i < length) return {};
    char32_t value = lead & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
        auto const next = byte_at(text, i + k);
        if ((next & 0xc0U) != 0x80U) return {};
        value = value << 6U | (next & 0x3fU);
    }
    constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
    if (value < least.at(length) || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
    return {value, length};
}

bool is_harmless(char32_t c) {
    if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
    if (c == 0x61c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e)) return false;
    return !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff;
}

}  // namespace

std::string ascii_lower(std::string_view text) {
    std::string lower(text);
    for (auto& c : lower) c = ascii_lower(c);
    return lower;
}

bool ascii_iequals(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

bool ascii_istarts_with(std::string_view text, std::string_view prefix) {
    return text.size() >= prefix.size() && ascii_iequals(text.substr(0, prefix.size()), prefix);
}

std::string printable(std::string_view text, std::size_t bytes_max) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        if (out.size() >= bytes_max) return out + "…";
        auto const point = decode_at(text, i);
        auto const length = std::max<std::size_t>(point.length, 1);
        if (point.length > 0 && is_harmless(point.value)) {
            out += text.substr(i, length);
        } else {
            for (std::size_t k = 0; k < length; ++k) out += "\\x" + hex(text.substr(i + k, 1));
        }
        i += length;
    }
    return out;
}

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        auto const point = decode_at(text, i);
        if (point.length == 0) return false;
        i += point.length;
    }
    return true;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    auto const first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        auto const end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    auto const* const end = text.data() + text.size();
    auto const result = std::from_chars(text.data(), end, value);
    if (text.empty() || result.ec != std::errc{} || result.ptr != end) return std::nullopt;
    return value;
}

std::string base64(std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        auto const count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t word = 0;
        for (std::size_t k = 0; k < 3; ++k) word = word << 8U | (k < count ? byte_at(bytes, i + k) : 0U);
        for (std::size_t k = 0; k < 4; ++k)
            out += k <= count ? base64_alphabet[word >> (18 - 6 * k) & 63U] : '=';
    }
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 4) {
        std::uint32_t word = 0;
        std::size_t padding = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            auto const c = text[i + k];
            auto const digit = base64_alphabet.find(c);
            bool const pads = c == '=' && i + 4 == text.size() && k >= 2;
            if ((digit == std::string_view::npos && !pads) || (padding > 0 && !pads)) return std::nullopt;
            if (pads) ++padding;
            word = word << 6U | (pads ? 0U : static_cast<std::uint32_t>(digit));
        }
        for (std::size_t k = 0; k < 3 - padding; ++k) out += static_cast<char>(word >> (16 - 8 * k) & 0xffU);
    }
    return out;
}

std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        out += digits[byte_at(bytes, i) >> 4U];
        out += digits[byte_at(bytes, i) & 15U];
    }
    return out;
}

bool glob_match(std::string_view pattern, std::string_view text) {
    // Linear with one point of return: the last "*" absorbs one byte more each time.
    std::size_t p = 0;
    std::size_t t = 0;
    auto star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::string human_bytes(std::uint64_t bytes) {
    constexpr std::array<char const*, 6> units = {"B", "kB", "MB", "GB", "TB", "PB"};
    if (bytes < 1000) return std::to_string(bytes) + " B";
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1000.0 && unit + 1 < units.size()) {
        value /= 1000.0;
        ++unit;
    }
    std::array<char, 32> buffer{};
    (void)std::snprintf(buffer.data(), buffer.size(), "%.1f %s", value, units.at(unit));
    return buffer.data();
}

}  // namespace imapcopy
