#pragma once

// What to do with one window of one folder, and in which batches. Pure: values in, values out; the dry run
// prints the very values that would be executed.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "daemon/copy/exception.hpp"
#include "daemon/copy/identity.hpp"
#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// A destination message that no source message has claimed: it may be the copy of one.
struct Nominee {
    Uid uid;
    Identity identity;
    InternalDate internal_date;
    std::uint64_t size_bytes = 0;
};

/// The unclaimed messages of one destination folder; each is taken at most once.
class Nominees {
 public:
    void add(Nominee nominee);
    bool empty() const { return live_ == 0; }
    std::size_t size() const { return live_; }

    /// Untaken nominees for `identity`, ascending by UID: equal fingerprint; or, where headers say nothing
    /// (coarse 0), equal internal date among those whose headers say nothing either.
    std::vector<Nominee> candidates(Identity const& identity, InternalDate const& date) const;
    void take(Uid uid);

 private:
    struct Slot {
        Nominee nominee;
        bool taken = false;
    };
    /// Sorted by (coarse, fingerprint, uid) on first use after add().
    void sort() const;
    mutable std::vector<Slot> slots_;
    mutable std::map<Uid, std::size_t> places_;  ///< In slots_, while those are sorted.
    mutable bool sorted_ = true;
    std::size_t live_ = 0;
};

struct Adoption {
    Uid source_uid;
    Uid destination_uid;
    bool operator==(Adoption const&) const = default;
};

/// Source and destination messages with the same headers whose bodies must be compared before anything is
/// adopted.
struct Comparison {
    std::vector<Uid> source;
    std::vector<Uid> destination;
    bool operator==(Comparison const&) const = default;
};

struct WindowPlan {
    std::vector<MessageMeta> copy;  ///< Ascending by UID.
    std::vector<Adoption> adopt;    ///< Certain: sizes agree one to one.
    std::vector<Comparison> compare;
    std::vector<Uid> gone;              ///< Announced or refused once, but no longer at the source.
    std::vector<Exception> exceptions;  ///< Not to be tried: larger than the limits.
    std::uint64_t known = 0;            ///< Explained by the ledger.
    bool empty() const { return copy.empty() && adopt.empty() && compare.empty() && gone.empty(); }
};

struct WindowLimits {
    std::uint64_t message_bytes_max = 0;  ///< The configuration's; 0: none.
    std::uint64_t append_bytes_max = 0;   ///< The destination's APPENDLIMIT; 0: not told.
    /// Of the destination folder now. Entries of another one are void: looked for again, else copied again.
    UidValidity destination_uid_validity;
};

/// `source`: what the listing of the window brought, any order. `ledger`: the entries of that window; open
/// ones have been settled before, so they count as not stored. Nominees that are adopted are taken; compared
/// ones are not yet.
WindowPlan plan_window(std::vector<MessageMeta> source, LedgerView const& ledger, Nominees& nominees,
                       WindowLimits const& limits, std::string const& folder);

/// Pairs sources and destinations of one comparison by body digest, in order; taken nominees are recorded.
/// The sources left over are to be copied.
struct ComparisonResult {
    std::vector<Adoption> adopt;
    std::vector<Uid> copy;
};
struct HashedMessage {
    Uid uid;
    Digest digest{};
};
ComparisonResult compare_bodies(std::vector<HashedMessage> const& source,
                                std::vector<HashedMessage> const& destination, Nominees& nominees);

/// What one APPEND command may hold.
struct BatchLimits {
    std::uint32_t messages_max = 0;  ///< 1 where the server has no MULTIAPPEND.
    std::uint64_t bytes_max = 0;     ///< Sum of sizes; a larger message goes alone.
};
/// True if a message of `size_bytes` may join a batch that has `messages` messages of `batch_bytes` in all.
bool fits(BatchLimits const& limits, std::size_t messages, std::uint64_t batch_bytes,
          std::uint64_t size_bytes);

/// How many APPENDs may wait for their answers. What is under way when a connection dies is ambiguous, and
/// the next attempt waits for it by its size; small ones in numbers let many small folders be filled in one
/// round trip.
struct AppendLimits {
    std::size_t large_max = 8;                       ///< Once they are `small_bytes_max` in all.
    std::size_t small_max = 16;                      ///< As long as they are less.
    std::uint64_t small_bytes_max = 2 * 1024 * 1024;
};
/// True if one more may begin while `appends` with messages of `bytes` in all are under way.
bool may_begin(AppendLimits const& limits, std::size_t appends, std::uint64_t bytes);

/// A refused batch as two halves: the message that the server does not take is in one of them.
std::array<std::vector<MessageMeta>, 2> halve(std::vector<MessageMeta> messages);

/// Windows of UIDs so that one holds about `messages_per_window` messages; from `first` up to `uid_next` - 1
/// (or the last UID there is, where the server tells no UIDNEXT).
std::vector<UidRange> make_windows(Uid first, MailboxStatus const& status, std::uint32_t messages_per_window);

}  // namespace imapcopy::copy
