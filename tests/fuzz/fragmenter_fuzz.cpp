// However the bytes are cut, the fragmenter makes the same of them, and stays within its limits.

#include "daemon/imap/codec/fragmenter.hpp"

#include <algorithm>

#include "tests/fuzz/require.hpp"

namespace imapcopy::imap {
namespace {

using fuzz::require;

constexpr FragmenterLimits limits{2048, 1024, 4096};

void require_limits(ResponseText const& response) {
    std::size_t kept_bytes = 0;
    for (auto const& literal : response.literals) kept_bytes += literal.size();
    require(response.text.size() <= limits.text_bytes_max, "text stays within its limit");
    require(kept_bytes <= limits.literal_bytes_max, "literals stay within their limit");
    require(response.text.find('\0') == std::string::npos, "no NUL in text");
    auto const literals = std::ranges::count(response.text, '\n');
    require(literals == static_cast<std::ptrdiff_t>(response.literals.size()), "one line feed per literal");
}

/// Everything that comes out, in one string; pieces of a body joined.
std::string run(std::string_view input, std::size_t chunk_bytes) {
    Fragmenter fragmenter(limits);
    std::string out;
    std::uint64_t body_left = 0;
    for (;;) {
        auto const event = fragmenter.next();
        if (!event) return out + "error";
        if (std::holds_alternative<NeedInput>(*event)) {
            require(fragmenter.unread_bytes() == 0, "input is used up when more is asked for");
            if (input.empty()) return out + (fragmenter.at_boundary() ? "end" : "middle");
            fragmenter.feed(input.substr(0, chunk_bytes));
            input.remove_prefix(std::min(chunk_bytes, input.size()));
        } else if (auto const* response = std::get_if<ResponseText>(&*event)) {
            require_limits(*response);
            out += "response " + response->text;
            for (auto const& literal : response->literals) out += "literal " + literal;
        } else if (auto const* start = std::get_if<BodyStart>(&*event)) {
            body_left = start->size_bytes;
            out += "body " + std::string(start->text);
        } else if (auto const* piece = std::get_if<BodyPiece>(&*event)) {
            require(!piece->bytes.empty() && piece->bytes.size() <= body_left, "pieces add up to the body");
            body_left -= piece->bytes.size();
            out += piece->bytes;
        } else {
            require(body_left == 0, "a body ends when it is complete");
            out += "end of body";
        }
    }
}

}  // namespace
}  // namespace imapcopy::imap

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const input(reinterpret_cast<char const*>(data), size);
    auto const whole = imapcopy::imap::run(input, std::max<std::size_t>(size, 1));
    for (std::size_t const chunk_bytes : {1, 3, 61}) {
        auto const pieces = imapcopy::imap::run(input, chunk_bytes);
        imapcopy::fuzz::require(pieces == whole, "the same in any pieces");
    }
    return 0;
}
