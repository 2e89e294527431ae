#pragma once

// Records as tables for people and as JSON, JSON Lines and CSV for programs. The only place that decides how
// a value looks.

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/arguments.hpp"
#include "ctl/terminal.hpp"

namespace imapcopy::ctl {

using Json = nlohmann::ordered_json;

/// How a table shows a field; programs see the plain value.
enum class Kind : std::uint8_t { text, number, bytes, rate, time, state };

struct Column {
    std::string name;  ///< Field of the record, or of Record::cells.
    Kind kind = Kind::text;
};

struct Record {
    Json fields;                                    ///< An object; times as RFC 3339 or null.
    std::map<std::string, std::string> cells = {};  ///< Columns that only people see, ready to print.
};

struct Records {
    std::string plural;           ///< "jobs": key of the JSON document.
    std::string singular;         ///< "job": "type" of a JSON line.
    std::vector<Column> columns;  ///< Every column, the preferred ones first.
    std::size_t preferred = 0;    ///< How many of them a table shows unasked.
    std::vector<Record> rows;
};

/// Failure(invalid_argument) for a field of `style` that is unknown.
void check_fields(Style const& style, Records const& records);
/// Prints in the format of `style`. Throws what check_fields() throws.
void print(Terminal& terminal, Style const& style, Records const& records);
/// One document: {"schema": …} and the fields; as JSON Lines with "type" in front.
void print_document(Terminal& terminal, Style const& style, std::string_view type, Json const& fields);
/// For programs: json, jsonl.
bool is_json(Style const& style);

/// `text` of another origin, line by line harmless; lines stay lines.
std::string printable_lines(std::string_view text);
/// Columns of a terminal that `text` takes, near enough: code points.
std::size_t display_width(std::string_view text);
/// `text` filled up with blanks, or cut with "…", to exactly `width` code points.
std::string fitted(std::string_view text, std::size_t width);

enum class Color : std::uint8_t { none, red, green, yellow, blue, bold };
/// `text` in `color` where the style wants colours.
std::string colored(std::string_view text, Color color, Style const& style);

}  // namespace imapcopy::ctl
