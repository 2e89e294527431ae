#include "daemon/jobs/report.hpp"

#include <algorithm>

#include "common/clock.hpp"
#include "common/messages.hpp"
#include "common/text.hpp"

namespace imapcopy::jobs {
namespace {

/// What is listed of a mailbox with very many folders or exceptions; the rest is counted.
constexpr std::size_t folders_max = 1000;
constexpr std::size_t exceptions_max = 1000;

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

std::string account_text(AccountSpec const& account) {
    auto const& mailbox = account.authorize_as.empty() ? account.login : account.authorize_as;
    return printable(mailbox) + " (" + printable(account.host) + ")";
}

std::string folder_line(copy::FolderResult const& folder, std::string_view language) {
    auto name = printable(folder.source);
    if (folder.destination != folder.source) name += " → " + printable(folder.destination);
    auto line =
        "  " + message(Message::report_folder, language,
                       {name, number(folder.messages), number(folder.copied), human_bytes(folder.bytes),
                        number(folder.recognised), number(folder.exceptions)});
    if (folder.elsewhere > 0)
        line += "\n    " + message(Message::report_elsewhere, language, {number(folder.elsewhere)});
    return line;
}

std::string exception_lines(copy::Exception const& exception, std::string_view language) {
    auto const folder = printable(exception.folder);
    auto const text = printable(exception.text);
    auto const line =
        exception.uid == copy::Uid{}
            ? message(Message::report_folder_exception, language, {folder, text})
            : message(Message::report_exception, language,
                      {folder, number(exception.uid.value()), human_bytes(exception.size_bytes), text});
    return "  " + line + "\n    " + way_out(exception.code, language) + "\n";
}

std::string more_line(std::uint64_t count, std::string_view language) {
    return "  " + message(Message::report_more, language, {number(count)}) + "\n";
}

Message way_out_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::message_too_large: return Message::way_out_message_too_large;
        case ErrorCode::append_rejected: return Message::way_out_append_rejected;
        case ErrorCode::attribute_refused: return Message::way_out_attribute;
        case ErrorCode::over_quota: return Message::way_out_over_quota;
        case ErrorCode::folder_create_refused:
        case ErrorCode::folder_name_collision:
        case ErrorCode::read_only: return Message::way_out_folder;
        case ErrorCode::message_unreadable:
        case ErrorCode::folder_vanished: return Message::way_out_source;
        case ErrorCode::auth_rejected:
        case ErrorCode::app_password_required:
        case ErrorCode::oauth_consent_required:
        case ErrorCode::imap_disabled:
        case ErrorCode::account_locked:
        case ErrorCode::credentials_missing:
        case ErrorCode::auth_mechanism_unavailable: return Message::way_out_credentials;
        case ErrorCode::tls_untrusted:
        case ErrorCode::tls_name_mismatch:
        case ErrorCode::tls_required:
        case ErrorCode::tls_handshake:
        case ErrorCode::address_not_allowed: return Message::way_out_tls;
        case ErrorCode::name_not_found:
        case ErrorCode::connection_refused:
        case ErrorCode::connection_lost:
        case ErrorCode::timed_out:
        case ErrorCode::throttled:
        case ErrorCode::too_many_connections:
        case ErrorCode::daily_limit_reached:
        case ErrorCode::unavailable:
        case ErrorCode::in_use: return Message::way_out_network;
        case ErrorCode::invalid_argument:
        case ErrorCode::invalid_address:
        case ErrorCode::unknown_provider:
        case ErrorCode::no_such_job:
        case ErrorCode::no_such_batch:
        case ErrorCode::job_exists:
        case ErrorCode::not_authorized:
        case ErrorCode::wrong_state:
        case ErrorCode::nothing_to_do:
        case ErrorCode::queue_full:
        case ErrorCode::message_limit:
        case ErrorCode::uid_validity_changed:
        case ErrorCode::server_bug:
        case ErrorCode::same_mailbox:
        case ErrorCode::verification_failed:
        case ErrorCode::cancelled:
        case ErrorCode::store_full:
        case ErrorCode::store_corrupt:
        case ErrorCode::internal: break;
    }
    return Message::way_out_other;
}

Message state_message(JobState state) {
    switch (state) {
        case JobState::not_started: return Message::state_not_started;
        case JobState::in_progress: return Message::state_in_progress;
        case JobState::finished: return Message::state_finished;
        case JobState::error: return Message::state_error;
    }
    return Message::state_error;
}

std::string heading(JobView const& job, std::string_view language) {
    auto const id = to_string(job.id);
    auto out = message(Message::report_title, language, {id}) + "\n";
    out += message(Message::report_from, language, {account_text(job.spec.source)}) + "\n";
    out += message(Message::report_to, language, {account_text(job.spec.destination)}) + "\n";
    if (job.started != WallTime{}) {
        out += message(Message::report_started, language, {to_rfc3339(job.started)}) + "\n";
    }
    if (job.ended != WallTime{})
        out += message(Message::report_ended, language, {to_rfc3339(job.ended)}) + "\n";
    out += "\n" + message(state_message(state_of(job.phase)), language) + "\n";
    if (!job.wait_text.empty())
        out += message(Message::report_waiting, language, {printable(job.wait_text)}) + "\n";
    if (job.error) {
        auto const name = info(job.error->code).name;
        out += message(Message::report_error, language, {name, printable(to_string(*job.error))}) + "\n";
        out += "  " + way_out(name, language) + "\n";
    }
    return out;
}

std::string totals(Progress const& progress, std::string_view language) {
    return message(Message::report_totals, language,
                   {number(progress.messages_done), number(progress.messages_total),
                    number(progress.messages_skipped), human_bytes(progress.bytes_done)}) +
           "\n";
}

}  // namespace

std::string way_out(std::string_view error_name, std::string_view language) {
    auto const code = error_code_from_name(error_name);
    return message(way_out_of(code.value_or(ErrorCode::internal)), language);
}

std::string report_lists(ReportInput const& input, std::string_view language) {
    auto out = message(Message::report_folders, language) + "\n";
    auto const folders = std::min(input.folders.size(), folders_max);
    for (std::size_t i = 0; i < folders; ++i) out += folder_line(input.folders[i], language) + "\n";
    if (folders < input.folders.size()) out += more_line(input.folders.size() - folders, language);
    auto const total = std::max<std::uint64_t>(input.exceptions_total, input.exceptions.size());
    if (total == 0) return out + "\n" + message(Message::report_no_exceptions, language) + "\n";
    out += "\n" + message(Message::report_exceptions, language, {number(total)}) + "\n";
    auto const listed = std::min(input.exceptions.size(), exceptions_max);
    for (std::size_t i = 0; i < listed; ++i) out += exception_lines(input.exceptions[i], language);
    if (listed < total) out += more_line(total - listed, language);
    return out;
}

std::string report_text(ReportInput const& input, std::string_view language) {
    auto out = heading(input.job, language) + totals(input.job.progress, language);
    if (input.folders.empty() && input.exceptions.empty()) return out;
    return out + "\n" + report_lists(input, language);
}

}  // namespace imapcopy::jobs
