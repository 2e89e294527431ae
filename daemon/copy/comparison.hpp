#pragma once

// Are the messages of two folders the same ones? The pure part of a verification. It compares multisets of
// what the two servers say and knows nothing of how a copy is planned: an error of the planner shows here.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// What a verification finds. The first group is differences; the second has an explanation that needs
/// nobody's attention.
enum class DifferenceKind : std::uint8_t {
    missing,     ///< At the source only, although nothing explains it.
    uncopied,    ///< At the source only, and no pass has seen it yet: resync brings it over.
    deleted,     ///< Its copy had a UID at the destination and is nowhere there any more.
    doubled,     ///< More often at the destination than at the source, and the ledger knows nothing of it.
    altered,     ///< Its copy has other content.
    date,        ///< Another INTERNALDATE.
    flags,       ///< Other flags, and the ledger does not know the message.
    unreadable,  ///< A folder or a message could not be compared.
    // Explained.
    exception,  ///< The destination refused it; the report of the job says why.
    moved,      ///< Its copy stands in another folder of the destination by now.
    reflagged,  ///< Flags changed on one side since the copy.
    adopted,    ///< Was at the destination before the copy, and keeps its own date and flags.
    extra,      ///< At the destination only: mail of its own, or of another source.
    resized,    ///< RFC822.SIZE differs: servers change line ends, or count them in their own way.
};
inline constexpr std::size_t difference_kinds = 14;
std::string_view to_string(DifferenceKind kind);  ///< As the enumerator.
/// True for the second group.
bool is_explained(DifferenceKind kind);

/// A hash cut to 128 bits: two messages of one folder never share one by chance.
using Hash128 = std::array<std::uint64_t, 2>;
Hash128 cut(Digest const& digest);

/// Flags in four bytes: the system flags as bits, a hash of the keywords above them.
using PackedFlags = std::uint32_t;
PackedFlags pack(Flags const& flags);
/// The system flags by name; says of keywords only that there are some. "none" for no flag.
std::string flag_names(PackedFlags flags);

/// All that is kept of a message while its folder is compared: 64 bytes.
struct IndexedMessage {
    Uid uid;
    PackedFlags flags = 0;
    Hash128 headers{};  ///< Of the identity headers.
    Hash128 content{};  ///< Of the body; zero where it was not read.
    std::int64_t date = 0;
    std::uint64_t size_bytes = 0;
    bool silent = false;   ///< The headers say nothing of what it is.
    bool claimed = false;  ///< Destination: the ledger knows whose copy it is.
    bool operator==(IndexedMessage const&) const = default;
};
/// A message whose headers the server did not give counts as one without any.
IndexedMessage index_message(MessageMeta const& message);

/// Messages that are taken for the same one have equal likenesses: that of the headers, and where those say
/// nothing, of the date, too.
Hash128 likeness(IndexedMessage const& message);

/// A message and its counterpart.
struct MessagePair {
    IndexedMessage source;
    IndexedMessage destination;
};

struct FolderMatch {
    std::vector<MessagePair> unequal;     ///< The same headers, but something differs. By source UID.
    std::vector<IndexedMessage> lost;     ///< At the source only. By UID.
    std::vector<IndexedMessage> doubled;  ///< A message too many of a kind that the source has.
    std::vector<IndexedMessage> extra;    ///< At the destination only, and nothing like it at the source.
};

/// Pairs the messages of two folders, each at most once: equal ones first, then those that have ever less in
/// common, down to equal headers. Costs n log n, whatever the messages.
FolderMatch match_messages(std::vector<IndexedMessage> source, std::vector<IndexedMessage> destination);

struct Finding {
    DifferenceKind kind = DifferenceKind::missing;
    std::string text;
};

/// What is unequal about a pair; `entry` is the ledger's of the source message, or none.
std::vector<Finding> explain_pair(MessagePair const& pair, LedgerEntry const* entry);

/// What the folder is, for explain_lost.
struct FolderFacts {
    MailboxStatus source;
    std::optional<MailboxStatus> destination;      ///< Nothing: there is no such folder.
    std::optional<MailboxStatus> source_complete;  ///< At the last complete pass.
};

/// What the destination has under the UID that the ledger names.
enum class Standing : std::uint8_t { nothing, other, equal };

/// Why a source message has no counterpart. A copy counts as deleted only where the destination itself has
/// given out its UID; the ledger's word that it was stored is not enough.
Finding explain_lost(Uid source_uid, LedgerEntry const* entry, FolderFacts const& facts, Standing standing);

}  // namespace imapcopy::copy
