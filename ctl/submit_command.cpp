#include "common/text.hpp"
#include "ctl/accounts.hpp"
#include "ctl/call.hpp"
#include "ctl/caught.hpp"
#include "ctl/exit_status.hpp"
#include "ctl/follow.hpp"
#include "ctl/local_time.hpp"
#include "ctl/submit_form.hpp"

namespace imapcopy::ctl {
namespace {

/// Everything that Submit and Plan need.
struct Order {
    JobSpec spec;
    Secret source;
    Secret destination;
};

JobSpec spec_of(Call const& call) {
    auto spec = call.arguments.options;
    if (!call.arguments.start_time.empty()) {
        auto const now = call.terminal.wall_now();
        spec.not_before = parse_start_time(call.arguments.start_time, now, call.style().zone).value();
    }
    (void)job_from_options(options_to_dict(spec))
        .value();  // Says what the daemon would refuse, before any login.
    return spec;
}

/// From the arguments: secrets are asked for, source first.
Order order_by_arguments(Call const& call) {
    auto const requests = account_requests(call.arguments).value();
    Order order{.spec = spec_of(call), .source = {}, .destination = {}};
    order.spec.source = requests.source.account;
    order.spec.destination = requests.destination.account;
    order.source = obtain_secret(requests.source, Side::source, call.arguments, call.terminal);
    order.destination = obtain_secret(requests.destination, Side::destination, call.arguments, call.terminal);
    return order;
}

std::optional<Order> order_by_form(Call const& call) {
    if (!call.terminal.can_ask() || !call.arguments.ask_password) {
        throw Failure(ErrorCode::invalid_argument, call.say(Message::ctl_two_accounts));
    }
    auto spec = spec_of(call);
    auto form = ask_form(call);
    if (!form) return std::nullopt;
    spec.source = form->source;
    spec.destination = form->destination;
    return Order{std::move(spec), std::move(form->source_secret), std::move(form->destination_secret)};
}

Records folder_records(PlanView const& plan, Call const& call) {
    Records records{.plural = "folders", .singular = "folder", .columns = {}, .preferred = 6, .rows = {}};
    records.columns = {{"source"},
                       {"destination"},
                       {"create"},
                       {"messages", Kind::number},
                       {"to_copy", Kind::number},
                       {"bytes", Kind::bytes},
                       {"code"},
                       {"text"}};
    for (auto const& folder : plan.folders) {
        Record record{.fields = Json::object()};
        record.fields["source"] = folder.source;
        record.fields["destination"] = folder.destination;
        record.fields["create"] = folder.create;
        record.fields["messages"] = folder.messages;
        record.fields["to_copy"] = folder.to_copy;
        record.fields["bytes"] = folder.bytes;
        record.cells["create"] = folder.create ? call.say(Message::ctl_plan_create) : "-";
        records.rows.push_back(std::move(record));
    }
    return records;
}

/// For the formats that have room for nothing but rows: what stays behind is a row with its code and text.
void add_exceptions(Records& records, PlanView const& plan) {
    for (auto const& exception : plan.exceptions) {
        Record record{.fields = Json::object()};
        record.fields["source"] = exception.folder;
        record.fields["code"] = exception.code;
        record.fields["text"] = exception.text;
        records.rows.push_back(std::move(record));
    }
}

struct PlanTotals {
    std::uint64_t messages = 0;
    std::uint64_t to_copy = 0;
    std::uint64_t bytes = 0;
};

PlanTotals totals_of(PlanView const& plan) {
    PlanTotals totals;
    for (auto const& folder : plan.folders) {
        totals.messages += folder.messages;
        totals.to_copy += folder.to_copy;
        totals.bytes += folder.bytes;
    }
    return totals;
}

Json plan_fields(PlanView const& plan, Records const& folders) {
    auto const totals = totals_of(plan);
    auto out = Json::object();
    out["source"] = plan.source.address;
    out["destination"] = plan.destination.address;
    out["messages"] = totals.messages;
    out["to_copy"] = totals.to_copy;
    out["bytes"] = totals.bytes;
    out["folders"] = Json::array();
    for (auto const& record : folders.rows) out["folders"].push_back(record.fields);
    out["exceptions"] = Json::array();
    for (auto const& exception : plan.exceptions) {
        out["exceptions"].push_back(
            Json{{"folder", exception.folder}, {"code", exception.code}, {"text", exception.text}});
    }
    return out;
}

int show_plan(Call const& call, Order const& order) {
    auto const plan = call.client.plan(order.spec, order.source, order.destination);
    auto records = folder_records(plan, call);
    if (is_json(call.style())) {
        print_document(call.terminal, call.style(), "plan", plan_fields(plan, records));
        return exit_status::done;
    }
    bool const for_people = call.style().format == Format::table;
    if (!for_people) add_exceptions(records, plan);
    print(call.terminal, call.style(), records);
    if (!for_people) return exit_status::done;
    auto const totals = totals_of(plan);
    auto const folders = std::to_string(plan.folders.size());
    auto const messages = std::to_string(totals.to_copy);
    call.terminal.out(call.say(Message::ctl_plan_total, {folders, messages, human_bytes(totals.bytes)}) +
                      "\n");
    for (auto const& exception : plan.exceptions) {
        call.terminal.out(
            call.say(Message::ctl_plan_exception, {printable(exception.folder), printable(exception.text)}) +
            "\n");
    }
    return exit_status::done;
}

std::string path_of(JobId id) {
    return "/org/imapcopyd1/job/" + to_string(id);
}

Json created_fields(JobId id) {
    auto fields = Json::object();
    fields["id"] = id.value();
    fields["path"] = path_of(id);
    return fields;
}

void show_created(Call const& call, JobId id) {
    if (is_json(call.style())) {
        print_document(call.terminal, call.style(), "created", created_fields(id));
    } else if (call.style().quiet) {
        call.terminal.out(to_string(id) + "\n");
    } else {
        call.terminal.out(call.say(Message::ctl_created, {to_string(id), path_of(id)}) + "\n");
    }
}

/// What became of the job, in the one document or for people; as JSON Lines it was told already.
void show_end(Call const& call, JobId id, Followed const& followed) {
    auto const job = followed.jobs.find(id);
    bool const is_known = job != followed.jobs.end();
    if (call.style().format == Format::json) {
        auto fields = created_fields(id);
        if (is_known) fields.update(job_fields(job->second, call.style().language));
        print_document(call.terminal, call.style(), "created", fields);
        return;
    }
    if (!is_known || followed.status == exit_status::detached) return;
    if (is_json(call.style()) || call.style().quiet) return;
    call.terminal.out(status_text(job->second, text_style(call.style(), call.terminal), call.style()));
}

int submit(Call const& call, Order const& order) {
    auto const id = call.client.submit(order.spec, order.source, order.destination);
    bool const waits = call.arguments.wait.wanted;
    if (!waits || call.style().format != Format::json) show_created(call, id);
    if (!waits) return exit_status::done;
    FollowOptions options;
    options.jobs = {id};
    options.until_parked = true;
    options.limit = call.arguments.wait.limit;
    Followed followed;
    auto const error =
        caught([&] { followed = follow_jobs(options, call.style(), call.client, call.terminal); });
    show_end(call, id, followed);  // Whatever became of the waiting, there is a job, and this is its number.
    if (error) throw Failure(*error);
    return followed.status;
}

}  // namespace

int plan_command(Call const& call) {
    return show_plan(call, order_by_arguments(call));
}

int submit_command(Call const& call) {
    auto const& arguments = call.arguments;
    bool const asks = !arguments.source.names_account() && !arguments.destination.names_account();
    auto const order = asks ? order_by_form(call) : order_by_arguments(call);
    if (!order) {
        call.terminal.err(call.say(Message::ctl_form_dropped) + "\n");
        return exit_status::detached;
    }
    if (arguments.dry_run) return show_plan(call, *order);
    if (arguments.test_first && !asks) {
        call.client.begin_test(order->spec.source, Side::source, order->source);
        call.client.begin_test(order->spec.destination, Side::destination, order->destination);
        (void)finished_test(call, order->spec.source, Side::source);
        (void)finished_test(call, order->spec.destination, Side::destination);
    }
    return submit(call, *order);
}

}  // namespace imapcopy::ctl
