#pragma once

// What the command line says, checked and plain.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/job.hpp"

namespace imapcopy::ctl {

enum class Verb : std::uint8_t {
    overview,  ///< No command: the unfinished jobs.
    test,
    submit,
    list,
    status,
    watch,
    plan,
    hold,
    release,
    cancel,
    retry,
    resync,
    verify,
    auth,
    report,
    forget,
    provider_list,
    provider_show,
    provider_detect,
    daemon_status,
    daemon_reload,
    daemon_hold,
    daemon_release,
    monitor,
};

enum class Format : std::uint8_t { table, long_form, json, jsonl, csv };
std::optional<Format> parse_format(std::string_view text);

enum class Zone : std::uint8_t { local, utc };

/// How to print; the options of OUTPUT.
struct Style {
    Format format = Format::table;
    std::vector<std::string> fields = {};  ///< Empty: those that the verb prefers.
    bool legend = true;
    Zone zone = Zone::local;
    bool color = false;
    std::string language = "en";
    bool quiet = false;
    bool verbose = false;
};

/// One side as the command line names it; `address` is SRC or DST, the rest are its --source-… options.
struct AccountArguments {
    std::string address;
    std::string login;
    std::string host;
    std::optional<std::uint16_t> port;
    std::optional<TlsMode> tls;
    std::string tls_pin;
    std::optional<AuthMethod> auth;
    std::string authorize_as;
    std::string password_file;
    std::optional<int> password_fd;
    bool operator==(AccountArguments const&) const = default;

    bool names_account() const { return !address.empty() || !login.empty(); }
};

struct Wait {
    bool wanted = false;
    std::optional<std::chrono::seconds> limit;  ///< Nothing: to the end.
};

struct Arguments {
    Verb verb = Verb::overview;
    Style style;
    AccountArguments source;
    AccountArguments destination;
    JobSpec options;         ///< Everything of a job but its accounts.
    std::string start_time;  ///< --at as it was written; read when the time of day is known.
    bool test_first = true;
    bool dry_run = false;
    Wait wait;
    std::vector<std::string> jobs;  ///< JOB or ADDRESS.
    std::optional<JobState> state;
    bool all = false;
    std::optional<Side> side;
    bool forget_ledger = false;
    VerifyLevel level = VerifyLevel::index;
    std::string provider;  ///< ID of `provider show`, ADDRESS of `provider detect`.
    bool assume_yes = false;
    bool ask_password = true;
    std::string bus = "system";
};

}  // namespace imapcopy::ctl
