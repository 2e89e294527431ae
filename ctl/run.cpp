#include "ctl/run.hpp"

#include "ctl/call.hpp"
#include "ctl/caught.hpp"
#include "ctl/exit_status.hpp"

namespace imapcopy::ctl {
namespace {

/// The command table.
int dispatch(Call const& call) {
    switch (call.arguments.verb) {
        case Verb::overview:
        case Verb::list: return list_command(call);
        case Verb::test: return test_command(call);
        case Verb::submit: return submit_command(call);
        case Verb::status: return status_command(call);
        case Verb::watch: return watch_command(call);
        case Verb::plan: return plan_command(call);
        case Verb::hold: return hold_command(call);
        case Verb::release: return release_command(call);
        case Verb::cancel: return cancel_command(call);
        case Verb::retry: return retry_command(call);
        case Verb::resync: return resync_command(call);
        case Verb::verify: return verify_command(call);
        case Verb::auth: return auth_command(call);
        case Verb::report: return report_command(call);
        case Verb::forget: return forget_command(call);
        case Verb::provider_list:
        case Verb::provider_show:
        case Verb::provider_detect: return provider_command(call);
        case Verb::daemon_status:
        case Verb::daemon_reload:
        case Verb::daemon_hold:
        case Verb::daemon_release: return daemon_command(call);
        case Verb::monitor: return monitor_command(call);
    }
    return exit_status::usage;
}

int no_daemon(Call const& call, Message id) {
    call.terminal.err("imapcopyctl: " + call.say(id) + "\n");
    return exit_status::no_daemon;
}

/// Only `submit` may start the daemon.
int checked(Call const& call) {
    if (call.arguments.verb == Verb::submit) {
        if (!call.client.start()) return no_daemon(call, Message::ctl_cannot_start);
    } else if (!call.client.daemon_running()) {
        return no_daemon(call, Message::ctl_no_daemon);
    }
    return dispatch(call);
}

/// A connection lost to the daemon, not one of the daemon to a server: those name a side.
bool daemon_went_away(Call const& call, Error const& error) {
    if (error.code != ErrorCode::connection_lost || error.side) return false;
    bool running = false;
    auto const again = caught([&] { running = call.client.daemon_running(); });
    return again || !running;
}

}  // namespace

void show_error(Terminal& terminal, Error const& error, std::string const& language) {
    auto text = "imapcopyctl: " + error_text(error);
    if (error.code == ErrorCode::job_exists) text = message(Message::job_exists, language) + "\n" + text;
    terminal.err(text + "\n");
}

int run(Arguments const& arguments, DaemonClient& client, Terminal& terminal) {
    Call const call{arguments, client, terminal};
    int status = exit_status::done;
    auto const error = caught([&] { status = checked(call); });
    if (!error) return status;
    show_error(terminal, *error, arguments.style.language);
    if (daemon_went_away(call, *error)) return no_daemon(call, Message::ctl_no_daemon);
    if (error->code == ErrorCode::cancelled && terminal.left_unanswered()) return exit_status::detached;
    return imapcopy::exit_status(*error);
}

}  // namespace imapcopy::ctl
