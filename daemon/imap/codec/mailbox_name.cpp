#include "daemon/imap/codec/mailbox_name.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "common/text.hpp"
#include "daemon/imap/codec/grammar.hpp"

namespace imapcopy::imap {
namespace {

constexpr std::size_t name_bytes_max = 1000;
constexpr char32_t replacement = 0xfffd;

/// Base64 of RFC 3501 §5.1.3: "," in place of "/".
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

constexpr bool is_direct(char c) {
    return c >= 0x20 && c <= 0x7e;
}

/// Takes one code point off the front; a byte that is not UTF-8 counts as U+FFFD.
char32_t take_code_point(std::string_view& utf8) {
    auto const lead = static_cast<unsigned char>(utf8.front());
    std::size_t const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (!is_utf8(utf8.substr(0, length))) {
        utf8.remove_prefix(1);
        return replacement;
    }
    char32_t point = length == 1 ? lead : lead & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i)
        point = point << 6U | (static_cast<unsigned char>(utf8[i]) & 0x3fU);
    utf8.remove_prefix(length);
    return point;
}

void append_utf8(std::string& out, char32_t point) {
    auto const tail = [&](unsigned shift) { out += static_cast<char>(0x80U | (point >> shift & 0x3fU)); };
    if (point < 0x80) {
        out += static_cast<char>(point);
    } else if (point < 0x800) {
        out += static_cast<char>(0xc0U | point >> 6U);
        tail(0);
    } else if (point < 0x10000) {
        out += static_cast<char>(0xe0U | point >> 12U);
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xf0U | point >> 18U);
        tail(12);
        tail(6);
        tail(0);
    }
}

/// Writes 16-bit units as the base64 of one shifted run.
class Utf7Run {
 public:
    explicit Utf7Run(std::string& out) : out_(out) {}
    void unit(std::uint32_t value) {
        bits_ = bits_ << 16U | value;
        count_ += 16;
        while (count_ >= 6) {
            count_ -= 6;
            out_ += alphabet[bits_ >> count_ & 63U];
        }
    }
    void finish() {
        if (count_ > 0) out_ += alphabet[bits_ << (6 - count_) & 63U];
    }

 private:
    std::string& out_;
    std::uint64_t bits_ = 0;
    unsigned count_ = 0;
};

/// Decodes the base64 between "&" and "-" and appends it as UTF-8. False: malformed.
bool append_run(std::string& out, std::string_view run) {
    std::uint64_t bits = 0;
    unsigned count = 0;
    char32_t high = 0;
    for (auto const c : run) {
        auto const digit = alphabet.find(c);
        if (digit == std::string_view::npos) return false;
        bits = bits << 6U | digit;
        count += 6;
        if (count < 16) continue;
        count -= 16;
        auto const unit = static_cast<char32_t>(bits >> count & 0xffffU);
        bool const is_low = unit >= 0xdc00 && unit <= 0xdfff;
        if (is_low != (high != 0)) return false;
        if (is_low) {
            append_utf8(out, 0x10000 + ((high - 0xd800) << 10U) + (unit - 0xdc00));
            high = 0;
        } else if (unit >= 0xd800 && unit <= 0xdbff) {
            high = unit;
        } else {
            append_utf8(out, unit);
        }
    }
    return high == 0;
}

/// C0, DEL and C1 (in UTF-8).
bool has_control(std::string_view utf8) {
    while (!utf8.empty()) {
        auto const point = take_code_point(utf8);
        if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return true;
    }
    return false;
}

}  // namespace

std::string encode_modified_utf7(std::string_view utf8) {
    std::string out;
    while (!utf8.empty()) {
        if (is_direct(utf8.front())) {
            out += utf8.front() == '&' ? "&-" : std::string(1, utf8.front());
            utf8.remove_prefix(1);
            continue;
        }
        out += '&';
        Utf7Run run(out);
        while (!utf8.empty() && !is_direct(utf8.front())) {
            auto const point = take_code_point(utf8);
            if (point >= 0x10000) {
                run.unit(0xd800 + ((point - 0x10000) >> 10U));
                run.unit(0xdc00 + ((point - 0x10000) & 0x3ffU));
            } else {
                run.unit(point);
            }
        }
        run.finish();
        out += '-';
    }
    return out;
}

Result<std::string> decode_modified_utf7(std::string_view text) {
    auto const refused = [&] {
        return Error{ErrorCode::server_bug,
                     "decode mailbox name \"" + printable(text, 200) + "\": not modified UTF-7"};
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!is_direct(text[i])) return refused();
        if (text[i] != '&') {
            out += text[i];
            continue;
        }
        auto const end = text.find('-', i);
        if (end == std::string_view::npos) return refused();
        auto const run = text.substr(i + 1, end - i - 1);
        if (run.empty()) out += '&';
        if (!append_run(out, run)) return refused();
        i = end;
    }
    // Needless shifts, split runs and stray bits all show in the way back.
    if (encode_modified_utf7(out) != text) return refused();
    return out;
}

MailboxName MailboxName::from_wire(std::string_view wire) {
    if (ascii_iequals(wire, "INBOX")) return {"INBOX", "INBOX"};
    auto decoded = decode_modified_utf7(wire);
    if (decoded && !has_control(*decoded)) return {std::move(*decoded), std::string(wire)};
    bool const is_readable = is_utf8(wire) && !has_control(wire);
    return {is_readable ? std::string(wire) : printable(wire, name_bytes_max), std::string(wire)};
}

Result<MailboxName> MailboxName::from_utf8(std::string_view utf8) {
    auto const refused = [&](std::string_view why) {
        return Error{ErrorCode::invalid_argument,
                     "mailbox name \"" + printable(utf8, 200) + "\": " + std::string(why)};
    };
    if (utf8.empty()) return refused("empty");
    if (utf8.size() > name_bytes_max)
        return refused("longer than " + std::to_string(name_bytes_max) + " bytes");
    if (!is_utf8(utf8)) return refused("not UTF-8");
    if (has_control(utf8)) return refused("contains a control character");
    if (ascii_iequals(utf8, "INBOX")) return MailboxName{"INBOX", "INBOX"};
    return MailboxName{std::string(utf8), encode_modified_utf7(utf8)};
}

std::vector<std::string> split_levels(std::string_view utf8, char separator) {
    if (separator == 0) return {std::string(utf8)};
    std::vector<std::string> levels;
    for (auto const level : split(utf8, separator)) levels.emplace_back(level);
    return levels;
}

std::string join_levels(std::vector<std::string> const& levels, char separator) {
    std::string joined;
    for (std::size_t i = 0; i < levels.size(); ++i) {
        if (i > 0 && separator != 0) joined += separator;
        joined += levels[i];
    }
    return joined;
}

}  // namespace imapcopy::imap
