#include "ctl/output.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "common/text.hpp"
#include "ctl/local_time.hpp"

namespace imapcopy::ctl {
namespace {

constexpr std::string_view schema = "imapcopyctl/1";
/// A cell may be long, a flood may not.
constexpr std::size_t cell_bytes_max = 4096;

/// ASCII only: what a terminal would obey (C1, bidirectional marks) stays an escape, and nothing is lost.
std::string dumped(Json const& json, int indent) {
    return json.dump(indent, ' ', true, Json::error_handler_t::replace) + "\n";
}

/// An account is shown by its address, a reason by its sentence.
std::string object_text(Json const& object) {
    for (auto const* const key : {"address", "login", "text", "name"}) {
        auto const found = object.find(key);
        if (found == object.end() || !found->is_string()) continue;
        auto const text = found->get<std::string>();
        if (!text.empty()) return text;
    }
    return {};
}

/// The value as plain text, for CSV and as a start for people.
std::string plain(Json const& value) {
    if (value.is_null()) return {};
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (value.is_object()) return object_text(value);
    if (!value.is_array()) return value.dump();
    std::string out;
    for (auto const& element : value) out += (out.empty() ? "" : " ") + plain(element);
    return out;
}

std::string time_cell(Json const& value, Style const& style) {
    auto const time = value.is_string() ? parse_rfc3339(value.get<std::string>()) : std::nullopt;
    return time ? full_time(*time, style.zone) : "";
}

std::string human_cell(Json const& value, Kind kind, Style const& style) {
    switch (kind) {
        case Kind::text:
        case Kind::number:
        case Kind::state: return plain(value);
        case Kind::bytes: return value.is_number() ? human_bytes(value.get<std::uint64_t>()) : "";
        case Kind::rate: return value.is_number() ? human_bytes(value.get<std::uint64_t>()) + "/s" : "";
        case Kind::time: return time_cell(value, style);
    }
    return {};
}

Json const* field(Record const& record, std::string const& name) {
    auto const found = record.fields.find(name);
    return found == record.fields.end() ? nullptr : &*found;
}

std::string cell(Record const& record, Column const& column, Style const& style) {
    if (auto const found = record.cells.find(column.name); found != record.cells.end()) return found->second;
    auto const* const value = field(record, column.name);
    auto text = value == nullptr ? std::string() : human_cell(*value, column.kind, style);
    return text.empty() ? "-" : printable(text, cell_bytes_max);
}

Color color_of(Record const& record) {
    auto const* const state = field(record, "state");
    auto const* const phase = field(record, "phase");
    if (state == nullptr) return Color::none;
    if (*state == "finished") return Color::green;
    if (*state == "error") return Color::red;
    if (phase != nullptr && *phase == "waiting") return Color::yellow;
    return *state == "in progress" ? Color::blue : Color::none;
}

std::string heading(Column const& column) {
    std::string out;
    for (char const c : column.name) out += c == '_' ? ' ' : ascii_upper(c);
    return out;
}

bool aligns_right(Kind kind) {
    return kind == Kind::number || kind == Kind::bytes || kind == Kind::rate;
}

std::string table(Records const& records, std::vector<Column> const& columns, Style const& style) {
    std::vector<std::vector<std::string>> cells;
    std::vector<std::size_t> widths(columns.size(), 0);
    auto const take = [&](std::vector<std::string> row) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
        cells.push_back(std::move(row));
    };
    std::vector<std::string> headings;
    for (auto const& column : columns) headings.push_back(style.legend ? heading(column) : "");
    take(std::move(headings));
    for (auto const& record : records.rows) {
        std::vector<std::string> row;
        for (auto const& column : columns) row.push_back(cell(record, column, style));
        take(std::move(row));
    }
    std::string out;
    for (std::size_t r = style.legend ? 0 : 1; r < cells.size(); ++r) {
        std::string line;
        for (std::size_t i = 0; i < columns.size(); ++i) {
            auto const blanks = std::string(widths[i] - display_width(cells[r][i]), ' ');
            auto const last = i + 1 == columns.size();
            auto text =
                aligns_right(columns[i].kind) ? blanks + cells[r][i] : cells[r][i] + (last ? "" : blanks);
            if (r == 0) text = colored(text, Color::bold, style);
            if (r > 0 && columns[i].kind == Kind::state)
                text = colored(text, color_of(records.rows[r - 1]), style);
            line += text + (last ? "" : "  ");
        }
        out += line + "\n";
    }
    return out;
}

/// A line per field, a blank line between records.
std::string long_form(Records const& records, std::vector<Column> const& columns, Style const& style) {
    std::size_t width = 0;
    for (auto const& column : columns) width = std::max(width, column.name.size() + 2);
    std::string out;
    for (auto const& record : records.rows) {
        if (!out.empty()) out += "\n";
        for (auto const& column : columns) {
            auto const name = column.name + ":";
            out += name + std::string(width - name.size(), ' ') + cell(record, column, style) + "\n";
        }
    }
    return out;
}

/// RFC 4180.
std::string csv_quoted(std::string const& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string out = "\"";
    for (char const c : text) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + "\"";
}

std::string csv(Records const& records, std::vector<Column> const& columns, Style const& style) {
    std::string out;
    auto const add_line = [&](auto const& text_of) {
        for (std::size_t i = 0; i < columns.size(); ++i)
            out += (i == 0 ? "" : ",") + csv_quoted(text_of(columns[i]));
        out += "\r\n";
    };
    if (style.legend) add_line([](Column const& column) { return column.name; });
    for (auto const& record : records.rows) {
        add_line([&](Column const& column) {
            auto const* const value = field(record, column.name);
            if (value != nullptr) return printable(plain(*value), cell_bytes_max);
            auto const found = record.cells.find(column.name);
            return found == record.cells.end() ? std::string() : found->second;
        });
    }
    return out;
}

Json chosen(Json const& fields, Style const& style) {
    if (style.fields.empty()) return fields;
    auto out = Json::object();
    for (auto const& name : style.fields) {
        if (auto const found = fields.find(name); found != fields.end()) out[name] = *found;
    }
    return out;
}

Json typed(std::string_view type, Json const& fields) {
    auto line = Json::object();
    line["type"] = type;
    line.update(fields);
    return line;
}

std::vector<Column> chosen_columns(Records const& records, Style const& style) {
    auto const& all = records.columns;
    if (style.fields.empty()) {
        if (style.format != Format::table) return all;
        return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(records.preferred)};
    }
    std::vector<Column> out;
    for (auto const& name : style.fields) {
        auto const found = std::ranges::find(all, name, &Column::name);
        if (found != all.end()) {
            out.push_back(*found);
            continue;
        }
        std::string known;
        for (auto const& column : all) known += (known.empty() ? "" : ", ") + column.name;
        throw Failure(ErrorCode::invalid_argument,
                      "unknown field \"" + printable(name, 64) + "\"; known here: " + known);
    }
    return out;
}

}  // namespace

