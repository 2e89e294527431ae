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
    Row{report_title, "Report of job {0}"},
    Row{report_from, "From:    {0}"},
    Row{report_to, "To:      {0}"},
    Row{report_started, "Started: {0}"},
    Row{report_ended, "Ended:   {0}"},
    Row{report_waiting, "Waiting: {0}"},
    Row{report_error, "{0}: {1}"},
    Row{report_totals, "{0} of {1} messages are in the new mailbox ({3}); {2} could not be copied."},
    Row{report_folders, "Folders:"},
    Row{report_folder, "{0}: {1} messages; {2} copied ({3}), {4} were there already, {5} not copied"},
    Row{report_elsewhere,
        "{0} more bear the label of another folder, too, and are copied from there (labels in "
        "imapcopyd.toml)"},
    Row{report_no_exceptions, "Every message was copied or was there already."},
    Row{report_exceptions, "Not copied, or not completely ({0}):"},
    Row{report_exception, "{0}, message {1} ({2}): {3}"},
    Row{report_folder_exception, "{0}: {1}"},
    Row{report_more, "and {0} more"},
    Row{way_out_message_too_large,
        "What to do: fetch it by hand, or ask the new provider for a higher limit and resync."},
    Row{way_out_append_rejected, "What to do: fetch it by hand; the new server does not take it as it is."},
    Row{way_out_attribute,
        "What to do: nothing; the mail is there, without what the new server does not keep."},
    Row{way_out_over_quota, "What to do: make room in the new mailbox; the job goes on by itself."},
    Row{way_out_folder, "What to do: choose another folder name with --rename and resync."},
    Row{way_out_source, "What to do: look at it in the old mailbox; if it can be read there, resync."},
    Row{way_out_credentials, "What to do: check the login, give the password again (imapcopyctl auth)."},
    Row{way_out_tls, "What to do: check server name, port and certificate; see imapcopyd.toml(5)."},
    Row{way_out_network,
        "What to do: check server name and port; the job tries again by itself, or retry it."},
    Row{way_out_other, "What to do: resync or retry later; if it stays, the log of imapcopyd says more."},
    Row{mail_subject, "Your mailbox has been copied"},
    Row{mail_subject_with_exceptions, "Your mailbox has been copied, with exceptions"},
    Row{mail_intro, "Your mail was copied from {0} to {1}."},
    Row{mail_closing, "Nothing in the old mailbox was changed. You can delete this message."},
    Row{wait_throttled, "the server asks for a pause"},
    Row{wait_network, "the server cannot be reached"},
    Row{wait_hours, "outside the hours in which copying is allowed"},
    Row{wait_credentials, "a password is needed: imapcopyctl auth JOB --source or --destination"},
    Row{wait_quota, "the destination mailbox is full"},
    Row{wait_host, "other jobs use all connections that this server allows"},
    Row{wait_held, "held by a person"},
    Row{wait_store, "the daemon cannot write to its disk"},
    Row{reason_credentials, "{0}; give the password again: imapcopyctl auth {1} --{2}"},
    Row{reason_quota, "{0} has no room left for this mailbox"},
    Row{reason_throttled, "{0} asks for a pause"},
    Row{reason_pause, "{0} asks for a pause of {1} s"},
    Row{reason_held, "held; release it to go on"},
    Row{error_cancelled, "the job was cancelled"},
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
    Row{ctl_end_unknown, "The daemon does not know job {0} any more; how the job ended is not known."},
    Row{ctl_more_jobs, "… and {0} more"},
    Row{ctl_copying, "copying \"{0}\""},
    Row{ctl_messages, "{0} of {1} messages"},
    Row{ctl_bytes, "{0} of {1}"},
    Row{ctl_rate, "{0}/s"},
    Row{ctl_ends_at, "until about {0}"},
    Row{ctl_lane, "1 lane"},
    Row{ctl_lanes, "{0} lanes"},
    Row{ctl_round_trips, "{0}/{1} ms"},
    Row{ctl_bound, "bound by: {0}"},
    Row{bound_source, "The source server takes its time to answer; nothing here would make it faster."},
    Row{bound_destination,
        "The destination server takes its time to answer; nothing here would make it faster."},
    Row{bound_line, "Bytes come or leave no faster over the line to one of the servers."},
    Row{bound_limit,
        "A server takes its time, and the job has fewer connections than it has work for: see "
        "lanes_per_job, connections_per_account and connections_per_host."},
    Row{bound_us, "The daemon's processor or disk is what the job waits for."},
    Row{ctl_skipped, "{0} not copied; the reasons: imapcopyctl report {1}"},
    Row{ctl_times, "created {0}, started {1}, ended {2}, attempt {3}"},
    Row{ctl_ask_password, "Password of the {0} {1}: "},
    Row{ctl_ask_token, "Access token of the {0} {1}: "},
    Row{ctl_no_password,
        "no password for the {0}: name a file of mode 0600 by --{0}-password-file or a descriptor by "
        "--{0}-password-fd, or run this on a terminal"},
    Row{ctl_password_not_given, "no password was given for the {0}"},
    Row{ctl_password_file_is_open,
        "others than its owner can open this file; change that with: chmod 600 {0}"},
    Row{ctl_password_empty, "it is empty"},
    Row{ctl_password_too_long, "it is too long"},
    Row{ctl_name_password_files,
        "name files of mode 0600 by --source-password-file and --destination-password-file, or run this on a "
        "terminal"},
    Row{ctl_two_accounts,
        "two accounts are needed: submit SRC DST (without them they are asked for, on a terminal)"},
    Row{ctl_no_job, "there is no job {0}"},
    Row{ctl_no_job_of, "no job has the source address \"{0}\""},
    Row{ctl_not_a_job_number, "\"{0}\" is not the number of a job; see: imapcopyctl list"},
    Row{ctl_no_provider, "there is no provider \"{0}\"; see: imapcopyctl provider list"},
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
    Row{ctl_verified,
        "Job {0}: {1} messages in {2} folders compared by {3}: {4} differences, {5} more that are explained"},
    Row{ctl_verified_more, "Only the first ones of each kind are listed."},
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
