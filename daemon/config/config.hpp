#pragma once

// Config: the daemon's configuration, plain, complete and valid.

#include <cstdint>
#include <string>
#include <vector>

#include "common/clock_types.hpp"
#include "common/job.hpp"
#include "common/log.hpp"
#include "common/result.hpp"

namespace imapcopy::config {

/// Defaults are those of config/imapcopyd.toml; a test compares the two.
struct Config {
    struct Limits {
        std::uint32_t max_jobs = 8;  ///< Jobs in the phases connecting … verifying.
        std::uint32_t connections_per_host = 16;
        std::uint32_t connections_per_account = 5;
        std::uint32_t lanes_per_job = 5;  ///< Pairs of connections of one job, where the limits above allow.
        std::uint32_t jobs_total = 100'000;  ///< Unfinished jobs in all; past it QueueFull.
        std::uint32_t jobs_per_user = 50'000;
        std::uint64_t memory_bytes = 64ULL
                                     << 20U;  ///< [limits] memory = "64MiB": buffers of all jobs together.
        std::uint64_t message_bytes =
            2ULL << 30U;  ///< [limits] message = "2GiB": larger ones are listed, not copied.
        std::uint64_t compress_below =
            8ULL << 20U;  ///< [limits] compress_below = "8MiB": bytes/s of a connection; 0: never.
        bool operator==(Limits const&) const = default;
    } limits;
    struct Timeouts {
        std::chrono::seconds connect{30};
        std::chrono::seconds greeting{60};
        std::chrono::seconds login{60};
        std::chrono::seconds idle{120};
        std::chrono::seconds command{1800};
        std::chrono::seconds stop{60};  ///< How long a stop waits for running batches.
        bool operator==(Timeouts const&) const = default;
    } timeouts;
    struct Retry {
        std::chrono::seconds delay_min{5};
        std::chrono::seconds delay_max{3600};
        std::uint32_t attempts_max = 30;  ///< Attempts without progress before a job ends in error.
        bool operator==(Retry const&) const = default;
    } retry;
    struct Security {
        std::vector<std::string> cleartext_hosts;  ///< "host" or "host:port".
        std::string ca_file;                       ///< Added to the system store.
        std::vector<std::string> deny_networks;    ///< CIDR; link-local, multicast and unspecified always.
        std::vector<std::string> allow_networks;   ///< If not empty, only these.
        bool operator==(Security const&) const = default;
    } security;
    struct Secrets {
        std::string key_file;                       ///< Empty: $CREDENTIALS_DIRECTORY/secrets.key.
        std::chrono::seconds keep_max{30 * 86400};  ///< Longest --keep-secrets.
        bool operator==(Secrets const&) const = default;
    } secrets;
    std::string providers_dir = "/etc/imapcopyd/providers.d";
    LabelPolicy labels = LabelPolicy::once;
    bool completion_mail = true;
    std::string language = "en";
    LogLevel log_level = LogLevel::info;  ///< [log] level.

    bool operator==(Config const&) const = default;
};

/// Reads `path`. One Error(invalid_argument) whose message lists every mistake, a line each:
/// "FILE:LINE:COLUMN: what, and how to mend it". Relative paths inside are refused.
Result<Config> load(std::string const& path);
/// The same from text; `name` stands for the file in messages.
Result<Config> parse(std::string_view text, std::string const& name);

}  // namespace imapcopy::config
