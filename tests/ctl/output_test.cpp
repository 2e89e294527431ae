#include "ctl/output.hpp"

#include <gtest/gtest.h>

#include "common/result.hpp"
#include "tests/ctl/fakes.hpp"

namespace imapcopy::ctl {
namespace {

Records sample() {
    Records records{.plural = "things", .singular = "thing", .columns = {}, .preferred = 2, .rows = {}};
    records.columns = {{"name"}, {"size", Kind::bytes}, {"when", Kind::time}};
    records.rows.push_back(
        {.fields = Json{{"name", "é\x1b"}, {"size", 1500}, {"when", "2026-11-21T08:15:00Z"}}});
    records.rows.push_back({.fields = Json{{"name", "longer"}, {"size", 2}, {"when", nullptr}}});
    return records;
}

std::string printed(Style style) {
    style.zone = Zone::utc;
    test::FakeTerminal terminal;
    print(terminal, style, sample());
    return terminal.output;
}

TEST(Print, TableAlignsAndEscapes) {
    EXPECT_EQ(printed({}), "NAME      SIZE\né\\x1b   1.5 kB\nlonger     2 B\n");
    EXPECT_EQ(printed({.fields = {"when"}, .legend = false}), "2026-11-21 08:15:00\n-\n");
}

TEST(Print, LongFormHasEveryField) {
    EXPECT_EQ(printed({.format = Format::long_form}),
              "name: é\\x1b\nsize: 1.5 kB\nwhen: 2026-11-21 08:15:00\n\nname: longer\nsize: 2 B\nwhen: -\n");
}

TEST(Print, CsvAndJsonHavePlainValues) {
    EXPECT_EQ(printed({.format = Format::csv}),
              "name,size,when\r\né\\x1b,1500,2026-11-21T08:15:00Z\r\nlonger,2,\r\n");
    EXPECT_EQ(printed({.format = Format::jsonl, .fields = {"name"}}),
              "{\"type\":\"thing\",\"name\":\"\\u00e9\\u001b\"}\n{\"type\":\"thing\",\"name\":\"longer\"}\n");
    EXPECT_EQ(Json::parse(printed({.format = Format::json}))["things"][0]["size"], 1500);
}

TEST(Print, UnknownFieldsAreAMistake) {
    EXPECT_THROW(printed({.fields = {"colour"}}), Failure);
}

TEST(Print, SurvivesTextThatIsNotUtf8) {
    test::FakeTerminal terminal;
    print_document(terminal, {.format = Format::json}, "x", Json{{"a", "\xff"}});
    EXPECT_EQ(Json::parse(terminal.output)["a"], "\xef\xbf\xbd");
}

TEST(PrintableLines, KeepsLinesAndEscapesTheRest) {
    EXPECT_EQ(printable_lines("a\r\nb\x1b\n"), "a\nb\\x1b\n");
    EXPECT_EQ(printable_lines("a\n\nb"), "a\n\nb");
    EXPECT_EQ(printable_lines(""), "");
}

TEST(Fitted, CountsCodePoints) {
    EXPECT_EQ(fitted("äöü", 5), "äöü  ");
    EXPECT_EQ(fitted("äöüß", 3), "äö…");
    EXPECT_EQ(fitted("abc", 0), "");
}

}  // namespace
}  // namespace imapcopy::ctl
