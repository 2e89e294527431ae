#include "common/text.hpp"
#include "ctl/call.hpp"
#include "ctl/exit_status.hpp"
#include "ctl/output.hpp"
#include "ctl/secret_pair.hpp"

namespace imapcopy::ctl {
namespace {

Records difference_records(VerificationView const& view, JobId id) {
    Records records{
        .plural = "differences", .singular = "difference", .columns = {}, .preferred = 5, .rows = {}};
    records.columns = {{"kind"},
                       {"folder"},
                       {"source_uid", Kind::number},
                       {"destination_uid", Kind::number},
                       {"text"},
                       {"destination"},
                       {"explained"},
                       {"job", Kind::number}};
    for (auto const& row : view.listed) {
        Record record{.fields = Json::object()};
        record.fields["job"] = id.value();
        record.fields["kind"] = row.kind;
        record.fields["explained"] = row.explained;
        record.fields["folder"] = row.folder;
        record.fields["destination"] = row.destination;
        record.fields["source_uid"] = row.source_uid;
        record.fields["destination_uid"] = row.destination_uid;
        record.fields["text"] = row.text;
        if (row.source_uid == 0) record.cells["source_uid"] = "-";
        if (row.destination_uid == 0) record.cells["destination_uid"] = "-";
        records.rows.push_back(std::move(record));
    }
    return records;
}

Json document(VerificationView const& view, Records const& differences, JobId id) {
    auto out = Json::object();
    out["job"] = id.value();
    out["level"] = view.level;
    out["folders"] = view.folders;
    out["messages"] = view.messages;
    out["differences"] = view.differences;
    out["explained"] = view.explained;
    out["totals"] = Json::object();
    for (auto const& total : view.totals) out["totals"][total.kind] = total.count;
    out["listed"] = Json::array();
    for (auto const& record : differences.rows) out["listed"].push_back(record.fields);
    return out;
}

std::string totals_text(VerificationView const& view) {
    std::string text;
    for (auto const& total : view.totals)
        text += (text.empty() ? "" : ", ") + printable(total.kind) + " " + std::to_string(total.count);
    return text;
}

void show(Call const& call, VerificationView const& view, JobId id) {
    auto const records = difference_records(view, id);
    if (is_json(call.style())) {
        print_document(call.terminal, call.style(), "verification", document(view, records, id));
        return;
    }
    bool const for_people = call.style().format == Format::table;
    if (!for_people || !records.rows.empty()) print(call.terminal, call.style(), records);
    if (!for_people || call.style().quiet) return;
    call.terminal.out(
        call.say(Message::ctl_verified,
                 {to_string(id), std::to_string(view.messages), std::to_string(view.folders),
                  printable(view.level), std::to_string(view.differences), std::to_string(view.explained)}) +
        "\n");
    if (!view.totals.empty()) call.terminal.out(totals_text(view) + "\n");
    if (view.listed.size() < view.differences + view.explained)
        call.terminal.out(call.say(Message::ctl_verified_more) + "\n");
}

}  // namespace

int verify_command(Call const& call) {
    auto const id = numbered_jobs(call).front();
    VerificationView view;
    with_secrets(call, id, given_secrets(call.arguments), [&](SecretPair const& secrets) {
        view = call.client.verify(id, call.arguments.level, secrets.source, secrets.destination);
    });
    show(call, view, id);
    return view.differences == 0 ? exit_status::done : exit_status::differences;
}

}  // namespace imapcopy::ctl
