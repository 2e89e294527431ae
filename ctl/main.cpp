// imapcopyctl: reads the command line, connects to the bus, runs one verb.

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "ctl/call.hpp"
#include "ctl/caught.hpp"
#include "ctl/client.hpp"
#include "ctl/command_line.hpp"
#include "ctl/exit_status.hpp"
#include "ctl/run.hpp"

namespace ctl = imapcopy::ctl;

namespace {

std::string variable(char const* name) {
    auto const* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing else runs yet.
    return value == nullptr ? std::string() : std::string(value);
}

ctl::Environment environment(ctl::Terminal const& terminal) {
    ctl::Environment out;
    out.no_color = !variable("NO_COLOR").empty();
    out.out_is_terminal = terminal.out_is_terminal();
    out.bus = variable("IMAPCOPY_BUS");
    for (auto const* const name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
        if (out.locale.empty()) out.locale = variable(name);
    }
    return out;
}

int run(ctl::Arguments const& arguments, ctl::Terminal& terminal) {
    std::optional<ctl::Client> client;
    if (auto const error = ctl::caught([&] { client.emplace(arguments.bus); })) {
        ctl::show_error(terminal, *error, arguments.style.language);
        return ctl::exit_status::no_daemon;
    }
    return ctl::run(arguments, *client, terminal);
}

}  // namespace

int main(int argc, char** argv) {
    ctl::RealTerminal terminal;
    int status = 1;
    auto const error = ctl::caught([&] {
        auto const parsed =
            ctl::parse_command_line(std::vector<std::string>(argv + 1, argv + argc), environment(terminal));
        if (auto const* const ending = std::get_if<ctl::Ending>(&parsed)) {
            terminal.out(ending->out);
            terminal.err(ending->err);
            status = ending->status;
        } else {
            status = run(std::get<ctl::Arguments>(parsed), terminal);
        }
    });
    if (error) ctl::show_error(terminal, *error, "en");
    return status;
}
