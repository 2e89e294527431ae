#include "ctl/local_time.hpp"

#include <array>
#include <cstdio>
#include <ctime>

#include "common/clock.hpp"
#include "common/text.hpp"

namespace imapcopy::ctl {
namespace {

std::tm broken_down(WallTime time, Zone zone) {
    auto const seconds =
        static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
    std::tm parts{};
    if (zone == Zone::utc) {
        (void)::gmtime_r(&seconds, &parts);  // Fails only for years past an int.
    } else {
        (void)::localtime_r(&seconds, &parts);  // The same.
    }
    return parts;
}

/// The time whose fields, read in `zone`, are `parts`.
WallTime from_broken_down(std::tm parts, Zone zone) {
    parts.tm_isdst = -1;
    auto const seconds = zone == Zone::utc ? ::timegm(&parts) : ::mktime(&parts);
    return WallTime{std::chrono::seconds(seconds)};
}

std::string date_text(std::tm const& parts) {
    std::array<char, 64> buffer{};
    (void)std::snprintf(buffer.data(), buffer.size(), "%04d-%02d-%02d", parts.tm_year + 1900,
                        parts.tm_mon + 1, parts.tm_mday);
    return buffer.data();
}

std::string clock_text(std::tm const& parts) {
    std::array<char, 64> buffer{};
    (void)std::snprintf(buffer.data(), buffer.size(), "%02d:%02d", parts.tm_hour, parts.tm_min);
    return buffer.data();
}

bool names_a_zone(std::string_view text) {
    constexpr std::size_t date_bytes = 10;
    return text.size() > date_bytes && text.find_first_of("zZ+-", date_bytes) != std::string_view::npos;
}

/// "HH:MM" → minutes after midnight.
std::optional<int> minutes_of_day(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    auto const hours = parse_number(text.substr(0, 2));
    auto const minutes = parse_number(text.substr(3));
    if (!hours || !minutes || *hours > 23 || *minutes > 59) return std::nullopt;
    return static_cast<int>(*hours * 60 + *minutes);
}

WallTime next_time_of_day(int minutes, WallTime now, Zone zone) {
    auto parts = broken_down(now, zone);
    parts.tm_hour = minutes / 60;
    parts.tm_min = minutes % 60;
    parts.tm_sec = 0;
    auto const today = from_broken_down(parts, zone);
    if (today > now) return today;
    ++parts.tm_mday;
    return from_broken_down(parts, zone);
}

}  // namespace

std::string full_time(WallTime time, Zone zone) {
    if (time == WallTime{}) return {};
    auto const parts = broken_down(time, zone);
    std::array<char, 16> seconds{};
    (void)std::snprintf(seconds.data(), seconds.size(), ":%02d", parts.tm_sec);
    return date_text(parts) + " " + clock_text(parts) + seconds.data();
}

std::string short_time(WallTime time, WallTime now, Zone zone) {
    if (time == WallTime{}) return {};
    auto const parts = broken_down(time, zone);
    auto const day = date_text(parts);
    return day == date_text(broken_down(now, zone)) ? clock_text(parts) : day + " " + clock_text(parts);
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
    constexpr std::string_view units = "smhdw";
    constexpr std::array<std::uint64_t, 5> unit_seconds = {1, 60, 3600, 86400, 7ULL * 86400};
    constexpr std::uint64_t number_max =
        1'000'000'000;  // Thirty years of seconds; keeps the product in range.
    if (text.empty()) return std::nullopt;
    auto const unit = units.find(text.back());
    if (unit != std::string_view::npos) text.remove_suffix(1);
    auto const number = parse_number(text);
    if (!number || *number > number_max) return std::nullopt;
    return std::chrono::seconds(*number * (unit == std::string_view::npos ? 1 : unit_seconds.at(unit)));
}

Result<WallTime> parse_start_time(std::string_view text, WallTime now, Zone zone) {
    if (text.starts_with('+')) {
        if (auto const delay = parse_duration(text.substr(1))) return now + *delay;
    } else if (auto const minutes = minutes_of_day(text)) {
        return next_time_of_day(*minutes, now, zone);
    } else if (auto const time = parse_rfc3339(text)) {
        return names_a_zone(text) ? *time : from_broken_down(broken_down(*time, Zone::utc), zone);
    }
    return Error{ErrorCode::invalid_argument,
                 "--at: \"" + printable(text, 64) +
                     "\" is not a time; write 22:30, \"2026-11-21 22:30\", +2h or RFC 3339"};
}

}  // namespace imapcopy::ctl
