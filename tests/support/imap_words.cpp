#include "tests/support/imap_words.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <limits>

#include "common/text.hpp"

namespace imapcopy::test {
namespace {

constexpr std::array<char const*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::optional<std::uint32_t> parse_uid(std::string_view text) {
    if (text == "*") return std::numeric_limits<std::uint32_t>::max();
    auto const number = parse_number(text);
    if (!number || *number == 0 || *number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

bool is_wanted(std::string_view line, std::vector<std::string> const& names) {
    auto const name = line.substr(0, line.find(':'));
    return std::ranges::any_of(names, [&](auto const& each) { return ascii_iequals(each, name); });
}

}  // namespace

bool split_words(std::string_view text, std::vector<Word>& words) {
    for (std::size_t i = 0; i < text.size();) {
        char const c = text[i];
        if (c == ' ') {
            ++i;
        } else if (c == '(' || c == ')') {
            words.push_back({c == '(' ? Word::Kind::open : Word::Kind::close, std::string(1, c)});
            ++i;
        } else if (c == '"') {
            Word word{Word::Kind::quoted, {}};
            for (++i; i < text.size() && text[i] != '"'; ++i) {
                if (text[i] == '\\') ++i;
                if (i < text.size()) word.text += text[i];
            }
            if (i == text.size()) return false;
            ++i;
            words.push_back(std::move(word));
        } else {
            auto const end = std::min(text.find_first_of(" ()\"", i), text.size());
            words.push_back({Word::Kind::atom, std::string(text.substr(i, end - i))});
            i = end;
        }
    }
    return true;
}

std::optional<LiteralHeader> find_literal(std::string_view line) {
    if (!line.ends_with('}')) return std::nullopt;
    auto const begin = line.rfind('{');
    if (begin == std::string_view::npos) return std::nullopt;
    auto number = line.substr(begin + 1, line.size() - begin - 2);
    bool const plus = number.ends_with('+');
    if (plus) number.remove_suffix(1);
    auto const size = parse_number(number);
    if (!size) return std::nullopt;
    return LiteralHeader{begin, *size, !plus};
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> parse_ranges(std::string_view text) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
    while (!text.empty()) {
        auto const end = std::min(text.find(','), text.size());
        auto const part = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        auto const colon = part.find(':');
        auto const first = parse_uid(part.substr(0, colon));
        auto const last = colon == std::string_view::npos ? first : parse_uid(part.substr(colon + 1));
        if (!first || !last) return {};
        ranges.emplace_back(std::min(*first, *last), std::max(*first, *last));
    }
    return ranges;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
    std::string const line(text);
    unsigned day = 0;
    std::array<char, 4> name{};
    int year = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    char sign = 0;
    int zone = 0;
    auto const read = std::sscanf(line.c_str(), "%2u-%3s-%4d %2d:%2d:%2d %c%4d", &day, name.data(), &year,
                                  &hour, &minute, &second, &sign, &zone);
    if (read != 8 || (sign != '+' && sign != '-') || text.size() != 26) return std::nullopt;
    auto const* const month =
        std::ranges::find_if(months, [&](auto m) { return name.data() == std::string_view(m); });
    if (month == months.end()) return std::nullopt;
    auto const date =
        std::chrono::year{year} / static_cast<int>(month - months.begin() + 1) / static_cast<int>(day);
    if (!date.ok()) return std::nullopt;
    auto const days = std::chrono::sys_days{date}.time_since_epoch().count();
    auto const offset = (zone / 100 * 60 + zone % 100) * 60 * (sign == '-' ? -1 : 1);
    return static_cast<std::int64_t>(days) * 86400 + hour * 3600 + minute * 60 + second - offset;
}

std::string format_date(std::int64_t unix_seconds) {
    std::chrono::sys_seconds const time{std::chrono::seconds(unix_seconds)};
    auto const day = std::chrono::floor<std::chrono::days>(time);
    std::chrono::year_month_day const date{day};
    std::chrono::hh_mm_ss const clock{time - day};
    std::array<char, 64> line{};
    auto const length =
        std::snprintf(line.data(), line.size(), "%02u-%s-%04d %02d:%02d:%02d +0000",
                      static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
                      static_cast<int>(date.year()), static_cast<int>(clock.hours().count()),
                      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    return {line.data(), static_cast<std::size_t>(length)};
}

std::string pick_headers(std::string_view message, std::vector<std::string> const& names) {
    std::string picked;
    bool taking = false;
    while (!message.empty() && !message.starts_with("\r\n")) {
        auto const end = message.find("\r\n");
        auto const line = message.substr(0, end);
        message.remove_prefix(end == std::string_view::npos ? message.size() : end + 2);
        bool const folded = line.starts_with(' ') || line.starts_with('\t');
        if (!folded) taking = is_wanted(line, names);
        if (taking) picked.append(line).append("\r\n");
    }
    return picked + "\r\n";
}

}  // namespace imapcopy::test