void check_fields(Style const& style, Records const& records) {
    (void)chosen_columns(records, style);
}

void print(Terminal& terminal, Style const& style, Records const& records) {
    auto const columns = chosen_columns(records, style);
    switch (style.format) {
        case Format::table: terminal.out(table(records, columns, style)); return;
        case Format::long_form: terminal.out(long_form(records, columns, style)); return;
        case Format::csv: terminal.out(csv(records, columns, style)); return;
        case Format::jsonl:
            for (auto const& record : records.rows) {
                terminal.out(dumped(typed(records.singular, chosen(record.fields, style)), -1));
            }
            return;
        case Format::json: break;
    }
    auto document = Json::object();
    document["schema"] = schema;
    document[records.plural] = Json::array();
    for (auto const& record : records.rows) document[records.plural].push_back(chosen(record.fields, style));
    terminal.out(dumped(document, 2));
}

void print_document(Terminal& terminal, Style const& style, std::string_view type, Json const& fields) {
    if (style.format == Format::jsonl) {
        terminal.out(dumped(typed(type, chosen(fields, style)), -1));
        return;
    }
    auto document = Json::object();
    document["schema"] = schema;
    document.update(chosen(fields, style));
    terminal.out(dumped(document, 2));
}

bool is_json(Style const& style) {
    return style.format == Format::json || style.format == Format::jsonl;
}

std::string printable_lines(std::string_view text) {
    std::string out;
    bool const ends = text.ends_with('\n');
    if (ends) text.remove_suffix(1);
    for (auto const line : split(text, '\n')) {
        if (!out.empty()) out += '\n';
        out += printable(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line, cell_bytes_max);
    }
    return ends ? out + "\n" : out;
}

std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

std::string fitted(std::string_view text, std::size_t width) {
    auto const columns = display_width(text);
    if (columns <= width) return std::string(text) + std::string(width - columns, ' ');
    if (width == 0) return {};
    std::size_t end = 0;
    for (std::size_t count = 0; end < text.size(); ++end) {
        bool const starts = (static_cast<unsigned char>(text[end]) & 0xc0U) != 0x80U;
        if (starts && count++ == width - 1) break;
    }
    return std::string(text.substr(0, end)) + "…";
}

std::string colored(std::string_view text, Color color, Style const& style) {
    constexpr std::array<std::string_view, 6> codes = {"", "31", "32", "33", "34", "1"};
    if (!style.color || color == Color::none) return std::string(text);
    return "\x1b[" + std::string(codes.at(static_cast<std::size_t>(color))) + "m" + std::string(text) +
           "\x1b[0m";
}

}  // namespace imapcopy::ctl
