#include "daemon/imap/codec/types.hpp"

#include <gtest/gtest.h>

namespace imapcopy::imap {
namespace {

TEST(Flags, KnowsTheSystemFlagsInAnyCase) {
    auto const flags = Flags::parse("\\SEEN \\answered \\Flagged \\Deleted \\dRAFT");
    EXPECT_EQ(flags, Flags::all_system());
    EXPECT_EQ(flags.to_string(), "\\Seen \\Answered \\Flagged \\Deleted \\Draft");
}

TEST(Flags, DropsRecentAndUnknownBackslashFlags) {
    Flags flags;
    for (auto const* flag : {"\\Recent", "\\*", "\\XOther", "\\"}) EXPECT_TRUE(flags.add(flag)) << flag;
    EXPECT_TRUE(flags.empty());
}

TEST(Flags, KeepsKeywordsUniqueAndOrderedWithoutRegardToCase) {
    auto const flags = Flags::parse("zebra $Forwarded Apple APPLE $forwarded");
    EXPECT_EQ(flags.to_string(), "$Forwarded Apple zebra");
    EXPECT_TRUE(flags.has_keyword("ZEBRA"));
    EXPECT_FALSE(flags.has_keyword("zebr"));
    EXPECT_EQ(flags, Flags::parse("APPLE ZEBRA $FORWARDED"));
    EXPECT_NE(flags, Flags::parse("APPLE ZEBRA"));
}

TEST(Flags, RefusesWhatCouldBreakOutOfACommand) {
    for (auto const& flag :
         std::vector<std::string>{"a b", "a)", "(a", "a\r\nA1 DELETE INBOX", "{3}", "\"a", "a]", "a*", "a%",
                                  "gr\xc3\xbcn", "a\\b", "", "\x7f", std::string(256, 'k')}) {
        Flags flags;
        EXPECT_FALSE(flags.add(flag)) << flag;
        EXPECT_TRUE(flags.empty()) << flag;
    }
    Flags flags;
    EXPECT_FALSE(flags.add(std::string_view("a\0b", 3)));
}

TEST(Flags, HoldsAtMostThousandAndTwentyFourKeywords) {
    Flags flags;
    for (int i = 0; i < 1024; ++i) ASSERT_TRUE(flags.add("k" + std::to_string(i)));
    EXPECT_FALSE(flags.add("one-too-many"));
    EXPECT_TRUE(flags.add("K7")) << "is there already";
}

TEST(Flags, RemovesKeywordsInAnyCase) {
    auto flags = Flags::parse("\\Seen a B c");
    flags.remove_keyword("b");
    EXPECT_EQ(flags.to_string(), "\\Seen a c");
}

TEST(PermanentFlags, AllowEverythingUntilTheServerSaysOtherwise) {
    auto const wanted = Flags::parse("\\Seen \\Draft $Label1");
    EXPECT_EQ(PermanentFlags{}.allowed(wanted), wanted);
    PermanentFlags const some{Flags::parse("\\Seen $label1"), false};
    EXPECT_EQ(some.allowed(Flags::parse("\\Seen \\Draft $Label1 other")).to_string(), "\\Seen $Label1");
    PermanentFlags const none{Flags{}, false};
    EXPECT_TRUE(none.allowed(wanted).empty());
}

TEST(InternalDate, ReadsTheInstantAndTheZone) {
    struct Case {
        char const* text;
        std::int64_t unix_seconds;
        int zone_minutes;
    };
    for (auto const& c :
         {Case{"17-Jul-1996 02:44:25 -0700", 837596665, -420},
          Case{" 7-Feb-1994 21:52:25 +0000", 760657945, 0}, Case{"7-feb-1994 21:52:25 +0000", 760657945, 0},
          Case{"01-Jan-1970 00:00:00 +0000", 0, 0}, Case{"01-Jan-1970 05:30:00 +0530", 0, 330},
          Case{"31-Dec-1969 23:59:59 +0000", -1, 0}, Case{"29-Feb-2024 12:00:00 +0100", 1709204400, 60},
          Case{"30-Jun-2015 23:59:60 +0000", 1435708800, 0}}) {
        auto const date = InternalDate::parse(c.text);
        ASSERT_TRUE(date) << c.text;
        EXPECT_EQ(date->unix_seconds, c.unix_seconds) << c.text;
        EXPECT_EQ(date->zone_minutes, c.zone_minutes) << c.text;
    }
}

TEST(InternalDate, RefusesEverythingElse) {
    for (auto const* text :
         {"", "17-Jul-1996", "17-Jul-1996 02:44:25", "17-Jul-1996 02:44:25 -070",
          "17-Jul-1996 02:44:25 -07000", "17-Jul-1996 02:44:25 0700", "32-Jul-1996 02:44:25 -0700",
          "29-Feb-2023 02:44:25 -0700", "00-Jan-0000 00:00:00 +0000", "17-Foo-1996 02:44:25 -0700",
          "17-Jul-96 02:44:25 -0700", "17-Jul-1996 24:00:00 -0700", "17-Jul-1996 02:60:00 -0700",
          "17-Jul-1996 02:44:61 -0700", "17-Jul-1996 02:44:25 -2400", "17-Jul-1996 02:44:25 -0760",
          "+7-Jul-1996 02:44:25 -0700", "17-Jul"}) {
        EXPECT_FALSE(InternalDate::parse(text)) << text;
    }
}

TEST(InternalDate, WritesWhatItReads) {
    for (auto const* text :
         {"17-Jul-1996 02:44:25 -0700", "07-Feb-1994 21:52:25 +0000", "01-Jan-1970 00:00:00 +0530",
          "29-Feb-2024 23:59:59 +1245", "31-Dec-9998 23:59:59 -2359"}) {
        EXPECT_EQ(InternalDate::parse(text).value().to_string(), text);
    }
}

TEST(InternalDate, StaysInFourDigitsWhateverTheInstant) {
    for (auto const seconds : {INT64_MIN, INT64_MAX, std::int64_t{-1} << 40, std::int64_t{1} << 40}) {
        for (std::int16_t const zone : {-32768, -1439, 0, 1439, 32767}) {
            auto const text = InternalDate{seconds, zone}.to_string();
            EXPECT_EQ(text.size(), 26U) << text;
            EXPECT_TRUE(InternalDate::parse(text)) << text;
        }
    }
}

TEST(InternalDate, ComparesInstantsWithoutTheZone) {
    auto const east = InternalDate::parse("01-Jan-2024 12:00:00 +0200").value();
    auto const west = InternalDate::parse("01-Jan-2024 05:00:00 -0500").value();
    EXPECT_TRUE(east.same_instant(west));
    EXPECT_NE(east, west);
}

}  // namespace
}  // namespace imapcopy::imap
