#pragma once

// Sets of UIDs as ranges; never expanded.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/imap/codec/types.hpp"

namespace imapcopy::imap {

/// first ≤ last; both ends belong to it.
struct UidRange {
    Uid first;
    Uid last;
    bool operator==(UidRange const&) const = default;
};

/// Ascending, disjoint, not adjacent ranges.
class UidSet {
 public:
    UidSet() = default;
    /// As add().
    UidSet(Uid first, Uid last);
    static UidSet of(std::vector<Uid> const& uids);

    void add(Uid uid) { add(UidRange{uid, uid}); }
    /// A range the wrong way round is turned; 0 is no UID and is left out. Cheap at the end of the set, else
    /// linear.
    void add(UidRange range);
    bool contains(Uid uid) const;
    bool empty() const { return ranges_.empty(); }
    /// Number of UIDs; up to 2^32-1.
    std::uint64_t size() const;
    std::vector<UidRange> const& ranges() const { return ranges_; }

    /// "1:3,7"; empty for the empty set.
    std::string to_string() const;
    /// A sequence-set of numbers: "1:3,7", "5:2" (turned round). "*" is refused, so is 0. At most
    /// `ranges_max` ranges (a hostile server could send millions).
    static Result<UidSet> parse(std::string_view text, std::size_t ranges_max = 100'000);
    bool operator==(UidSet const&) const = default;

 private:
    static UidSet merged(std::vector<UidRange> ranges);
    std::vector<UidRange> ranges_;
};

/// Like UidSet::parse, but keeps the order of the server and expands at most `count_max` UIDs: APPENDUID
/// names the new UIDs in the order of the messages (RFC 4315 §3). Nothing if malformed, larger, or holding a
/// range the wrong way round, whose order would be a guess.
std::optional<std::vector<Uid>> parse_uid_list(std::string_view text, std::size_t count_max);

/// Splits `uids` so that each part prints in at most `line_bytes_max` bytes (RFC 7162 §4: 8192).
/// Order is kept; a range is never torn apart: one that alone is too long stands alone. Empty in, empty out.
std::vector<UidSet> split_for_command(UidSet const& uids, std::size_t line_bytes_max);

}  // namespace imapcopy::imap
