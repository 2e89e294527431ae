#include "daemon/imap/codec/uid_set.hpp"

#include <algorithm>
#include <limits>

#include "common/text.hpp"

namespace imapcopy::imap {
namespace {

constexpr std::uint32_t uid_max = std::numeric_limits<std::uint32_t>::max();

/// Straight and without 0; nothing where only 0 was in it.
std::optional<UidRange> normal(UidRange range) {
    auto const [first, last] = std::minmax(range.first, range.last);
    if (last == Uid{0}) return std::nullopt;
    return UidRange{std::max(first, Uid{1}), last};
}

bool touches(UidRange const& earlier, UidRange const& later) {
    return earlier.last.value() == uid_max || later.first.value() <= earlier.last.value() + 1;
}

std::optional<Uid> parse_uid(std::string_view text) {
    auto const number = parse_number(text);
    if (!number || *number == 0 || *number > uid_max) return std::nullopt;
    return Uid{static_cast<std::uint32_t>(*number)};
}

std::optional<UidRange> parse_range(std::string_view text) {
    auto const colon = text.find(':');
    auto const first = parse_uid(text.substr(0, colon));
    auto const last = colon == std::string_view::npos ? first : parse_uid(text.substr(colon + 1));
    if (!first || !last) return std::nullopt;
    return UidRange{*first, *last};
}

std::string to_string(UidRange const& range) {
    auto text = std::to_string(range.first.value());
    if (range.last != range.first) text += ':' + std::to_string(range.last.value());
    return text;
}

/// Takes the text before the next comma; false at the end.
bool take_element(std::string_view& rest, std::string_view& element, bool& more) {
    if (!more) return false;
    auto const comma = rest.find(',');
    element = rest.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
    return true;
}

}  // namespace

UidSet::UidSet(Uid first, Uid last) {
    add(UidRange{first, last});
}

UidSet UidSet::merged(std::vector<UidRange> ranges) {
    std::ranges::sort(ranges, {}, &UidRange::first);
    UidSet set;
    for (auto const& range : ranges) set.add(range);
    return set;
}

UidSet UidSet::of(std::vector<Uid> const& uids) {
    std::vector<UidRange> ranges;
    ranges.reserve(uids.size());
    for (auto const uid : uids) ranges.push_back({uid, uid});
    return merged(std::move(ranges));
}

void UidSet::add(UidRange range) {
    auto const straight = normal(range);
    if (!straight) return;
    auto added = *straight;
    if (ranges_.empty() || (added.first > ranges_.back().last && !touches(ranges_.back(), added))) {
        ranges_.push_back(added);
        return;
    }
    // [first, last) are the ranges that melt into the added one.
    auto const first =
        std::ranges::partition_point(ranges_, [&](auto const& r) { return !touches(r, added); });
    auto last = first;
    while (last != ranges_.end() && touches(added, *last)) ++last;
    if (first == last) {
        ranges_.insert(first, added);
        return;
    }
    added.first = std::min(added.first, first->first);
    added.last = std::max(added.last, std::prev(last)->last);
    *first = added;
    ranges_.erase(std::next(first), last);
}

bool UidSet::contains(Uid uid) const {
    auto const place = std::ranges::lower_bound(ranges_, uid, {}, &UidRange::last);
    return place != ranges_.end() && place->first <= uid;
}

std::uint64_t UidSet::size() const {
    std::uint64_t count = 0;
    for (auto const& range : ranges_) count += std::uint64_t{range.last.value()} - range.first.value() + 1;
    return count;
}

std::string UidSet::to_string() const {
    std::string out;
    for (auto const& range : ranges_) {
        if (!out.empty()) out += ',';
        out += imap::to_string(range);
    }
    return out;
}

Result<UidSet> UidSet::parse(std::string_view text, std::size_t ranges_max) {
    std::vector<UidRange> ranges;
    std::string_view element;
    bool more = true;
    for (auto rest = text; take_element(rest, element, more);) {
        auto const range = parse_range(element);
        if (!range)
            return Error{ErrorCode::server_bug,
                         "read UID set: malformed near \"" + printable(element, 32) + '"'};
        if (ranges.size() >= ranges_max) {
            return Error{ErrorCode::server_bug,
                         "read UID set: more than " + std::to_string(ranges_max) + " ranges"};
        }
        ranges.push_back(*normal(*range));
    }
    return merged(std::move(ranges));
}

std::optional<std::vector<Uid>> parse_uid_list(std::string_view text, std::size_t count_max) {
    std::vector<Uid> uids;
    std::string_view element;
    bool more = true;
    for (auto rest = text; take_element(rest, element, more);) {
        auto const range = parse_range(element);
        if (!range || range->first > range->last) return std::nullopt;
        std::uint64_t const count = std::uint64_t{range->last.value()} - range->first.value() + 1;
        if (count > count_max - uids.size()) return std::nullopt;
        for (std::uint64_t i = 0; i < count; ++i)
            uids.emplace_back(static_cast<std::uint32_t>(range->first.value() + i));
    }
    return uids;
}

std::vector<UidSet> split_for_command(UidSet const& uids, std::size_t line_bytes_max) {
    std::vector<UidSet> parts;
    std::size_t part_bytes = 0;
    for (auto const& range : uids.ranges()) {
        auto const range_bytes = to_string(range).size();
        if (parts.empty() || part_bytes + 1 + range_bytes > line_bytes_max) {
            parts.emplace_back();
            part_bytes = range_bytes;
        } else {
            part_bytes += 1 + range_bytes;
        }
        parts.back().add(range);
    }
    return parts;
}

}  // namespace imapcopy::imap
