#pragma once

// A job in words for people, and as a record for tables and programs. All text of others leaves here
// printable.

#include <string>

#include "common/job.hpp"
#include "ctl/output.hpp"

namespace imapcopy::ctl {

/// What sentences about times and languages need.
struct TextStyle {
    std::string language = "en";
    Zone zone = Zone::local;
    WallTime now = {};
};
TextStyle text_style(Style const& style, Terminal const& terminal);

/// The origin's sentence for the state.
std::string state_sentence(JobState state, TextStyle const& style);
/// "waiting until 14:05: imap.example.org asks for a pause of 300 s"; empty where the job does not wait.
std::string wait_sentence(JobView const& job, TextStyle const& style);
/// What is to be known beside the state: why it waits, what went wrong, or what was left out; empty if
/// nothing is.
std::string note(JobView const& job, TextStyle const& style);
/// `copying "INBOX", 1204 of 2000 messages, 31.2 MB of 61.3 MB, 4.1 MB/s, until about 14:05`, and the pace.
std::string progress_sentence(JobView const& job, TextStyle const& style);
/// `3 lanes, 100/2 ms, bound by: line`: the round trips are those of source and destination. Empty unless the
/// job is at work; what is not known is left out.
std::string pace_sentence(JobView const& job, TextStyle const& style);
/// "anna@old.example → anna@new.example"
std::string route(JobView const& job);
/// "source: log in as anna: server said: …"
std::string error_text(Error const& error);
/// Several lines, for `status`. `style` decides on colours.
std::string status_text(JobView const& job, TextStyle const& text, Style const& style);
/// One line: `[#######-------]  61%  1204/2000  31.2 MB/61.3 MB  4.1 MB/s  14:05`, at most `columns` wide.
std::string progress_bar(JobView const& job, TextStyle const& style, std::size_t columns);

/// The Job's D-Bus properties in snake_case, and state_text.
Json job_fields(JobView const& job, std::string_view language);
/// How many jobs are in each of the four states.
Json count_fields(std::map<JobState, std::uint32_t> const& jobs_by_state);
/// Jobs for print(), with the columns that `list` prefers.
Records job_records(std::vector<JobView> const& jobs, TextStyle const& style);

/// 0, 4 or 5 by how an ended job ended; 12, 13 or 75 for one that is parked; 0 for one that goes on.
int exit_status_of(JobView const& job);
bool has_ended(JobView const& job);
/// Waits for a person: for credentials, room at the destination, or the administrator.
bool is_parked(JobView const& job);

}  // namespace imapcopy::ctl
