#pragma once

// Bytes → lines and literals, with limits, across any read boundary. No grammar beyond "{n}" CRLF, and that
// lines for people have none: "+ …", tagged replies, untagged OK, NO, BAD, BYE, PREAUTH may end in "{5}".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/result.hpp"

namespace imapcopy::imap {

/// Limits of one response (reference: S-21). Past one of them the connection is over.
struct FragmenterLimits {
    std::size_t text_bytes_max = 64 * 1024;       ///< All text between literals of one response.
    std::size_t literal_bytes_max = 1024 * 1024;  ///< Sum of the literals that are kept in memory.
    std::uint64_t body_bytes_max = 2ULL * 1024 * 1024 * 1024;  ///< One streamed literal.
};

/// One whole response without its final CRLF. Literals that were kept stand in `literals`, in order; in
/// `text` each literal is represented by its "{n}" followed by CRLF. A streamed literal has its "{n}" in
/// `text` and an empty entry in `literals`.
struct ResponseText {
    std::string text;
    std::vector<std::string> literals;
};

/// A literal follows whose text so far ends in "BODY[] {n}" (any case): its bytes are handed through, not
/// kept. `text` is the response so far, from its "*"; valid until the next call.
struct BodyStart {
    std::string_view text;
    std::uint64_t size_bytes = 0;
};
/// A piece of that literal; points into the input of feed().
struct BodyPiece {
    std::string_view bytes;
};
struct BodyEnd {};
/// Everything fed so far is used up.
struct NeedInput {};

class Fragmenter {
 public:
    using Event = std::variant<NeedInput, ResponseText, BodyStart, BodyPiece, BodyEnd>;

    explicit Fragmenter(FragmenterLimits limits = {}) : limits_(limits) {}

    /// Gives the next input; only after next() answered NeedInput. `bytes` must stay valid until it does
    /// again.
    void feed(std::string_view bytes);
    /// The next event. Errors (server_bug) are final: a limit passed, a bare LF but after a tagged reply, a
    /// NUL in text, a malformed literal.
    Result<Event> next();
    /// Bytes fed and not yet consumed: must be none when TLS starts.
    std::size_t unread_bytes() const { return input_.size(); }
    /// True between two responses.
    bool at_boundary() const;

 private:
    enum class State : std::uint8_t { text, kept_literal, body, body_end, failed };

    std::optional<Event> read_text();
    std::optional<Event> read_kept_literal();
    std::optional<Event> read_body();
    std::optional<Event> end_line();
    std::optional<Event> start_literal(std::uint64_t size_bytes);
    std::optional<Event> refuse(std::string message);
    std::string_view take(std::uint64_t bytes_max);

    FragmenterLimits limits_;
    std::string_view input_;
    ResponseText current_;
    State state_ = State::text;
    std::uint64_t literal_left_ = 0;  ///< Bytes of the literal under way that are still to come.
    std::size_t kept_bytes_ = 0;      ///< Declared sizes of the kept literals of this response.
    std::size_t line_start_ = 0;      ///< Where in `current_.text` the line under way began.
    Error failure_;
};

}  // namespace imapcopy::imap
