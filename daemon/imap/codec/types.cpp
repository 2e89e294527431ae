#include "daemon/imap/codec/types.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "common/text.hpp"
#include "daemon/imap/codec/grammar.hpp"

namespace imapcopy::imap {
namespace {

constexpr std::size_t keyword_bytes_max = 255;
constexpr std::size_t keywords_max = 1024;

constexpr std::array<std::pair<SystemFlag, std::string_view>, 5> system_flags = {{
    {SystemFlag::seen, "\\Seen"},
    {SystemFlag::answered, "\\Answered"},
    {SystemFlag::flagged, "\\Flagged"},
    {SystemFlag::deleted, "\\Deleted"},
    {SystemFlag::draft, "\\Draft"},
}};

constexpr std::array<std::string_view, 12> month_names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// Two digits; `number` is 0 … 99.
void append_two(std::string& out, std::int64_t number) {
    out += static_cast<char>('0' + number / 10);
    out += static_cast<char>('0' + number % 10);
}

bool less_ignoring_case(std::string_view a, std::string_view b) {
    return std::ranges::lexicographical_compare(
        a, b, [](char x, char y) { return ascii_lower(x) < ascii_lower(y); });
}

/// Takes `digits` digits off the front; nothing if there are others.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    auto const number = parse_number(text.substr(0, digits));
    if (text.size() < digits || !number) return std::nullopt;
    text.remove_prefix(digits);
    return static_cast<int>(*number);
}

bool take(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
    bool const one_digit = take(text, ' ') || (text.size() > 1 && text[1] == '-');
    auto const day = take_number(text, one_digit ? 1 : 2);
    if (!day || !take(text, '-')) return std::nullopt;
    auto const name = text.substr(0, 3);
    auto const* const month =
        std::ranges::find_if(month_names, [&](auto m) { return ascii_iequals(m, name); });
    if (month == month_names.end()) return std::nullopt;
    text.remove_prefix(3);
    if (!take(text, '-')) return std::nullopt;
    auto const year = take_number(text, 4);
    if (!year) return std::nullopt;
    auto const date = std::chrono::year{*year} / static_cast<int>(month - month_names.begin() + 1) / *day;
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days{date};
}

std::optional<int> take_time(std::string_view& text) {
    auto const hour = take_number(text, 2);
    if (!hour || !take(text, ':')) return std::nullopt;
    auto const minute = take_number(text, 2);
    if (!minute || !take(text, ':')) return std::nullopt;
    auto const second = take_number(text, 2);
    // 60 is a leap second: the first second of the next minute.
    if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    return *hour * 3600 + *minute * 60 + *second;
}

std::optional<int> take_zone(std::string_view& text) {
    bool const west = take(text, '-');
    if (!west && !take(text, '+')) return std::nullopt;
    auto const hours = take_number(text, 2);
    auto const minutes = take_number(text, 2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    auto const zone = *hours * 60 + *minutes;
    return west ? -zone : zone;
}

}  // namespace

Result<> Flags::add(std::string_view flag) {
    if (flag.starts_with('\\')) {
        for (auto const& [value, name] : system_flags) {
            if (ascii_iequals(name, flag)) add(value);
        }
        return {};
    }
    if (!is_atom(flag) || flag.size() > keyword_bytes_max) {
        return Error{ErrorCode::server_bug,
                     "read keyword \"" + printable(flag, 64) + "\": not an atom of IMAP"};
    }
    auto const place = std::ranges::lower_bound(keywords_, flag, less_ignoring_case);
    if (place != keywords_.end() && ascii_iequals(*place, flag)) return {};
    if (keywords_.size() >= keywords_max) {
        return Error{ErrorCode::server_bug, "read keywords: more than " + std::to_string(keywords_max)};
    }
    keywords_.emplace(place, flag);
    return {};
}

bool Flags::has_keyword(std::string_view keyword) const {
    auto const place = std::ranges::lower_bound(keywords_, keyword, less_ignoring_case);
    return place != keywords_.end() && ascii_iequals(*place, keyword);
}

void Flags::remove_keyword(std::string_view keyword) {
    std::erase_if(keywords_, [&](auto const& other) { return ascii_iequals(other, keyword); });
}

Flags Flags::with(Flags const& others) const {
    auto sum = *this;
    sum.system_ |= others.system_;
    for (auto const& keyword : others.keywords_) (void)sum.add(keyword);  // Past the limit: not kept.
    return sum;
}

Flags Flags::without(Flags const& others) const {
    auto rest = *this;
    rest.system_ &= static_cast<std::uint8_t>(~others.system_);
    for (auto const& keyword : others.keywords_) rest.remove_keyword(keyword);
    return rest;
}

Flags Flags::all_system() {
    Flags flags;
    for (auto const& [value, name] : system_flags) flags.add(value);
    return flags;
}

std::string Flags::to_string() const {
    std::string out;
    auto const append = [&](std::string_view flag) {
        if (!out.empty()) out += ' ';
        out += flag;
    };
    for (auto const& [value, name] : system_flags) {
        if (has(value)) append(name);
    }
    for (auto const& keyword : keywords_) append(keyword);
    return out;
}

Flags Flags::parse(std::string_view text) {
    Flags flags;
    for (auto const word : split(text, ' ')) (void)flags.add(word);  // What cannot be a flag is left out.
    return flags;
}

bool Flags::operator==(Flags const& other) const {
    return system_ == other.system_ &&
           std::ranges::equal(keywords_, other.keywords_,
                              [](auto const& a, auto const& b) { return ascii_iequals(a, b); });
}

Flags PermanentFlags::allowed(Flags const& wanted) const {
    Flags result;
    for (auto const& [value, name] : system_flags) {
        if (wanted.has(value) && flags.has(value)) result.add(value);
    }
    for (auto const& keyword : wanted.keywords()) {
        if (any_keyword || flags.has_keyword(keyword)) (void)result.add(keyword);  // It was a keyword before.
    }
    return result;
}

Result<InternalDate> InternalDate::parse(std::string_view text) {
    auto rest = text;
    auto const date = take_date(rest);
    auto const time = date && take(rest, ' ') ? take_time(rest) : std::nullopt;
    auto const zone = time && take(rest, ' ') ? take_zone(rest) : std::nullopt;
    if (!zone || !rest.empty()) {
        return Error{ErrorCode::server_bug,
                     "read date \"" + printable(text, 64) + "\": not a date-time of IMAP"};
    }
    auto const days = std::chrono::sys_seconds{*date}.time_since_epoch().count();
    return InternalDate{days + *time - std::int64_t{*zone} * 60, static_cast<std::int16_t>(*zone)};
}

std::string InternalDate::to_string() const {
    using std::chrono::sys_days;
    using std::chrono::sys_seconds;
    auto const zone = std::clamp<int>(zone_minutes, -1439, 1439);
    // One day of margin, so that the zone cannot leave the years that have four digits.
    constexpr auto first = sys_seconds{sys_days{std::chrono::year{0} / 1 / 2}}.time_since_epoch().count();
    constexpr auto last = sys_seconds{sys_days{std::chrono::year{9999} / 12 / 31}}.time_since_epoch().count();
    auto const instant = std::clamp<std::int64_t>(unix_seconds, first, last - 1);
    auto const local = sys_seconds{std::chrono::seconds{instant + zone * 60}};
    auto const day = std::chrono::floor<std::chrono::days>(local);
    std::chrono::year_month_day const date{day};
    std::chrono::hh_mm_ss const time{local - day};
    auto const distance = zone < 0 ? -zone : zone;
    std::string out;
    append_two(out, static_cast<unsigned>(date.day()));
    out += '-';
    out += month_names.at(static_cast<unsigned>(date.month()) - 1);
    out += '-';
    auto const year = static_cast<unsigned>(static_cast<int>(date.year()));
    append_two(out, year / 100);
    append_two(out, year % 100);
    out += ' ';
    append_two(out, time.hours().count());
    out += ':';
    append_two(out, time.minutes().count());
    out += ':';
    append_two(out, time.seconds().count());
    out += zone < 0 ? " -" : " +";
    append_two(out, distance / 60);
    append_two(out, distance % 60);
    return out;
}

}  // namespace imapcopy::imap
