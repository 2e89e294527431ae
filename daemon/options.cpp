#include "daemon/options.hpp"

#include <optional>
#include <string_view>

#include "common/text.hpp"

namespace imapcopy {
namespace {

Error mistake(std::string const& what) {
    return {ErrorCode::invalid_argument, what + "; see imapcopyd --help"};
}

/// Where the value of an option that takes one goes; null for any other word.
std::string* value_of(Options& options, std::string_view name) {
    if (name == "--config") return &options.config_file;
    if (name == "--bus") return &options.bus;
    if (name == "--state-dir") return &options.state_dir;
    return nullptr;
}

std::optional<Options::Action> action_of(std::string_view name) {
    if (name == "--check-config") return Options::Action::check_config;
    if (name == "--version") return Options::Action::show_version;
    if (name == "--help" || name == "-h") return Options::Action::show_help;
    return std::nullopt;
}

}  // namespace

char const* const options_help =
    "Usage: imapcopyd [OPTIONS]\n"
    "Copies mailboxes from one IMAP server to another; ordered and watched with imapcopyctl.\n"
    "\n"
    "  --config FILE       configuration, /etc/imapcopyd/imapcopyd.toml by default\n"
    "  --bus BUS           \"system\", or the address of a message bus\n"
    "  --state-dir DIR     where the database lies; $STATE_DIRECTORY or /var/lib/imapcopyd by default\n"
    "  --check-config      report every mistake of the configuration and end\n"
    "  --version           print the version and end\n"
    "  --help              print this and end\n"
    "\n"
    "SIGTERM ends it after running batches, SIGHUP reads the configuration again. It never forks.\n"
    "Exit status: 0 stopped, 1 failed, 2 wrong command line or configuration, 3 database not usable.\n";

Result<Options> parse_options(std::span<char const* const> arguments, std::string const& state_directory) {
    Options options;
    // systemd lists several folders with colons between; ours is the first.
    auto const folder = state_directory.substr(0, state_directory.find(':'));
    options.state_dir = folder.empty() ? "/var/lib/imapcopyd" : folder;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        std::string_view const word = arguments[i];
        if (auto const action = action_of(word)) {
            options.action = *action;
            continue;
        }
        auto const equals = word.find('=');
        auto* const value = value_of(options, word.substr(0, equals));
        if (value == nullptr) return mistake("unknown argument \"" + printable(word, 64) + "\"");
        if (equals == std::string_view::npos && ++i == arguments.size()) {
            return mistake("value missing after " + std::string(word));
        }
        *value = equals == std::string_view::npos ? arguments[i] : word.substr(equals + 1);
        if (value->empty()) return mistake("empty value of " + std::string(word.substr(0, equals)));
    }
    return options;
}

}  // namespace imapcopy
