#pragma once

// User-facing text. The language is an argument, never global state. English today; the table has room for
// more.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace imapcopy {

/// One per sentence that a person reads; the sentences stand in messages.cpp, numbered blanks {0} {1} … in
/// them.
enum class Message : std::uint8_t {
    state_not_started,
    state_in_progress,
    state_finished,
    state_error,
    job_exists,
    // The report of a job.
    report_title,    ///< {0} job
    report_from,     ///< {0} account
    report_to,       ///< {0} account
    report_started,  ///< {0} time
    report_ended,    ///< {0} time
    report_waiting,  ///< {0} for what
    report_error,    ///< {0} error name, {1} sentence
    report_totals,   ///< {0} done, {1} of, {2} skipped, {3} bytes
    report_folders,
    report_folder,     ///< {0} name, {1} messages, {2} copied, {3} bytes, {4} recognised, {5} exceptions
    report_elsewhere,  ///< {0} count
    report_no_exceptions,
    report_exceptions,        ///< {0} count
    report_exception,         ///< {0} folder, {1} uid, {2} size, {3} why
    report_folder_exception,  ///< {0} folder, {1} why
    report_more,              ///< {0} count
    // What a person can do about an error.
    way_out_message_too_large,
    way_out_append_rejected,
    way_out_attribute,
    way_out_over_quota,
    way_out_folder,
    way_out_source,
    way_out_credentials,
    way_out_tls,
    way_out_network,
    way_out_other,
    // The completion mail.
    mail_subject,
    mail_subject_with_exceptions,
    mail_intro,  ///< {0} source account, {1} destination account
    mail_closing,
    // imapcopyctl.
    wait_throttled,
    wait_network,
    wait_hours,
    wait_credentials,
    wait_quota,
    wait_host,
    wait_held,
    wait_store,
    // The same in the words of a job's Reason, which know more.
    reason_credentials,  ///< {0} error, {1} job, {2} side
    reason_quota,        ///< {0} host
    reason_throttled,    ///< {0} host
    reason_pause,        ///< {0} host, {1} seconds
    reason_held,
    error_cancelled,
    ctl_waiting,
    ctl_waiting_until,
    ctl_scheduled,
    ctl_testing,
    ctl_test_established,
    ctl_test_failed,
    ctl_test_details,
    ctl_created,
    ctl_held,
    ctl_released,
    ctl_cancelled,
    ctl_retried,
    ctl_resynced,
    ctl_secret_set,
    ctl_forgotten,
    ctl_no_daemon,
    ctl_cannot_start,
    ctl_no_jobs,
    ctl_detached,
    ctl_wait_over,
    ctl_daemon_gone,
    ctl_daemon_back,
    ctl_removed,
    ctl_end_unknown,
    ctl_more_jobs,
    ctl_copying,
    ctl_messages,
    ctl_bytes,
    ctl_rate,
    ctl_ends_at,
    ctl_lane,
    ctl_lanes,        ///< {0} how many
    ctl_round_trips,  ///< {0} milliseconds to the source, {1} to the destination
    ctl_bound,        ///< {0} source, destination, line, limit or us
    bound_source,
    bound_destination,
    bound_line,
    bound_limit,
    bound_us,
    ctl_skipped,
    ctl_times,
    ctl_ask_password,
    ctl_ask_token,
    ctl_no_password,            ///< {0} source or destination
    ctl_password_not_given,     ///< {0} source or destination
    ctl_password_file_is_open,  ///< {0} file
    ctl_password_empty,
    ctl_password_too_long,
    ctl_name_password_files,
    ctl_two_accounts,
    ctl_no_job,            ///< {0} number
    ctl_no_job_of,         ///< {0} address
    ctl_not_a_job_number,  ///< {0} what was written
    ctl_no_provider,       ///< {0} what was written
    ctl_ask_cancel,
    ctl_ask_forget_ledger,
    ctl_left_alone,
    ctl_form_source,
    ctl_form_destination,
    ctl_form_other,
    ctl_form_service,
    ctl_form_login,
    ctl_form_login_local,
    ctl_form_server,
    ctl_form_tls,
    ctl_form_again,
    ctl_form_start,
    ctl_form_dropped,
    ctl_plan_create,
    ctl_plan_total,
    ctl_plan_exception,
    ctl_verified,  ///< {0} job, {1} messages, {2} folders, {3} level, {4} differences, {5} explained
    ctl_verified_more,
    ctl_daemon_line,
    ctl_daemon_jobs,
    ctl_reloaded,
    ctl_all_held,
    ctl_all_released,
    last = ctl_all_released,  ///< Not a sentence of its own: the end of the list.
};

/// The sentence in `language` ("en"; others fall back to it) with its blanks filled. Arguments are inserted
/// as they are: escape untrusted text with printable() first.
std::string message(Message id, std::string_view language,
                    std::initializer_list<std::string_view> arguments = {});

}  // namespace imapcopy
