#include "ctl/job_text.hpp"

#include <algorithm>
#include <array>

#include "common/account_address.hpp"
#include "common/clock.hpp"
#include "common/messages.hpp"
#include "common/text.hpp"
#include "ctl/exit_status.hpp"
#include "ctl/local_time.hpp"

namespace imapcopy::ctl {
namespace {

Message sentence_of(JobState state) {
    switch (state) {
        case JobState::not_started: return Message::state_not_started;
        case JobState::in_progress: return Message::state_in_progress;
        case JobState::finished: return Message::state_finished;
        case JobState::error: return Message::state_error;
    }
    return Message::state_error;
}

/// For a wait whose cause the daemon did not put into words.
std::string reason_sentence(WaitReason reason, std::string const& language) {
    switch (reason) {
        case WaitReason::none: return {};
        case WaitReason::throttled: return message(Message::wait_throttled, language);
        case WaitReason::network: return message(Message::wait_network, language);
        case WaitReason::hours: return message(Message::wait_hours, language);
        case WaitReason::credentials: return message(Message::wait_credentials, language);
        case WaitReason::quota: return message(Message::wait_quota, language);
        case WaitReason::host: return message(Message::wait_host, language);
        case WaitReason::held: return message(Message::wait_held, language);
        case WaitReason::store: return message(Message::wait_store, language);
    }
    return {};
}

std::string number(std::uint64_t value) {
    return std::to_string(value);
}

std::string address_of(AccountSpec const& account) {
    return printable(account.address.empty() ? account.login : account.address, 128);
}

/// Parts of a thousand that are done, by bytes where their total is known.
std::uint64_t per_mille(Progress const& progress) {
    auto const total = progress.bytes_total > 0 ? progress.bytes_total : progress.messages_total;
    auto const done = progress.bytes_total > 0 ? progress.bytes_done : progress.messages_done;
    if (total == 0) return 0;
    return std::min<std::uint64_t>(
        1000, static_cast<std::uint64_t>(static_cast<double>(done) * 1000.0 / static_cast<double>(total)));
}

Json time_or_null(WallTime time) {
    if (time == WallTime{}) return nullptr;
    return to_rfc3339(time);
}

Json number_or_null(std::chrono::microseconds time) {
    if (time.count() == 0) return nullptr;
    return time.count();
}

Json named(std::string_view name, std::string_view text) {
    if (name.empty() && text.empty()) return nullptr;
    auto out = Json::object();
    out["name"] = name;
    out["text"] = text;
    return out;
}

Json account_fields(AccountSpec const& account) {
    auto out = Json::object();
    auto const add = [&out](std::string const& key, auto const& value) { out[key] = value; };
    for (auto const& [key, value] : to_dict(account)) {
        std::visit([&](auto const& held) { add(key, held); }, value);
    }
    return out;
}

/// What is at work, e.g. `copying "INBOX"`, or only the phase.
std::string activity(JobView const& job, TextStyle const& style) {
    if (job.phase == Phase::copying && !job.progress.current_folder.empty()) {
        return message(Message::ctl_copying, style.language, {printable(job.progress.current_folder, 128)});
    }
    return std::string(to_string(job.phase));
}

void add_part(std::string& out, std::string const& part) {
    if (part.empty()) return;
    if (!out.empty()) out += ", ";
    out += part;
}

Color color_of(JobView const& job) {
    switch (state_of(job.phase)) {
        case JobState::not_started: return Color::none;
        case JobState::in_progress: return job.phase == Phase::waiting ? Color::yellow : Color::blue;
        case JobState::finished: return Color::green;
        case JobState::error: return Color::red;
    }
    return Color::none;
}

/// In milliseconds; below ten of them in tenths.
std::string round_trip_text(std::chrono::microseconds time) {
    if (time.count() == 0) return "?";
    auto const tenths = std::max<std::int64_t>((time.count() + 50) / 100, 1);
    if (tenths >= 100 || tenths % 10 == 0) return std::to_string((tenths + 5) / 10);
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

/// What the bound of a job means to the person who waits for it.
std::string bound_sentence(Bound bound, std::string const& language) {
    switch (bound) {
        case Bound::unknown: return {};
        case Bound::source: return message(Message::bound_source, language);
        case Bound::destination: return message(Message::bound_destination, language);
        case Bound::line: return message(Message::bound_line, language);
        case Bound::limit: return message(Message::bound_limit, language);
        case Bound::us: return message(Message::bound_us, language);
    }
    return {};
}

}  // namespace

TextStyle text_style(Style const& style, Terminal const& terminal) {
    return {style.language, style.zone, terminal.wall_now()};
}

std::string state_sentence(JobState state, TextStyle const& style) {
    return message(sentence_of(state), style.language);
}

std::string wait_sentence(JobView const& job, TextStyle const& style) {
    auto const time =
        short_time(job.phase == Phase::scheduled && job.waiting_until == WallTime{} ? job.spec.not_before
                                                                                    : job.waiting_until,
                   style.now, style.zone);
    if (job.phase == Phase::scheduled) return message(Message::ctl_scheduled, style.language, {time});
    if (job.phase == Phase::held) return message(Message::wait_held, style.language);
    if (job.phase != Phase::waiting) return {};
    auto const why =
        job.wait_text.empty() ? reason_sentence(job.wait_reason, style.language) : printable(job.wait_text);
    if (time.empty()) return message(Message::ctl_waiting, style.language, {why});
    return message(Message::ctl_waiting_until, style.language, {time, why});
}

std::string note(JobView const& job, TextStyle const& style) {
    auto wait = wait_sentence(job, style);
    if (!wait.empty()) return wait;
    if (state_of(job.phase) == JobState::error && job.error) return error_text(*job.error);
    if (job.progress.messages_skipped == 0) return {};
    return message(Message::ctl_skipped, style.language,
                   {number(job.progress.messages_skipped), to_string(job.id)});
}

std::string progress_sentence(JobView const& job, TextStyle const& style) {
    auto const& progress = job.progress;
    auto out = activity(job, style);
    if (progress.messages_total > 0) {
        add_part(out, message(Message::ctl_messages, style.language,
                              {number(progress.messages_done), number(progress.messages_total)}));
    }
    if (progress.bytes_total > 0) {
        add_part(out, message(Message::ctl_bytes, style.language,
                              {human_bytes(progress.bytes_done), human_bytes(progress.bytes_total)}));
    }
    if (holds_slot(job.phase) && progress.bytes_per_second > 0) {
        add_part(out, message(Message::ctl_rate, style.language, {human_bytes(progress.bytes_per_second)}));
        if (progress.estimated_end != WallTime{}) {
            add_part(out, message(Message::ctl_ends_at, style.language,
                                  {short_time(progress.estimated_end, style.now, style.zone)}));
        }
    }
    add_part(out, pace_sentence(job, style));
    return out;
}

std::string pace_sentence(JobView const& job, TextStyle const& style) {
    auto const& progress = job.progress;
    std::string out;
    if (!holds_slot(job.phase)) return out;
    if (progress.lanes > 0) {
        auto const words = progress.lanes == 1 ? Message::ctl_lane : Message::ctl_lanes;
        add_part(out, message(words, style.language, {number(progress.lanes)}));
    }
    if (progress.source_round_trip.count() > 0 || progress.destination_round_trip.count() > 0) {
        add_part(out, message(Message::ctl_round_trips, style.language,
                              {round_trip_text(progress.source_round_trip),
                               round_trip_text(progress.destination_round_trip)}));
    }
    if (progress.bound != Bound::unknown)
        add_part(out, message(Message::ctl_bound, style.language, {to_string(progress.bound)}));
    return out;
}

std::string route(JobView const& job) {
    return address_of(job.spec.source) + " → " + address_of(job.spec.destination);
}

std::string error_text(Error const& error) {
    auto const text = printable_lines(to_string(error));
    if (!error.side) return text;
    auto const prefix = std::string(to_string(*error.side)) + ": ";
    return text.starts_with(prefix) ? text : prefix + text;
}

std::string status_text(JobView const& job, TextStyle const& text, Style const& style) {
    auto const state = state_of(job.phase);
    auto out = colored("job " + to_string(job.id), Color::bold, style) + "  " + route(job);
    if (!job.spec.label.empty()) out += "  (" + printable(job.spec.label, 128) + ")";
    out +=
        "\n  " + colored(to_string(state), color_of(job), style) + ": " + state_sentence(state, text) + "\n";
    out += "  " + progress_sentence(job, text) + "\n";
    auto const bound = bound_sentence(job.progress.bound, text.language);
    if (holds_slot(job.phase) && !bound.empty()) out += "  " + bound + "\n";
    if (auto const why = note(job, text); !why.empty()) out += "  " + why + "\n";
    if (style.verbose) {
        auto const time = [&](WallTime when) {
            auto shown = full_time(when, text.zone);
            return shown.empty() ? std::string("-") : shown;
        };
        out += "  " +
               message(Message::ctl_times, text.language,
                       {time(job.created), time(job.started), time(job.ended), number(job.attempt)}) +
               "\n";
        out += "  " + printable(to_string(job.spec.source)) + " → " +
               printable(to_string(job.spec.destination)) + "\n";
        if (job.error && state != JobState::error) out += "  " + error_text(*job.error) + "\n";
    }
    return out;
}

std::string progress_bar(JobView const& job, TextStyle const& style, std::size_t columns) {
    constexpr std::size_t bar_columns = 24;
    auto const& progress = job.progress;
    auto const share = job.phase == Phase::complete ? 1000 : per_mille(progress);
    auto const filled = static_cast<std::size_t>(share) * bar_columns / 1000;
    auto const percent = number(share / 10);
    auto out = "[" + std::string(filled, '#') + std::string(bar_columns - filled, '-') + "] " +
               std::string(3 - std::min<std::size_t>(3, percent.size()), ' ') + percent + "%";
    out += "  " + number(progress.messages_done) + "/" + number(progress.messages_total);
    out += "  " + human_bytes(progress.bytes_done) + "/" + human_bytes(progress.bytes_total);
    if (holds_slot(job.phase) && progress.bytes_per_second > 0) {
        out += "  " + message(Message::ctl_rate, style.language, {human_bytes(progress.bytes_per_second)});
        if (progress.estimated_end != WallTime{}) {
            out += "  " + message(Message::ctl_ends_at, style.language,
                                  {short_time(progress.estimated_end, style.now, style.zone)});
        }
    }
    auto const why = note(job, style);
    out += "  " + (why.empty() ? activity(job, style) : why);
    return display_width(out) <= columns ? out : fitted(out, columns);
}

Json job_fields(JobView const& job, std::string_view language) {
    auto const state = state_of(job.phase);
    auto const& progress = job.progress;
    Json out = Json::object();
    out["id"] = job.id.value();
    out["batch"] = nullptr;
    out["owner"] = job.owner_uid;
    out["label"] = job.spec.label;
    out["language"] = job.spec.language;
    out["source"] = account_fields(job.spec.source);
    out["destination"] = account_fields(job.spec.destination);
    out["state"] = to_string(state);
    out["state_text"] = message(sentence_of(state), language);
    out["phase"] = to_string(job.phase);
    out["reason"] = named(to_string(job.wait_reason), job.wait_text);
    out["waiting_until"] = time_or_null(job.waiting_until);
    out["attempt"] = job.attempt;
    out["created"] = time_or_null(job.created);
    out["started"] = time_or_null(job.started);
    out["ended"] = time_or_null(job.ended);
    out["last_activity"] = time_or_null(job.last_activity);
    out["folders_total"] = progress.folders_total;
    out["folders_done"] = progress.folders_done;
    out["messages_total"] = progress.messages_total;
    out["messages_done"] = progress.messages_done;
    out["messages_skipped"] = progress.messages_skipped;
    out["bytes_total"] = progress.bytes_total;
    out["bytes_done"] = progress.bytes_done;
    out["bytes_per_second"] = progress.bytes_per_second;
    out["estimated_end"] = time_or_null(progress.estimated_end);
    out["current_folder"] = progress.current_folder;
    out["lanes"] = progress.lanes;
    out["source_round_trip"] = number_or_null(progress.source_round_trip);
    out["destination_round_trip"] = number_or_null(progress.destination_round_trip);
    out["bound"] = progress.bound == Bound::unknown ? Json(nullptr) : Json(to_string(progress.bound));
    out["error"] = job.error ? named(info(job.error->code).name, error_text(*job.error)) : Json(nullptr);
    return out;
}

Json count_fields(std::map<JobState, std::uint32_t> const& jobs_by_state) {
    auto out = Json::object();
    for (auto const state :
         {JobState::not_started, JobState::in_progress, JobState::finished, JobState::error}) {
        auto const found = jobs_by_state.find(state);
        out[std::string(to_string(state))] = found == jobs_by_state.end() ? 0 : found->second;
    }
    return out;
}

Records job_records(std::vector<JobView> const& jobs, TextStyle const& style) {
    Records records{.plural = "jobs", .singular = "job", .columns = {}, .preferred = 8, .rows = {}};
    records.columns = {{"id", Kind::number},
                       {"state", Kind::state},
                       {"phase"},
                       {"source"},
                       {"destination"},
                       {"messages", Kind::number},
                       {"size", Kind::number},
                       {"note"},
                       {"label"},
                       {"state_text"},
                       {"reason"},
                       {"waiting_until", Kind::time},
                       {"attempt", Kind::number},
                       {"created", Kind::time},
                       {"started", Kind::time},
                       {"ended", Kind::time},
                       {"last_activity", Kind::time},
                       {"folders_total", Kind::number},
                       {"folders_done", Kind::number},
                       {"messages_total", Kind::number},
                       {"messages_done", Kind::number},
                       {"messages_skipped", Kind::number},
                       {"bytes_total", Kind::bytes},
                       {"bytes_done", Kind::bytes},
                       {"bytes_per_second", Kind::rate},
                       {"estimated_end", Kind::time},
                       {"current_folder"},
                       {"lanes", Kind::number},
                       {"source_round_trip", Kind::number},
                       {"destination_round_trip", Kind::number},
                       {"bound"},
                       {"error"},
                       {"language"},
                       {"owner", Kind::number},
                       {"batch"}};
    for (auto const& job : jobs) {
        auto const& progress = job.progress;
        Record record{.fields = job_fields(job, style.language)};
        record.cells["messages"] = number(progress.messages_done) + "/" + number(progress.messages_total);
        record.cells["size"] = human_bytes(progress.bytes_done) + "/" + human_bytes(progress.bytes_total);
        record.cells["note"] = note(job, style);
        records.rows.push_back(std::move(record));
    }
    return records;
}

bool has_ended(JobView const& job) {
    auto const state = state_of(job.phase);
    return state == JobState::finished || state == JobState::error;
}

bool is_parked(JobView const& job) {
    constexpr std::array reasons = {WaitReason::credentials, WaitReason::quota, WaitReason::host};
    return job.phase == Phase::waiting && std::ranges::find(reasons, job.wait_reason) != reasons.end();
}

int exit_status_of(JobView const& job) {
    if (job.phase == Phase::complete_with_exceptions) return exit_status::with_exceptions;
    if (state_of(job.phase) == JobState::error) return exit_status::job_failed;
    if (!is_parked(job)) return exit_status::done;
    if (job.wait_reason != WaitReason::credentials) return exit_status::temporary;
    bool const destination = job.error && job.error->side == Side::destination;
    return destination ? exit_status::destination_refused : exit_status::source_refused;
}

}  // namespace imapcopy::ctl
