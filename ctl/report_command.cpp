#include "ctl/call.hpp"
#include "ctl/exit_status.hpp"

namespace imapcopy::ctl {
namespace {

/// Most that one call answers.
constexpr std::uint32_t page = 1000;
/// A report past this is read with GetItems, page by page.
constexpr std::uint32_t items_max = 1'000'000;

Json item_fields(ItemView const& item, JobId id, std::string_view kind) {
    auto out = Json::object();
    out["job"] = id.value();
    out["kind"] = kind;
    out["folder"] = item.folder;
    out["source_uid"] = item.source_uid;
    out["code"] = item.code;
    out["size"] = item.size_bytes;
    out["text"] = item.text;
    out["destination_uid"] = item.destination_uid;
    return out;
}

void add_items(Call const& call, JobId id, std::string_view kind, Records& records) {
    for (std::uint32_t offset = 0; offset < items_max; offset += page) {
        auto const items = call.client.items(id, kind, offset, page);
        for (auto const& item : items) records.rows.push_back({.fields = item_fields(item, id, kind)});
        if (items.size() < page) return;
    }
}

/// What was not copied, for programs; with -v what was, too.
Records report_records(Call const& call, std::vector<JobId> const& ids) {
    Records records{.plural = "items", .singular = "item", .columns = {}, .preferred = 6, .rows = {}};
    records.columns = {{"job", Kind::number},
                       {"kind"},
                       {"folder"},
                       {"source_uid", Kind::number},
                       {"code"},
                       {"text"},
                       {"size", Kind::bytes},
                       {"destination_uid", Kind::number}};
    for (auto const id : ids) {
        add_items(call, id, "exceptions", records);
        add_items(call, id, "ambiguous", records);
        if (call.style().verbose) add_items(call, id, "copied", records);
    }
    return records;
}

}  // namespace

int report_command(Call const& call) {
    auto const ids = numbered_jobs(call);
    if (call.style().format != Format::table || !call.style().fields.empty()) {
        print(call.terminal, call.style(), report_records(call, ids));
        return exit_status::done;
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (i > 0) call.terminal.out("\n");
        auto text = printable_lines(call.client.report(ids[i], "text", call.style().language));
        if (!text.ends_with('\n')) text += "\n";
        call.terminal.out(text);
    }
    return exit_status::done;
}

}  // namespace imapcopy::ctl
