#pragma once

// Call: what every command is handed; and the commands, by the file they stand in.

#include <functional>
#include <string>
#include <vector>

#include "common/messages.hpp"
#include "ctl/arguments.hpp"
#include "ctl/job_text.hpp"
#include "ctl/service_proxy.hpp"
#include "ctl/terminal.hpp"

namespace imapcopy::ctl {

/// References to what outlives the command.
struct Call {
    Arguments const& arguments;
    DaemonClient& client;
    Terminal& terminal;

    Style const& style() const { return arguments.style; }
    std::string say(Message id, std::initializer_list<std::string_view> blanks = {}) const {
        return message(id, arguments.style.language, blanks);
    }
};

/// Each runs one verb and returns the exit status; all throw Failure.
int test_command(Call const& call);
int submit_command(Call const& call);
int plan_command(Call const& call);
int list_command(Call const& call);
int status_command(Call const& call);
int watch_command(Call const& call);
int monitor_command(Call const& call);
int hold_command(Call const& call);
int release_command(Call const& call);
int cancel_command(Call const& call);
int retry_command(Call const& call);
int resync_command(Call const& call);
int verify_command(Call const& call);
int auth_command(Call const& call);
int forget_command(Call const& call);
int report_command(Call const& call);
int provider_command(Call const& call);
int daemon_command(Call const& call);

/// "imapcopyctl: …" on standard error. For JobExists the sentence in the person's language first.
void show_error(Terminal& terminal, Error const& error, std::string const& language);

/// The jobs of JOB and ADDRESS arguments, in their order, each once. Failure: no_such_job, invalid_argument.
std::vector<JobId> selected_jobs(Call const& call);
/// The jobs of JOB arguments: numbers only, for what changes a job. Failure(invalid_argument).
std::vector<JobId> numbered_jobs(Call const& call);

/// Waits for the test of one side, which has begun, and shows both steps, "Testing source … established".
/// Throws what the test throws.
TestView finished_test(Call const& call, AccountSpec const& account, Side side);

}  // namespace imapcopy::ctl
