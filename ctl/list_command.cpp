#include "ctl/call.hpp"
#include "ctl/exit_status.hpp"
#include "ctl/follow.hpp"

namespace imapcopy::ctl {
namespace {

bool is_listed(JobView const& job, Arguments const& arguments) {
    if (arguments.state) return state_of(job.phase) == *arguments.state;
    return arguments.all || !has_ended(job);
}

std::vector<JobView> listed_jobs(Call const& call) {
    std::vector<JobView> jobs;
    for (auto& job : call.client.jobs()) {
        if (is_listed(job, call.arguments)) jobs.push_back(std::move(job));
    }
    return jobs;
}

void show_table(Call const& call, std::vector<JobView> const& jobs) {
    if (jobs.empty() && call.style().format == Format::table) {
        if (!call.style().quiet) call.terminal.out(call.say(Message::ctl_no_jobs) + "\n");
        return;
    }
    print(call.terminal, call.style(), job_records(jobs, text_style(call.style(), call.terminal)));
}

std::string_view word(Event::Kind kind) {
    switch (kind) {
        case Event::Kind::job_added: return "job_added";
        case Event::Kind::job_changed: return "job_changed";
        case Event::Kind::job_ended: return "job_ended";
        case Event::Kind::job_removed: return "job_removed";
        case Event::Kind::status_changed: return "status_changed";
        case Event::Kind::daemon_gone: return "daemon_gone";
        case Event::Kind::daemon_back: return "daemon_back";
    }
    return {};
}

Json event_fields(Event const& event, std::string_view language) {
    if (event.job) return job_fields(*event.job, language);
    auto fields = Json::object();
    if (event.id != JobId{}) fields["id"] = event.id.value();
    auto const& status = event.status;
    if (status.state) fields["state"] = *status.state;
    if (status.jobs_by_state) fields["jobs_by_state"] = count_fields(*status.jobs_by_state);
    if (status.workers_busy) fields["workers_busy"] = *status.workers_busy;
    if (status.bytes_per_second) fields["bytes_per_second"] = *status.bytes_per_second;
    return fields;
}

}  // namespace

int list_command(Call const& call) {
    show_table(call, listed_jobs(call));
    return exit_status::done;
}

int status_command(Call const& call) {
    std::vector<JobView> jobs;
    if (call.arguments.jobs.empty()) {
        jobs = listed_jobs(call);
    } else {
        for (auto const id : selected_jobs(call)) {
            if (auto job = call.client.job(id)) jobs.push_back(std::move(*job));
        }
    }
    if (call.style().format != Format::table || !call.style().fields.empty() || jobs.empty()) {
        show_table(call, jobs);
        return exit_status::done;
    }
    auto const text = text_style(call.style(), call.terminal);
    std::string out;
    for (auto const& job : jobs) out += (out.empty() ? "" : "\n") + status_text(job, text, call.style());
    call.terminal.out(out);
    return exit_status::done;
}

int watch_command(Call const& call) {
    FollowOptions options;
    options.jobs = selected_jobs(call);
    options.every_unfinished = options.jobs.empty();
    auto const text = text_style(call.style(), call.terminal);
    check_fields(call.style(), job_records({}, text));
    Followed followed;
    if (!options.every_unfinished || !listed_jobs(call).empty()) {
        followed = follow_jobs(options, call.style(), call.client, call.terminal);
    } else if (!call.style().quiet) {
        call.terminal.err(call.say(Message::ctl_no_jobs) + "\n");
    }
    if (call.style().format == Format::json) {
        std::vector<JobView> jobs;
        for (auto const& [id, job] : followed.jobs) jobs.push_back(job);
        print(call.terminal, call.style(), job_records(jobs, text));
    }
    return followed.status;
}

int monitor_command(Call const& call) {
    constexpr std::chrono::milliseconds wake_up{200};  // How long Ctrl-C may go unnoticed.
    auto style = call.style();
    style.format = Format::jsonl;
    call.terminal.catch_interrupts();
    call.client.follow();
    while (!call.terminal.interrupted()) {
        for (auto const& event : call.client.wait_for_change(wake_up)) {
            print_document(call.terminal, style, word(event.kind), event_fields(event, style.language));
        }
    }
    return exit_status::detached;
}

}  // namespace imapcopy::ctl
