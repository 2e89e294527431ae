#include "daemon/copy/reduction.hpp"

#include <algorithm>
#include <cstdlib>

#include "common/text.hpp"

namespace imapcopy::copy {
namespace {

bool is_plain(std::string_view keyword) {
    return std::ranges::all_of(keyword, [](char c) {
        bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        return letter || (c >= '0' && c <= '9') || std::string_view("$._-").find(c) != std::string_view::npos;
    });
}

/// Storage formats keep 32 bits of seconds; a day of distance for servers that compute with local time.
bool is_storable(InternalDate const& date) {
    constexpr std::int64_t day = 86'400;
    return date.unix_seconds >= day && date.unix_seconds < INT32_MAX - day;
}

/// `removes` is asked for each keyword.
template <class Predicate>
Flags without_keywords(Flags const& flags, Predicate removes) {
    Flags rest = flags;
    for (auto const& keyword : flags.keywords()) {
        if (removes(keyword)) rest.remove_keyword(keyword);
    }
    return rest;
}

Flags reduce_flags(Flags const& flags, Kept kept) {
    switch (kept) {
        case Kept::everything:
        case Kept::plain_date: break;
        case Kept::plain_keywords:
        case Kept::plain_date_and_keywords:
            return without_keywords(flags, [](std::string const& keyword) { return !is_plain(keyword); });
        case Kept::no_keywords:
        case Kept::plain_date_no_keywords:
            return without_keywords(flags, [](std::string const&) { return true; });
    }
    return flags;
}

}  // namespace

Reduced reduce(MessageMeta const& message, Kept kept) {
    Reduced reduced{reduce_flags(message.flags, kept), message.internal_date};
    if (!message.internal_date.is_told()) reduced.internal_date.reset();
    if (kept < Kept::plain_date || !reduced.internal_date) return reduced;
    reduced.internal_date->zone_minutes = 0;
    if (!is_storable(message.internal_date)) reduced.internal_date.reset();
    return reduced;
}

std::optional<Kept> next_reduction(Kept kept, MessageMeta const& message) {
    auto const sent = reduce(message, kept);
    // Zones of everyday life are nobody's trouble, so such a date is not what was refused.
    bool const everyday =
        is_storable(message.internal_date) && std::abs(message.internal_date.zone_minutes) <= 12 * 60;
    for (auto const next : {Kept::plain_keywords, Kept::no_keywords, Kept::plain_date,
                            Kept::plain_date_and_keywords, Kept::plain_date_no_keywords}) {
        if (next >= Kept::plain_date && everyday) continue;
        if (next > kept && reduce(message, next) != sent) return next;
    }
    return std::nullopt;
}

std::string lost_text(MessageMeta const& message, Kept kept) {
    auto const sent = reduce(message, kept);
    auto const keywords = message.flags.without(sent.flags).to_string();
    std::string text;
    if (!keywords.empty()) text = "without its keywords " + printable(keywords);
    bool const moved = sent.internal_date && !(*sent.internal_date == message.internal_date);
    if (!sent.internal_date || moved) {
        text += text.empty() ? "without its " : ", without its ";
        text += moved ? "date's time zone" : "date";
    }
    return text;
}

}  // namespace imapcopy::copy
