#include "common/text.hpp"

#include <gtest/gtest.h>

#include <array>

namespace imapcopy {
namespace {

struct Pair {
    std::string_view in;
    std::string_view out;
};

TEST(Printable, KeepsTextAndEscapesWhatCouldDeceive) {
    constexpr std::array cases = {
        Pair{"plain", "plain"},
        Pair{"Gelöscht", "Gelöscht"},
        Pair{"日本語", "日本語"},
        Pair{"a\r\nb", "a\\x0d\\x0ab"},
        Pair{"\x1b[31mred", "\\x1b[31mred"},
        Pair{"\x7f", "\\x7f"},
        Pair{"\xc2\x9b", "\\xc2\\x9b"},           // C1: CSI.
        Pair{"\xe2\x80\xae", "\\xe2\\x80\\xae"},  // Right-to-left override.
        Pair{"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},  // Line separator.
        Pair{"\xff\xfe", "\\xff\\xfe"},           // Not UTF-8.
        Pair{"\xc0\xaf", "\\xc0\\xaf"},           // Overlong.
        Pair{"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // Surrogate.
        Pair{"cut \xe2\x82", "cut \\xe2\\x82"},   // Cut in the middle.
    };
    for (auto const& [in, out] : cases) EXPECT_EQ(printable(in), out);
}

TEST(Printable, CutsLongText) {
    auto const cut = printable(std::string(100, 'x'), 10);
    EXPECT_EQ(cut, std::string(10, 'x') + "…");
}

TEST(Utf8, AcceptsOnlyWellFormedText) {
    EXPECT_TRUE(is_utf8(""));
    EXPECT_TRUE(is_utf8("\xf4\x8f\xbf\xbf"));
    EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));
    EXPECT_FALSE(is_utf8("\xf5\x80\x80\x80"));
    EXPECT_FALSE(is_utf8("\x80"));
    EXPECT_FALSE(is_utf8("\xe0\x80\x80"));
}

TEST(Ascii, FoldsOnlyAscii) {
    EXPECT_EQ(ascii_lower("INBOX Ä"), "inbox Ä");
    EXPECT_TRUE(ascii_iequals("InBox", "iNbOX"));
    EXPECT_FALSE(ascii_iequals("inbox", "inbox2"));
    EXPECT_TRUE(ascii_istarts_with("IMAPS://x", "imaps://"));
    EXPECT_FALSE(ascii_istarts_with("ima", "imaps"));
}

TEST(Split, KeepsEmptyParts) {
    EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
    EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
    EXPECT_EQ(trim(" \t x y\r\n"), "x y");
    EXPECT_EQ(trim("  "), "");
}

TEST(ParseNumber, TakesWholeDecimalNumbersOnly) {
    EXPECT_EQ(parse_number("0"), 0U);
    EXPECT_EQ(parse_number("18446744073709551615"), 18446744073709551615ULL);
    for (auto const* const text : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "1.0"}) {
        EXPECT_FALSE(parse_number(text)) << text;
    }
}

TEST(Base64, MatchesTheVectorsOfRfc4648) {
    constexpr std::array cases = {Pair{"", ""},
                                  Pair{"f", "Zg=="},
                                  Pair{"fo", "Zm8="},
                                  Pair{"foo", "Zm9v"},
                                  Pair{"foob", "Zm9vYg=="},
                                  Pair{"fooba", "Zm9vYmE="},
                                  Pair{"foobar", "Zm9vYmFy"}};
    for (auto const& [in, out] : cases) {
        EXPECT_EQ(base64(in), out);
        EXPECT_EQ(base64_decode(out), in);
    }
    for (auto const* const bad : {"Z", "Zg=", "Zg=a", "=Zg=", "Z===", "Zm9v!", "Zg==Zg=="}) {
        EXPECT_FALSE(base64_decode(bad)) << bad;
    }
}

TEST(Hex, IsLowerCase) {
    EXPECT_EQ(hex(std::string_view("\x00\xff\x1a", 3)), "00ff1a");
}

TEST(Glob, MatchesRunsAndSingleCharacters) {
    EXPECT_TRUE(glob_match("*", ""));
    EXPECT_TRUE(glob_match("Archive/*", "Archive/2020/01"));
    EXPECT_TRUE(glob_match("*/Trash*", "a/b/Trash2"));
    EXPECT_TRUE(glob_match("a?c", "abc"));
    EXPECT_FALSE(glob_match("a?c", "ac"));
    EXPECT_FALSE(glob_match("inbox", "INBOX"));
    EXPECT_FALSE(glob_match("", "x"));
    EXPECT_TRUE(glob_match("a**b*", "axxb"));
    EXPECT_FALSE(glob_match("*aaaaaaaaaaaaaaab", std::string(4000, 'a')));
}

TEST(HumanBytes, CountsInPowersOfAThousand) {
    EXPECT_EQ(human_bytes(0), "0 B");
    EXPECT_EQ(human_bytes(812), "812 B");
    EXPECT_EQ(human_bytes(61'300'000), "61.3 MB");
    EXPECT_EQ(human_bytes(2'000'000'000), "2.0 GB");
}

}  // namespace
}  // namespace imapcopy
