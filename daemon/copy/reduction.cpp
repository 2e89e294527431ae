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

Flags without_keywords(Flags const& flags, Kept kept) {
    Flags rest = flags;
    for (auto const& keyword : flags.keywords()) {
        if (kept >= Kept::no_keywords || !is_plain(keyword)) rest.remove_keyword(keyword);
    }
    return rest;
}

}  // namespace

Reduced reduce(MessageMeta const& message, Kept kept) {
    Reduced reduced{message.flags, message.internal_date};
    if (kept >= Kept::plain_keywords) reduced.flags = without_keywords(message.flags, kept);
    if (kept < Kept::plain_date) return reduced;
    reduced.internal_date->zone_minutes = 0;
    if (!is_storable(message.internal_date)) reduced.internal_date.reset();
    return reduced;
}

std::optional<Kept> next_reduction(Kept kept, MessageMeta const& message) {
    auto const sent = reduce(message, kept);
    for (auto const next : {Kept::plain_keywords, Kept::no_keywords, Kept::plain_date}) {
        // Zones of everyday life are nobody's trouble, so such a date is not what was refused.
        bool const everyday =
            is_storable(message.internal_date) && std::abs(message.internal_date.zone_minutes) <= 12 * 60;
        if (next == Kept::plain_date && everyday) continue;
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
