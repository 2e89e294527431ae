#pragma once

// Sizes, durations and networks as people write them in the configuration.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace imapcopy::config {

/// "64MiB", "2 GB", "512B": a whole number and one of B, KB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB
/// (powers of 1024). Nothing for anything else or past 2⁶³.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// "30s", "5min", "1h", "30d": a whole number and its unit. Nothing for anything else or past 100 years.
std::optional<std::chrono::seconds> parse_duration(std::string_view text);

/// "10.0.0.0/8", "fe80::/10": an address and how many of its bits count.
bool is_network(std::string_view text);

/// "mail.example.org", "192.0.2.1", "::1": a name or an address; no blanks, no control characters, no port.
bool is_host(std::string_view text);

/// "host" or "host:port"; an IPv6 address with a port stands in brackets.
bool is_host_with_port(std::string_view text);

}  // namespace imapcopy::config
