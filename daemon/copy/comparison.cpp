#include "daemon/copy/comparison.hpp"

#include <algorithm>
#include <tuple>

#include "common/text.hpp"
#include "daemon/copy/identity.hpp"

namespace imapcopy::copy {
namespace {

using enum DifferenceKind;
using Messages = std::vector<IndexedMessage>;

constexpr std::array<std::string_view, difference_kinds> kind_texts = {
    "missing",    "uncopied",  "deleted", "doubled",   "altered", "date",  "flags",
    "unreadable", "exception", "moved",   "reflagged", "adopted", "extra", "resized"};

struct FlagName {
    imap::SystemFlag flag;
    std::string_view name;
};
constexpr std::array flag_texts = {
    FlagName{imap::SystemFlag::seen, "\\Seen"},       FlagName{imap::SystemFlag::answered, "\\Answered"},
    FlagName{imap::SystemFlag::flagged, "\\Flagged"}, FlagName{imap::SystemFlag::deleted, "\\Deleted"},
    FlagName{imap::SystemFlag::draft, "\\Draft"},
};
constexpr unsigned keyword_shift = 5;

/// Takes messages whose `key` is equal out of both lists, one to one, and gives them to `on_pair`.
template <class Key, class OnPair>
void pair_by(Key key, Messages& source, Messages& destination, OnPair on_pair) {
    auto const before = [&](IndexedMessage const& a, IndexedMessage const& b) {
        return std::tuple(key(a), a.uid) < std::tuple(key(b), b.uid);
    };
    std::ranges::sort(source, before);
    std::ranges::sort(destination, before);
    Messages source_left;
    Messages destination_left;
    auto s = source.begin();
    auto d = destination.begin();
    while (s != source.end() && d != destination.end()) {
        if (key(*s) == key(*d)) {
            on_pair(*s++, *d++);
        } else if (key(*s) < key(*d)) {
            source_left.push_back(*s++);
        } else {
            destination_left.push_back(*d++);
        }
    }
    source_left.insert(source_left.end(), s, source.end());
    destination_left.insert(destination_left.end(), d, destination.end());
    source = std::move(source_left);
    destination = std::move(destination_left);
}

/// The likenesses of those that `wanted` accepts, sorted.
template <class Predicate>
std::vector<Hash128> sorted_likenesses(Messages const& messages, Predicate wanted) {
    std::vector<Hash128> likenesses;
    for (auto const& message : messages) {
        if (wanted(message)) likenesses.push_back(likeness(message));
    }
    std::ranges::sort(likenesses);
    return likenesses;
}

/// Sorts what is left at the destination into doubled and extra. Of messages that are alike no more are
/// doubled than the ledger does not know: the others are copies of other sources.
void sort_leftovers(Messages left, std::vector<Hash128> const& at_source,
                    std::vector<Hash128> const& unclaimed, FolderMatch& match) {
    std::ranges::sort(left, {}, [](IndexedMessage const& message) {
        return std::tuple(likeness(message), message.claimed, message.uid);
    });
    std::size_t same = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        auto const alike = likeness(left[i]);
        same = i > 0 && likeness(left[i - 1]) == alike ? same + 1 : 0;
        auto const suspects = std::ranges::equal_range(unclaimed, alike).size();
        bool const known_here = std::ranges::binary_search(at_source, alike);
        (known_here && same < suspects ? match.doubled : match.extra).push_back(left[i]);
    }
}

std::string name_of(Uid uid) {
    return "UID " + std::to_string(uid.value());
}

/// Flags that differ, by what the ledger says of the copy.
Finding explain_flags(MessagePair const& pair, LedgerEntry const* entry) {
    auto const both =
        "source: " + flag_names(pair.source.flags) + "; destination: " + flag_names(pair.destination.flags);
    if (entry == nullptr) return {flags, "the flags differ (" + both + ")"};
    if (entry->state == MessageState::adopted)
        return {adopted, "was there before, with its own flags (" + both + ")"};
    if (pack(entry->flags) != pair.destination.flags)
        return {reflagged, "flags were changed at the destination since the copy (" + both + ")"};
    return {reflagged,
            "as it was copied; flags were changed at the source since, or the destination does not keep "
            "them (" +
                both + ")"};
}

}  // namespace

std::string_view to_string(DifferenceKind kind) {
    return kind_texts.at(static_cast<std::size_t>(kind));
}

bool is_explained(DifferenceKind kind) {
    return kind >= exception;
}

Hash128 cut(Digest const& digest) {
    Hash128 hash{};
    for (std::size_t i = 0; i < 16; ++i) hash.at(i / 8) = hash.at(i / 8) << 8U | digest.at(i);
    return hash;
}

PackedFlags pack(Flags const& flags) {
    PackedFlags packed = 0;
    for (auto const& [flag, name] : flag_texts) {
        if (flags.has(flag)) packed |= static_cast<std::uint8_t>(flag);
    }
    if (flags.keywords().empty()) return packed;
    Hasher hasher;
    for (auto const& keyword : flags.keywords()) hasher.add(ascii_lower(keyword) + ' ');
    auto const hash = static_cast<std::uint32_t>(cut(hasher.finish())[0]);
    return packed | std::max<std::uint32_t>(hash, 1U << keyword_shift) >> keyword_shift << keyword_shift;
}

