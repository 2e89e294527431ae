#include "daemon/config/units.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <string>

#include "common/text.hpp"

namespace imapcopy::config {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array<Unit, 9> size_units = {Unit{"B", 1},
                                            Unit{"KB", 1'000},
                                            Unit{"MB", 1'000'000},
                                            Unit{"GB", 1'000'000'000},
                                            Unit{"TB", 1'000'000'000'000},
                                            Unit{"KiB", 1ULL << 10U},
                                            Unit{"MiB", 1ULL << 20U},
                                            Unit{"GiB", 1ULL << 30U},
                                            Unit{"TiB", 1ULL << 40U}};
constexpr std::array<Unit, 4> duration_units = {Unit{"s", 1}, Unit{"min", 60}, Unit{"h", 3600},
                                                Unit{"d", 86400}};
constexpr std::uint64_t size_max = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t duration_seconds_max = 100ULL * 366 * 86400;

/// A whole number, perhaps one blank, and one of `units`.
std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<Unit const> units,
                                             std::uint64_t most) {
    auto const digits = std::min(text.find_first_not_of("0123456789"), text.size());
    auto const count = parse_number(text.substr(0, digits));
    auto name = text.substr(digits);
    if (name.starts_with(' ')) name.remove_prefix(1);
    auto const unit = std::ranges::find(units, name, &Unit::name);
    if (!count || unit == units.end() || *count > most / unit->factor) return std::nullopt;
    return *count * unit->factor;
}

/// Bits of the address family of `text`, or 0 where it is no address.
unsigned address_bits(std::string const& text) {
    std::array<unsigned char, 16> bytes{};
    if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return 32;
    if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return 128;
    return 0;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
    return parse_with_unit(text, size_units, size_max);
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
    auto const seconds = parse_with_unit(text, duration_units, duration_seconds_max);
    if (!seconds) return std::nullopt;
    return std::chrono::seconds(*seconds);
}

bool is_network(std::string_view text) {
    auto const slash = text.find('/');
    if (slash == std::string_view::npos) return false;
    auto const bits = parse_number(text.substr(slash + 1));
    auto const bits_max = address_bits(std::string(text.substr(0, slash)));
    return bits && bits_max > 0 && *bits <= bits_max;
}

bool is_host(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    if (address_bits(std::string(text)) > 0) return true;
    auto const belongs = [](char c) {
        auto const lower = ascii_lower(c);
        return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    };
    auto const no_empty_label = text.front() != '.' && text.find("..") == std::string_view::npos;
    return no_empty_label && std::ranges::all_of(text, belongs);
}

bool is_host_with_port(std::string_view text) {
    if (is_host(text)) return true;
    auto const colon = text.rfind(':');
    if (colon == std::string_view::npos) return false;
    auto const port = parse_number(text.substr(colon + 1));
    auto host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        return port && *port >= 1 && *port <= 65535 &&
               address_bits(std::string(host.substr(1, host.size() - 2))) == 128;
    }
    return port && *port >= 1 && *port <= 65535 && host.find(':') == std::string_view::npos && is_host(host);
}

}  // namespace imapcopy::config
