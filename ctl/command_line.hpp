#pragma once

// The command line, parsed. The only user of CLI11.

#include <string>
#include <variant>
#include <vector>

#include "ctl/arguments.hpp"

namespace imapcopy::ctl {

/// What the environment says, as far as it matters here.
struct Environment {
    bool no_color = false;         ///< NO_COLOR is set and not empty.
    bool out_is_terminal = false;  ///< For --color=auto.
    std::string locale;            ///< LC_ALL, LC_MESSAGES or LANG, the first that is set.
    std::string bus;               ///< IMAPCOPY_BUS.
};

/// Nothing is to be run: --help, --version, or a mistake.
struct Ending {
    int status = 0;
    std::string out;
    std::string err;
};

/// `words` without the program's name.
std::variant<Arguments, Ending> parse_command_line(std::vector<std::string> words,
                                                   Environment const& environment);

/// "fr_FR.UTF-8" → "fr"; "en" for "", "C" and "POSIX".
std::string language_of_locale(std::string_view locale);

}  // namespace imapcopy::ctl