std::string flag_names(PackedFlags flags) {
    std::string names;
    auto const add = [&](std::string_view name) { names += (names.empty() ? "" : " ") + std::string(name); };
    for (auto const& [flag, name] : flag_texts) {
        if ((flags & static_cast<std::uint8_t>(flag)) != 0) add(name);
    }
    if (flags >> keyword_shift != 0) add("keywords");
    return names.empty() ? "none" : names;
}

IndexedMessage index_message(MessageMeta const& message) {
    auto const identity = message.identity ? *message.identity : identity_of_headers("");
    IndexedMessage indexed;
    indexed.uid = message.uid;
    indexed.flags = pack(message.flags);
    indexed.headers = cut(identity.fingerprint);
    indexed.date = message.internal_date.unix_seconds;
    indexed.size_bytes = message.size_bytes;
    indexed.silent = identity.coarse == 0;
    return indexed;
}

Hash128 likeness(IndexedMessage const& message) {
    auto hash = message.headers;
    if (message.silent) hash[0] ^= static_cast<std::uint64_t>(message.date);
    return hash;
}

FolderMatch match_messages(Messages source, Messages destination) {
    auto const at_source = sorted_likenesses(source, [](IndexedMessage const&) { return true; });
    auto const unclaimed = sorted_likenesses(destination, [](IndexedMessage const& m) { return !m.claimed; });
    using Message = IndexedMessage const&;
    FolderMatch match;
    auto const forget = [](Message, Message) {};
    auto const note = [&](Message s, Message d) { match.unequal.push_back({s, d}); };
    pair_by([](Message m) { return std::tuple(m.headers, m.content, m.date, m.flags, m.size_bytes); }, source,
            destination, forget);
    pair_by([](Message m) { return std::tuple(m.headers, m.content, m.date, m.size_bytes); }, source,
            destination, note);
    pair_by([](Message m) { return std::tuple(m.headers, m.content, m.date); }, source, destination, note);
    pair_by([](Message m) { return std::tuple(m.headers, m.content); }, source, destination, note);
    pair_by([](Message m) { return std::tuple(m.headers, m.date); }, source, destination, note);
    pair_by([](Message m) { return m.headers; }, source, destination, note);
    match.lost = std::move(source);
    std::ranges::sort(match.lost, {}, &IndexedMessage::uid);
    std::ranges::sort(match.unequal, {}, [](MessagePair const& pair) { return pair.source.uid; });
    sort_leftovers(std::move(destination), at_source, unclaimed, match);
    return match;
}

std::vector<Finding> explain_pair(MessagePair const& pair, LedgerEntry const* entry) {
    auto const& [source, destination] = pair;
    bool const was_adopted = entry != nullptr && entry->state == MessageState::adopted;
    std::vector<Finding> findings;
    auto const sizes = std::to_string(source.size_bytes) + " bytes at the source, " +
                       std::to_string(destination.size_bytes) + " at the destination";
    if (source.content != destination.content) {
        findings.push_back({altered, "the same headers, but other content: " + sizes});
    } else if (source.size_bytes != destination.size_bytes) {
        findings.push_back({resized, sizes});
    }
    bool const told = imap::InternalDate{source.date, 0}.is_told();
    if (told && source.date != destination.date) {
        auto const dates = "received " + imap::InternalDate{source.date, 0}.to_string() + " at the source, " +
                           imap::InternalDate{destination.date, 0}.to_string() + " at the destination";
        findings.push_back({was_adopted ? adopted : date, dates});
    }
    if (source.flags != destination.flags) findings.push_back(explain_flags(pair, entry));
    return findings;
}

Finding explain_lost(Uid source_uid, LedgerEntry const* entry, FolderFacts const& facts, Standing standing) {
    if (entry == nullptr) {
        auto const& complete = facts.source_complete;
        bool const seen = complete && complete->uid_validity == facts.source.uid_validity &&
                          source_uid < complete->uid_next;
        if (seen) return {missing, "a complete pass went over it, but the ledger does not know it"};
        return {uncopied, "no complete pass has seen it yet; resync brings it over"};
    }
    switch (entry->state) {
        case MessageState::refused: return {exception, entry->code + ": " + entry->text};
        case MessageState::intent:
        case MessageState::ambiguous:
            return {uncopied, "its copy was begun and not finished, or taken and lost; resync settles it"};
        case MessageState::gone:
            return {missing, "the ledger calls it gone from the source, where it stands"};
        case MessageState::done:
        case MessageState::adopted: break;
    }
    auto const copy = name_of(entry->destination_uid);
    auto const& there = facts.destination;
    if (entry->destination_uid.value() == 0)
        return {missing, "the ledger calls it copied and knows no UID; there is no such message"};
    if (!there) return {missing, "the ledger calls it copied, but there is no such folder"};
    if (entry->destination_uid_validity != there->uid_validity)
        return {missing,
                "the ledger calls it copied, but the folder is not the one of then, and does not hold it"};
    if (standing == Standing::other)
        return {altered, "the ledger calls it copied as " + copy + ", where another message stands"};
    if (standing == Standing::equal)
        return {missing, "the destination has fewer of these equal messages than the source"};
    if (entry->destination_uid < there->uid_next)
        return {deleted, "was copied as " + copy + ", which is gone"};
    return {missing,
            "the ledger calls it copied as " + copy + ", a UID that the destination has never given out"};
}

}  // namespace imapcopy::copy
