#include "common/messages.hpp"

#include <array>

#include "common/text.hpp"

namespace imapcopy {
namespace {

using enum Message;

struct Row {
    Message id;
    std::string_view text;
};

// In the order of the enum.
constexpr std::array english = {
    Row{state_not_started, "The synchronisation has not started yet. Please be patient."},
    Row{state_in_progress, "The synchronisation of your accounts is in progress."},
    Row{state_finished, "The synchronisation of your accounts is finished."},
    Row{state_error, "An error occurred during the synchronisation."},
    Row{job_exists, "A synchronisation of this account has been asked for already."},
    Row{wait_throttled, "the server asks for a pause"},
    Row{wait_network, "the server cannot be reached"},
    Row{wait_hours, "outside the hours in which copying is allowed"},
    Row{wait_credentials, "a password is needed: imapcopyctl auth JOB --source or --destination"},
    Row{wait_quota, "the destination mailbox is full"},
    Row{wait_host, "other jobs use all connections that this server allows"},
    Row{wait_held, "held by a person"},
    Row{wait_store, "the daemon cannot write to its disk"},
    Row{ctl_waiting, "waiting: {0}"},
    Row{ctl_waiting_until, "waiting until {0}: {1}"},
    Row{ctl_scheduled, "starts at {0}"},
    Row{ctl_testing, "Testing {0} {1} …"},
    Row{ctl_test_established, "established"},
    Row{ctl_test_failed, "failed"},
    Row{ctl_test_details, "{0}:{1}, {2} folders"},
    Row{ctl_created, "Job {0} created: {1}"},
    Row{ctl_held, "Job {0} is held."},
    Row{ctl_released, "Job {0} is released."},
    Row{ctl_cancelled, "Job {0} is cancelled."},
    Row{ctl_retried, "Job {0} tries again."},
    Row{ctl_resynced, "Job {0} runs again and copies what is new."},
    Row{ctl_secret_set, "Job {0} has a new password for the {1}."},
    Row{ctl_forgotten, "Job {0} is forgotten."},
    Row{ctl_no_daemon, "The daemon imapcopyd is not running. Start it with: systemctl start imapcopyd"},
    Row{ctl_cannot_start,
        "The daemon imapcopyd is not running and could not be started. See: systemctl status imapcopyd"},
    Row{ctl_no_jobs, "No unfinished jobs. \"imapcopyctl list --all\" shows the ended ones."},
    Row{ctl_detached, "Detached; the daemon goes on. To look again: imapcopyctl watch"},
    Row{ctl_wait_over, "The time of --wait is over; the daemon goes on."},
    Row{ctl_daemon_gone, "The daemon went away. The jobs go on when it is back."},
    Row{ctl_daemon_back, "The daemon is back."},
    Row{ctl_removed, "Job {0} was forgotten."},
    Row{ctl_more_jobs, "… and {0} more"},
    Row{ctl_copying, "copying \"{0}\""},
    Row{ctl_messages, "{0} of {1} messages"},
    Row{ctl_bytes, "{0} of {1}"},
    Row{ctl_rate, "{0}/s"},
    Row{ctl_ends_at, "until about {0}"},
    Row{ctl_skipped, "{0} not copied; the reasons: imapcopyctl report {1}"},
    Row{ctl_times, "created {0}, started {1}, ended {2}, attempt {3}"},
    Row{ctl_ask_password, "Password of the {0} {1}: "},
    Row{ctl_ask_token, "Access token of the {0} {1}: "},
    Row{ctl_ask_cancel, "Cancel job {0} ({1} to {2})? [y/N] "},
    Row{ctl_ask_forget_ledger, "Forget what was copied for job {0} ({1} to {2})? [y/N] "},
    Row{ctl_left_alone, "Job {0} is left as it is."},
    Row{ctl_form_source, "Source: the account that is copied."},
    Row{ctl_form_destination, "Destination: the account that receives the copy."},
    Row{ctl_form_other, "Other"},
    Row{ctl_form_service, "Service (number or name): "},
    Row{ctl_form_login, "Login (mail address): "},
    Row{ctl_form_login_local, "Login (the part before the \"@\"): "},
    Row{ctl_form_server, "IMAP server: "},
    Row{ctl_form_tls, "TLS from the first byte? In doubt, yes. [Y/n] "},
    Row{ctl_form_again, "Please try again."},
    Row{ctl_form_start, "Start the synchronisation? [Y/n] "},
    Row{ctl_form_dropped, "Nothing was created."},
    Row{ctl_plan_create, "created"},
    Row{ctl_plan_total, "{0} folders, {1} messages to copy, {2}"},
    Row{ctl_plan_exception, "{0}: {1}"},
    Row{ctl_daemon_line, "imapcopyd {0}: {1}, {2} jobs busy, {3}/s"},
    Row{ctl_daemon_jobs, "{0} not started, {1} in progress, {2} finished, {3} error"},
    Row{ctl_reloaded, "The configuration was read again."},
    Row{ctl_all_held, "The daemon is held: no attempt starts until \"imapcopyctl daemon release\"."},
    Row{ctl_all_released, "The daemon is released."},
};

template <std::size_t N>
constexpr bool is_complete(std::array<Row, N> const& table) {
    for (std::size_t i = 0; i < N; ++i) {
        if (static_cast<std::size_t>(table.at(i).id) != i) return false;
    }
    return N == static_cast<std::size_t>(last) + 1;
}
static_assert(is_complete(english));

/// The sentence of a language; languages without a table of their own read English.
std::string_view sentence(Message id, std::string_view /*language*/) {
    return english.at(static_cast<std::size_t>(id)).text;
}

}  // namespace

std::string message(Message id, std::string_view language,
                    std::initializer_list<std::string_view> arguments) {
    auto const pattern = sentence(id, language);
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        auto const end = pattern[i] == '{' ? pattern.find('}', i) : std::string_view::npos;
        auto const blank =
            end == std::string_view::npos ? std::nullopt : parse_number(pattern.substr(i + 1, end - i - 1));
        if (!blank) {
            out += pattern[i];
            continue;
        }
        if (*blank < arguments.size()) out += *(arguments.begin() + *blank);
        i = end;
    }
    return out;
}

}  // namespace imapcopy
