#pragma once

// The command line of imapcopyd.

#include <span>
#include <string>

#include "common/result.hpp"

namespace imapcopy {

struct Options {
    enum class Action { run, check_config, show_version, show_help } action = Action::run;
    std::string config_file = "/etc/imapcopyd/imapcopyd.toml";
    std::string bus = "system";  ///< "system", or the address of a bus.
    std::string state_dir;       ///< $STATE_DIRECTORY or /var/lib/imapcopyd, unless given.

    bool operator==(Options const&) const = default;
};

/// `arguments` as main gets them, the program first. `state_directory` is $STATE_DIRECTORY, or empty. Errors:
/// invalid_argument with one sentence.
Result<Options> parse_options(std::span<char const* const> arguments, std::string const& state_directory);

/// What --help prints.
extern char const* const options_help;

}  // namespace imapcopy
