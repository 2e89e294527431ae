#pragma once

// The values of IMAP, valid by construction.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"
#include "common/strong.hpp"

namespace imapcopy::imap {

/// Message UID, 1 … 2^32-1; 0 stands for "unknown" where a comment says so (RFC 9051 §2.3.1.1).
using Uid = Tagged<std::uint32_t, struct UidTag>;
using UidValidity = Tagged<std::uint32_t, struct UidValidityTag>;
/// RFC 7162; 0 is "none".
using ModSeq = Tagged<std::uint64_t, struct ModSeqTag>;

/// System flags as bits (RFC 9051 §2.3.2). \Recent belongs to the server and is dropped on reading.
enum class SystemFlag : std::uint8_t { seen = 1, answered = 2, flagged = 4, deleted = 8, draft = 16 };

/// The flags of a message: system flags and keywords. Keywords are valid atoms, kept in the case seen, unique
/// and ordered without regard to case.
class Flags {
 public:
    /// One flag as it stands on the wire ("\Seen", "$Forwarded"). Unknown backslash flags and \Recent are
    /// ignored; what is not an atom is refused (a server could otherwise inject words into our APPEND). Also
    /// refused: a keyword over 255 bytes, and the 1,025th of one set.
    Result<> add(std::string_view flag);
    void add(SystemFlag flag) { system_ |= static_cast<std::uint8_t>(flag); }
    bool has(SystemFlag flag) const { return (system_ & static_cast<std::uint8_t>(flag)) != 0; }
    bool has_keyword(std::string_view keyword) const;
    void remove_keyword(std::string_view keyword);
    std::vector<std::string> const& keywords() const { return keywords_; }
    bool empty() const { return system_ == 0 && keywords_.empty(); }
    /// These and `others`.
    Flags with(Flags const& others) const;
    /// These but for `others`.
    Flags without(Flags const& others) const;
    /// The five system flags, no keyword.
    static Flags all_system();
    /// Every flag as on the wire, system flags first: "\Seen \Flagged $Label1".
    std::string to_string() const;
    /// Reads to_string()'s form, blank separated. Never fails: what cannot be a flag is left out.
    static Flags parse(std::string_view text);
    /// Equal regardless of the case of keywords.
    bool operator==(Flags const& other) const;

 private:
    std::uint8_t system_ = 0;
    std::vector<std::string> keywords_;
};

/// What PERMANENTFLAGS says: which flags a client may set for good.
struct PermanentFlags {
    Flags flags = Flags::all_system();  ///< Without PERMANENTFLAGS everything may be set (RFC 9051 §7.1).
    bool any_keyword = true;            ///< "\*" was listed, or there was no PERMANENTFLAGS at all.
    /// `wanted` without what may not be set.
    Flags allowed(Flags const& wanted) const;
};

/// INTERNALDATE: an instant to the second, and the zone it was written in (RFC 9051 date-time).
struct InternalDate {
    /// In place of one that the server did not tell, or not so that it can be read.
    static constexpr InternalDate not_told() { return {INT64_MIN, 0}; }
    bool is_told() const { return unix_seconds != INT64_MIN; }

    std::int64_t unix_seconds = 0;
    std::int16_t zone_minutes = 0;  ///< East of UTC, -1439 … 1439.

    /// "17-Jul-1996 02:44:25 -0700", also with a blank in place of the first digit; without the quotes.
    /// A missing first digit is accepted (quirks.hpp).
    static Result<InternalDate> parse(std::string_view text);
    /// The form of RFC 9051, day with two digits. Years outside 0000 … 9999 are cut to that range.
    std::string to_string() const;
    /// The same instant. Servers do not keep the zone, so two dates are the same if this is.
    bool same_instant(InternalDate const& other) const { return unix_seconds == other.unix_seconds; }
    bool operator==(InternalDate const&) const = default;
};

}  // namespace imapcopy::imap
