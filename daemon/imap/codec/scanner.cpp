#include "daemon/imap/codec/scanner.hpp"

#include <algorithm>

#include "common/text.hpp"
#include "daemon/imap/codec/grammar.hpp"

namespace imapcopy::imap {

void Scanner::fail(std::string_view expected) {
    if (!ok()) return;
    failure_ = "expected " + std::string(expected) + " at byte " + std::to_string(place_);
    place_ = text_.size();
}

Error Scanner::error(std::string_view what) const {
    return Error{ErrorCode::server_bug, "read " + printable(what, 32) + " response: " + failure_};
}

bool Scanner::accept(char c) {
    if (at_end() || text_[place_] != c) return false;
    ++place_;
    return true;
}

void Scanner::expect(char c) {
    if (!accept(c)) fail(std::string{'"', c, '"'});
}

void Scanner::skip_blanks() {
    while (accept(' ')) {
    }
}

void Scanner::expect_blank() {
    expect(' ');
    skip_blanks();
}

void Scanner::expect_end() {
    skip_blanks();
    if (!at_end()) fail("the end");
}

std::string_view Scanner::word() {
    auto const start = place_;
    while (!at_end() && !is_control(peek()) && peek() != ' ' && peek() != '(' && peek() != ')') ++place_;
    if (place_ == start) fail("a word");
    return ok() ? text_.substr(start, place_ - start) : std::string_view{};
}

std::string_view Scanner::run() {
    auto const start = place_;
    while (!at_end() && !is_control(peek()) && peek() != ' ') ++place_;
    if (place_ == start) fail("a word");
    return ok() ? text_.substr(start, place_ - start) : std::string_view{};
}

std::uint64_t Scanner::number(std::uint64_t max) {
    auto const digits = rest().substr(0, std::min(rest().find_first_not_of("0123456789"), rest().size()));
    auto const value = parse_number(digits);
    if (!value || *value > max) {
        fail("a number");
        return 0;
    }
    place_ += digits.size();
    return *value;
}

bool Scanner::accept_nil() {
    auto const after = rest().substr(std::min<std::size_t>(3, rest().size()));
    bool const ends = after.empty() || after.front() == ' ' || after.front() == ')';
    if (!ends || !ascii_istarts_with(rest(), "NIL")) return false;
    place_ += 3;
    return true;
}

bool Scanner::at_string() const {
    return peek() == '"' || peek() == '{' || rest().starts_with("~{");
}

std::string Scanner::string() {
    if (!at_string()) fail("a string");
    if (!ok()) return {};
    return peek() == '"' ? quoted() : literal();
}

std::string Scanner::quoted() {
    std::string value;
    for (++place_; !at_end() && peek() != '"'; ++place_) {
        // Only "\"" and "\\" are defined; before anything else the backslash is dropped.
        if (peek() == '\\') ++place_;
        if (at_end() || peek() == '\r' || peek() == '\n') break;
        value += peek();
    }
    if (!accept('"')) fail("the end of a quoted string");
    return ok() ? value : std::string{};
}

std::string Scanner::literal() {
    (void)accept('~');
    expect('{');
    (void)number();
    expect('}');
    expect('\r');
    expect('\n');
    if (!ok() || literals_ == nullptr) return {};
    if (literals_read_ >= literals_->size()) {
        fail("a literal");
        return {};
    }
    return (*literals_)[literals_read_++];
}

std::string Scanner::astring() {
    return at_string() ? string() : std::string(word());
}

std::optional<std::string> Scanner::nstring() {
    if (accept_nil()) return std::nullopt;
    return string();
}

void Scanner::open() {
    expect('(');
    if (++depth_ > nesting_max) fail("at most " + std::to_string(nesting_max) + " lists in each other");
}

bool Scanner::more() {
    skip_blanks();
    if (at_end()) fail("\")\"");
    if (!ok()) return false;
    if (!accept(')')) return true;
    --depth_;
    return false;
}

void Scanner::skip_value() {
    unsigned inside = 0;
    do {
        if (peek() == '(') {
            open();
            ++inside;
        } else if (at_string()) {
            (void)string();
        } else {
            (void)word();
        }
        while (inside > 0 && ok() && !more()) --inside;
    } while (inside > 0 && ok());
}

void Scanner::skip_section() {
    expect('[');
    while (ok() && !accept(']')) {
        if (at_string()) {
            (void)string();
        } else if (at_end()) {
            fail("\"]\"");
        } else {
            ++place_;
        }
    }
}

}  // namespace imapcopy::imap
