#include "daemon/imap/codec/fragmenter.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

#include "common/text.hpp"

namespace imapcopy::imap {
namespace {

/// More digits than any 64-bit number has.
constexpr std::size_t literal_header_bytes_max = 32;

bool iends_with(std::string_view text, std::string_view suffix) {
    return text.size() >= suffix.size() && ascii_iequals(text.substr(text.size() - suffix.size()), suffix);
}

/// True for untagged data, whose strings may be literals; false for status lines and continuations.
bool may_have_literals(std::string_view response) {
    if (!response.starts_with("* ")) return false;
    constexpr std::array<std::string_view, 5> status_words = {"OK", "NO", "BAD", "BYE", "PREAUTH"};
    auto const start = std::min(response.find_first_not_of(' ', 1), response.size());
    auto const word = response.substr(start, response.substr(start).find_first_of(" \r{"));
    return std::ranges::none_of(status_words, [&](auto status) { return ascii_iequals(status, word); });
}

/// True for the reply to a command, which has no literals.
bool is_tagged(std::string_view response) {
    return response.find_first_of("*+\r\n") != 0;
}

struct LiteralHeader {
    std::size_t place = 0;  ///< Of "{".
    std::optional<std::uint64_t> size_bytes;
};

/// "{n}" at the end of `line`; a size that is nothing where the braces hold what only looks like a number.
std::optional<LiteralHeader> literal_header(std::string_view line) {
    if (!line.ends_with('}')) return std::nullopt;
    auto const window = line.size() - std::min(line.size(), literal_header_bytes_max);
    auto const brace = line.substr(window).rfind('{');
    if (brace == std::string_view::npos) return std::nullopt;
    auto const place = window + brace;
    auto const digits = line.substr(place + 1, line.size() - place - 2);
    if (digits.empty() || digits.find_first_not_of("0123456789+-") != std::string_view::npos)
        return std::nullopt;
    return LiteralHeader{place, parse_number(digits)};
}

}  // namespace

void Fragmenter::feed(std::string_view bytes) {
    assert(input_.empty());
    input_ = bytes;
}

bool Fragmenter::at_boundary() const {
    return state_ == State::text && current_.text.empty();
}

Result<Fragmenter::Event> Fragmenter::next() {
    for (;;) {
        std::optional<Event> event;
        switch (state_) {
            case State::text: event = read_text(); break;
            case State::kept_literal: event = read_kept_literal(); break;
            case State::body: event = read_body(); break;
            case State::body_end:
                state_ = State::text;
                event = BodyEnd{};
                break;
            case State::failed: return failure_;
        }
        if (event) return std::move(*event);
    }
}

std::string_view Fragmenter::take(std::uint64_t bytes_max) {
    auto const taken =
        input_.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max, input_.size())));
    input_.remove_prefix(taken.size());
    return taken;
}

std::optional<Fragmenter::Event> Fragmenter::refuse(std::string message) {
    failure_ = Error{ErrorCode::server_bug, "read response: " + std::move(message)};
    state_ = State::failed;
    input_ = {};
    return std::nullopt;
}

/// Moves input to the text up to the end of a line. The next state's turn if nothing.
std::optional<Fragmenter::Event> Fragmenter::read_text() {
    if (input_.empty()) return NeedInput{};
    auto const newline = input_.find('\n');
    auto const piece = take(newline == std::string_view::npos ? input_.size() : newline + 1);
    if (piece.size() > limits_.text_bytes_max - current_.text.size()) {
        return refuse("more than " + std::to_string(limits_.text_bytes_max) + " bytes of text");
    }
    if (piece.find('\0') != std::string_view::npos) return refuse("a NUL in its text");
    current_.text += piece;
    if (newline == std::string_view::npos) return NeedInput{};
    return end_line();
}

std::optional<Fragmenter::Event> Fragmenter::end_line() {
    auto const line = std::string_view(current_.text).substr(line_start_);
    auto const whole = line.ends_with("\r\n");
    if (!whole && !is_tagged(current_.text)) return refuse("a line feed without carriage return");
    auto const header = whole ? literal_header(line.substr(0, line.size() - 2)) : std::nullopt;
    if (header && may_have_literals(current_.text)) {
        if (!header->size_bytes) return refuse("a malformed literal");
        return start_literal(*header->size_bytes);
    }
    current_.text.resize(current_.text.size() - (whole ? 2 : 1));
    kept_bytes_ = 0;
    line_start_ = 0;
    return std::exchange(current_, ResponseText{});
}

std::optional<Fragmenter::Event> Fragmenter::start_literal(std::uint64_t size_bytes) {
    current_.literals.emplace_back();
    literal_left_ = size_bytes;
    line_start_ = current_.text.size();
    auto const text = std::string_view(current_.text).substr(0, current_.text.size() - 2);
    if (iends_with(text.substr(0, text.rfind('{')), " BODY[] ") ||
        iends_with(text.substr(0, text.rfind('{')), "(BODY[] ")) {
        if (size_bytes > limits_.body_bytes_max) {
            return refuse("a message of " + std::to_string(size_bytes) + " bytes is over the limit of " +
                          std::to_string(limits_.body_bytes_max));
        }
        state_ = State::body;
        return BodyStart{text, size_bytes};
    }
    if (size_bytes > limits_.literal_bytes_max - kept_bytes_) {
        return refuse("more than " + std::to_string(limits_.literal_bytes_max) + " bytes of literals");
    }
    kept_bytes_ += static_cast<std::size_t>(size_bytes);
    state_ = State::kept_literal;
    return std::nullopt;
}

std::optional<Fragmenter::Event> Fragmenter::read_kept_literal() {
    auto const piece = take(literal_left_);
    current_.literals.back() += piece;
    literal_left_ -= piece.size();
    if (literal_left_ > 0) return NeedInput{};
    state_ = State::text;
    return std::nullopt;
}

std::optional<Fragmenter::Event> Fragmenter::read_body() {
    if (literal_left_ == 0) {
        state_ = State::body_end;
        return std::nullopt;
    }
    if (input_.empty()) return NeedInput{};
    auto const piece = take(literal_left_);
    literal_left_ -= piece.size();
    return BodyPiece{piece};
}

}  // namespace imapcopy::imap
