#include "daemon/config/config.hpp"

#include <algorithm>
#include <limits>

#include "common/account_file.hpp"
#include "common/text.hpp"
#include "daemon/config/units.hpp"

namespace imapcopy::config {
namespace {

using std::chrono::seconds;

/// A configuration has a few hundred lines.
constexpr std::size_t file_bytes_max = 1U << 20U;
constexpr seconds day{86400};

// Each reader answers the default where the key is absent, or wrong and noted as a mistake.

std::uint32_t count_or(TomlTable& table, std::string_view key, std::uint32_t absent, std::uint32_t most) {
    return static_cast<std::uint32_t>(table.number(key, 1, most).value_or(absent));
}

/// `parse` understands the string form; a whole number counts units of one.
template <class T>
std::optional<std::uint64_t> number_or_word(TomlTable& table, std::string_view key,
                                            std::optional<T> (*parse)(std::string_view),
                                            std::string_view expected) {
    if (table.holds_number(key)) return table.number(key);
    auto const value = table.word(key, parse, expected);
    if (!value) return std::nullopt;
    if constexpr (std::is_same_v<T, seconds>) {
        return static_cast<std::uint64_t>(value->count());
    } else {
        return *value;
    }
}

seconds duration_or(TomlTable& table, std::string_view key, seconds absent, seconds least, seconds most) {
    auto const value =
        number_or_word(table, key, parse_duration, "a duration like \"30s\", \"5min\", \"1h\" or \"30d\"");
    if (!value) return absent;
    if (std::cmp_less(*value, least.count()) || std::cmp_greater(*value, most.count())) {
        table.must_be(key, "from " + std::to_string(least.count()) + " to " + std::to_string(most.count()) +
                               " seconds long");
        return absent;
    }
    return seconds(*value);
}

std::uint64_t size_or(TomlTable& table, std::string_view key, std::uint64_t absent, std::uint64_t least,
                      std::uint64_t most) {
    auto const value =
        number_or_word(table, key, parse_size, "a size like \"512KiB\", \"64MiB\" or \"2GiB\"");
    if (!value) return absent;
    if (*value < least || *value > most) {
        table.must_be(key, "a size from " + human_bytes(least) + " to " + human_bytes(most));
        return absent;
    }
    return *value;
}

/// Relative paths would depend on the directory in which the daemon happens to start.
std::string path_or(TomlTable& table, std::string_view key, std::string const& absent) {
    auto value = table.string(key);
    if (!value) return absent;
    auto const is_absolute = value->starts_with('/');
    auto const may_be_empty = absent.empty() && value->empty();
    if (!is_absolute && !may_be_empty) table.must_be(key, "an absolute path, beginning with \"/\"");
    return std::move(*value);
}

std::vector<std::string> list_of(TomlTable& table, std::string_view key, bool (*is_valid)(std::string_view),
                                 std::string_view expected) {
    auto values = table.strings(key).value_or(std::vector<std::string>{});
    for (auto& value : values) {
        if (!is_valid(value)) {
            table.mistake(key,
                          "holds \"" + printable(value, 64) + "\", which must be " + std::string(expected));
        }
        value = ascii_lower(value);
    }
    return values;
}

std::optional<std::string> parse_language(std::string_view text) {
    auto const is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
    if (text.size() != 2 || !std::ranges::all_of(text, is_letter)) return std::nullopt;
    return std::string(text);
}

Config::Limits read_limits(TomlTable table) {
    Config::Limits limits;
    limits.max_jobs = count_or(table, "max_jobs", limits.max_jobs, 1000);
    limits.connections_per_host =
        count_or(table, "connections_per_host", limits.connections_per_host, 10'000);
    limits.connections_per_account =
        count_or(table, "connections_per_account", limits.connections_per_account, 100);
    limits.lanes_per_job = count_or(table, "lanes_per_job", limits.lanes_per_job, 16);
    limits.jobs_total = count_or(table, "jobs_total", limits.jobs_total, 10'000'000);
    limits.jobs_per_user = count_or(table, "jobs_per_user", limits.jobs_per_user, 10'000'000);
    limits.memory_bytes = size_or(table, "memory", limits.memory_bytes, 1ULL << 20U, 1ULL << 40U);
    limits.message_bytes = size_or(table, "message", limits.message_bytes, 1ULL << 10U, 1ULL << 40U);
    limits.compress_below = size_or(table, "compress_below", limits.compress_below, 0, 1ULL << 40U);
    return limits;
}

Config::Timeouts read_timeouts(TomlTable table) {
    Config::Timeouts timeouts;
    timeouts.connect = duration_or(table, "connect", timeouts.connect, seconds(1), day);
    timeouts.greeting = duration_or(table, "greeting", timeouts.greeting, seconds(1), day);
    timeouts.login = duration_or(table, "login", timeouts.login, seconds(1), day);
    timeouts.idle = duration_or(table, "idle", timeouts.idle, seconds(1), day);
    timeouts.command = duration_or(table, "command", timeouts.command, seconds(1), day);
    timeouts.stop = duration_or(table, "stop", timeouts.stop, seconds(0), day);
    return timeouts;
}

Config::Retry read_retry(TomlTable table) {
    Config::Retry retry;
    retry.delay_min = duration_or(table, "delay_min", retry.delay_min, seconds(1), 30 * day);
    retry.delay_max = duration_or(table, "delay_max", retry.delay_max, seconds(1), 30 * day);
    retry.attempts_max = count_or(table, "attempts_max", retry.attempts_max, 1'000'000);
    if (retry.delay_min > retry.delay_max) {
        table.must_be("delay_min",
                      "at most delay_max, which is " + std::to_string(retry.delay_max.count()) + " s");
    }
    return retry;
}

Config::Security read_security(TomlTable table) {
    constexpr std::string_view network = "a network like \"10.0.0.0/8\" or \"fd00::/8\"";
    Config::Security security;
    security.cleartext_hosts =
        list_of(table, "cleartext_hosts", is_host_with_port, "\"host\" or \"host:port\"");
    security.ca_file = path_or(table, "ca_file", security.ca_file);
    security.deny_networks = list_of(table, "deny_networks", is_network, network);
    security.allow_networks = list_of(table, "allow_networks", is_network, network);
    return security;
}

Config::Secrets read_secrets(TomlTable table) {
    Config::Secrets secrets;
    secrets.key_file = path_or(table, "key_file", secrets.key_file);
    secrets.keep_max = duration_or(table, "keep_max", secrets.keep_max, seconds(0), 3660 * day);
    return secrets;
}

}  // namespace

Result<Config> load(std::string const& path) {
    auto const text = read_small_file(path, file_bytes_max);
    if (text.has_error()) return text.error();
    return parse(*text, path);
}

Result<Config> parse(std::string_view text, std::string const& name) {
    TomlFile file(text, name);
    auto root = file.root();
    Config config;
    if (auto const table = root.table("limits")) config.limits = read_limits(*table);
    if (auto const table = root.table("timeouts")) config.timeouts = read_timeouts(*table);
    if (auto const table = root.table("retry")) config.retry = read_retry(*table);
    if (auto const table = root.table("security")) config.security = read_security(*table);
    if (auto const table = root.table("secrets")) config.secrets = read_secrets(*table);
    config.providers_dir = path_or(root, "providers_dir", config.providers_dir);
    config.labels = root.word("labels", parse_label_policy, R"("once" or "every")").value_or(config.labels);
    config.completion_mail = root.boolean("completion_mail").value_or(config.completion_mail);
    config.language =
        root.word("language", parse_language, "two letters like \"en\"").value_or(config.language);
    if (auto table = root.table("log")) {
        config.log_level = table->word("level", parse_log_level, R"("debug", "info", "warning" or "error")")
                               .value_or(config.log_level);
    }
    auto const end = file.finish();
    if (end.has_error()) return end.error();
    return config;
}

}  // namespace imapcopy::config
