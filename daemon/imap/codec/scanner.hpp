#pragma once

// Reads the words of one response. The first thing that does not fit is remembered; from then on every answer
// is empty and at_end() is true, so a caller reads on without looking and asks ok() once.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error.hpp"

namespace imapcopy::imap {

class Scanner {
 public:
    /// Lists inside lists (reference: S-21).
    static constexpr unsigned nesting_max = 32;

    /// Both outlive the scanner. Without `literals` a literal reads as the empty string: for the beginning of
    /// a response whose literals are not at hand.
    Scanner(std::string_view text, std::vector<std::string> const* literals)
        : text_(text), literals_(literals) {}

    bool ok() const { return failure_.empty(); }
    bool at_end() const { return place_ >= text_.size(); }
    /// 0 at the end.
    char peek() const { return at_end() ? '\0' : text_[place_]; }
    std::string_view rest() const { return at_end() ? std::string_view{} : text_.substr(place_); }
    std::size_t place() const { return place_; }

    /// Steps over `c`; false if something else stands there.
    bool accept(char c);
    void expect(char c);
    void skip_blanks();
    /// At least one.
    void expect_blank();
    /// Only blanks are left.
    void expect_end();

    /// Up to a blank, a parenthesis or the end: atoms, flags, response names. Never empty unless failed.
    std::string_view word();
    /// Up to a blank or the end, parentheses included.
    std::string_view run();
    /// Decimal; fails past `max`.
    std::uint64_t number(std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
    std::uint32_t number32() {
        return static_cast<std::uint32_t>(number(std::numeric_limits<std::uint32_t>::max()));
    }
    /// Steps over NIL.
    bool accept_nil();
    bool at_string() const;
    /// Quoted string or literal.
    std::string string();
    /// A string or a word.
    std::string astring();
    /// Nothing for NIL.
    std::optional<std::string> nstring();

    /// "(" and, at the end of what is between, ")". The body runs
    ///     for (list.open(); list.more();) …
    void open();
    /// Steps over blanks; false, and the list is closed, at ")".
    bool more();
    /// Any one value: list, string, literal, word.
    void skip_value();
    /// "[…]" with strings and literals inside.
    void skip_section();

    void fail(std::string_view expected);
    /// Only after ok() was false.
    Error error(std::string_view what) const;

 private:
    std::string quoted();
    std::string literal();

    std::string_view text_;
    std::vector<std::string> const* literals_;
    std::size_t place_ = 0;
    std::size_t literals_read_ = 0;
    unsigned depth_ = 0;
    std::string failure_;
};

}  // namespace imapcopy::imap
