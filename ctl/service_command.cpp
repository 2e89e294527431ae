#include <algorithm>

#include "common/text.hpp"
#include "ctl/call.hpp"
#include "ctl/exit_status.hpp"

namespace imapcopy::ctl {
namespace {

Json provider_fields(Dict const& provider) {
    auto out = Json::object();
    for (auto const* const key : {"id", "name", "domains", "host", "host_hint", "port", "tls", "login",
                                  "auth", "source", "destination", "retired", "note"}) {
        auto const found = provider.find(key);
        if (found == provider.end()) continue;
        std::visit([&](auto const& held) { out[key] = held; }, found->second);
    }
    return out;
}

Records provider_records(std::vector<Dict> const& providers) {
    Records records{.plural = "providers", .singular = "provider", .columns = {}, .preferred = 7, .rows = {}};
    records.columns = {{"id"},   {"name"},    {"host"},        {"login"},
                       {"auth"}, {"source"},  {"destination"}, {"port", Kind::number},
                       {"tls"},  {"domains"}, {"host_hint"},   {"retired"},
                       {"note"}};
    for (auto const& provider : providers) records.rows.push_back({.fields = provider_fields(provider)});
    return records;
}

/// One provider: every field, a line each, unless another format is asked for.
void show_provider(Call const& call, Dict const& provider) {
    auto style = call.style();
    if (style.format == Format::table && style.fields.empty()) style.format = Format::long_form;
    print(call.terminal, style, provider_records({provider}));
}

bool has_id(Dict const& provider, std::string const& id) {
    auto const found = provider.find("id");
    return found != provider.end() && found->second == Value(id);
}

Dict provider_by_id(Call const& call, std::string const& id) {
    auto const all = call.client.list_providers("", call.style().language);
    auto const found = std::ranges::find_if(all, [&](Dict const& provider) { return has_id(provider, id); });
    if (found != all.end()) return *found;
    throw Failure(ErrorCode::unknown_provider, call.say(Message::ctl_no_provider, {printable(id, 64)}));
}

std::uint32_t count_of(StatusView const& status, JobState state) {
    auto const found = status.jobs_by_state.find(state);
    return found == status.jobs_by_state.end() ? 0 : found->second;
}

void show_status(Call const& call) {
    auto const status = call.client.status();
    auto const count = [&](JobState state) { return std::to_string(count_of(status, state)); };
    if (call.style().format == Format::table && call.style().fields.empty()) {
        call.terminal.out(
            call.say(Message::ctl_daemon_line,
                     {printable(status.version), printable(status.state), std::to_string(status.workers_busy),
                      human_bytes(status.bytes_per_second)}) +
            "\n" +
            call.say(Message::ctl_daemon_jobs, {count(JobState::not_started), count(JobState::in_progress),
                                                count(JobState::finished), count(JobState::error)}) +
            "\n");
        return;
    }
    auto fields = Json::object();
    fields["version"] = status.version;
    fields["state"] = status.state;
    fields["jobs_by_state"] = count_fields(status.jobs_by_state);
    fields["workers_busy"] = status.workers_busy;
    fields["bytes_per_second"] = status.bytes_per_second;
    if (is_json(call.style())) return print_document(call.terminal, call.style(), "daemon", fields);
    Records records{.plural = "daemons", .singular = "daemon", .columns = {}, .preferred = 4, .rows = {}};
    records.columns = {
        {"version"}, {"state"}, {"workers_busy", Kind::number}, {"bytes_per_second", Kind::rate}};
    records.rows.push_back({.fields = fields});
    print(call.terminal, call.style(), records);
}

/// Says what was done: `id` to people, `type` and that it was done to programs.
void done(Call const& call, Message id, std::string_view type) {
    if (is_json(call.style())) {
        print_document(call.terminal, call.style(), type, Json{{"done", true}});
    } else if (!call.style().quiet) {
        call.terminal.out(call.say(id) + "\n");
    }
}

bool is_retired(Dict const& provider) {
    auto const found = provider.find("retired");
    return found != provider.end() && found->second == Value(true);
}

}  // namespace

int provider_command(Call const& call) {
    auto const& arguments = call.arguments;
    if (arguments.verb == Verb::provider_show) {
        show_provider(call, provider_by_id(call, ascii_lower(arguments.provider)));
    } else if (arguments.verb == Verb::provider_detect) {
        show_provider(call, call.client.detect_provider(arguments.provider));
    } else {
        auto const side = arguments.side ? to_string(*arguments.side) : std::string_view();
        auto all = call.client.list_providers(side, call.style().language);
        std::erase_if(all, is_retired);
        print(call.terminal, call.style(), provider_records(all));
    }
    return exit_status::done;
}

int daemon_command(Call const& call) {
    auto const verb = call.arguments.verb;
    if (verb == Verb::daemon_reload) {
        call.client.reload();
        done(call, Message::ctl_reloaded, "reloaded");
    } else if (verb == Verb::daemon_hold) {
        call.client.hold_all();
        done(call, Message::ctl_all_held, "held");
    } else if (verb == Verb::daemon_release) {
        call.client.release_all();
        done(call, Message::ctl_all_released, "released");
    } else {
        show_status(call);
    }
    return exit_status::done;
}

}  // namespace imapcopy::ctl
