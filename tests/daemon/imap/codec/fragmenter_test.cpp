#include "daemon/imap/codec/fragmenter.hpp"

#include <gtest/gtest.h>

#include "transcripts.hpp"

namespace imapcopy::imap {
namespace {

using test::fragment;

TEST(Fragmenter, GivesOneResponsePerLine) {
    auto const got = fragment("* OK hello\r\n+ go\r\nA1 OK done\r\n", 100);
    ASSERT_EQ(got.responses.size(), 3U);
    EXPECT_EQ(got.responses[0].text, "* OK hello");
    EXPECT_EQ(got.responses[1].text, "+ go");
    EXPECT_EQ(got.responses[2].text, "A1 OK done");
    EXPECT_TRUE(got.at_boundary);
}

TEST(Fragmenter, KeepsLiteralAcrossReads) {
    std::string const wire = "* LIST () \"/\" {6}\r\na\r\n{5}\r\n* 1 FETCH (X {0}\r\n Y {1}\r\n))\r\n";
    for (std::size_t chunk = 1; chunk <= wire.size(); ++chunk) {
        auto const got = fragment(wire, chunk);
        ASSERT_EQ(got.responses.size(), 2U) << chunk;
        EXPECT_EQ(got.responses[0].text, "* LIST () \"/\" {6}\r\n");
        EXPECT_EQ(got.responses[0].literals, std::vector<std::string>{"a\r\n{5}"});
        EXPECT_EQ(got.responses[1].text, "* 1 FETCH (X {0}\r\n Y {1}\r\n)");
        EXPECT_EQ(got.responses[1].literals, (std::vector<std::string>{"", ")"}));
    }
}

TEST(Fragmenter, StreamsBodies) {
    std::string const wire =
        "* 12 FETCH (UID 7 body[] {9}\r\nA1 OK\r\n\x01{ FLAGS ())\r\n* 3 FETCH (BODY[] {0}\r\n)\r\n";
    for (std::size_t chunk = 1; chunk <= wire.size(); ++chunk) {
        auto const got = fragment(wire, chunk);
        EXPECT_EQ(got.body_heads,
                  (std::vector<std::string>{"* 12 FETCH (UID 7 body[] {9}", "* 3 FETCH (BODY[] {0}"}));
        EXPECT_EQ(got.bodies, (std::vector<std::string>{"A1 OK\r\n\x01{", ""}));
        ASSERT_EQ(got.responses.size(), 2U);
        EXPECT_EQ(got.responses[0].text, "* 12 FETCH (UID 7 body[] {9}\r\n FLAGS ())");
        EXPECT_EQ(got.responses[0].literals, std::vector<std::string>{""});
    }
}

/// GNU Mailutils' imap4d ends its reply to AUTHENTICATE so.
TEST(Fragmenter, TakesALineFeedAloneForTheEndOfATaggedReply) {
    std::string const wire = "a1 OK AUTHENTICATE PLAIN authentication successful\n* OK {1}\r\n";
    for (std::size_t chunk = 1; chunk <= wire.size(); ++chunk) {
        auto const got = fragment(wire, chunk);
        ASSERT_EQ(got.responses.size(), 2U) << chunk;
        EXPECT_EQ(got.responses[0].text, "a1 OK AUTHENTICATE PLAIN authentication successful");
        EXPECT_EQ(got.responses[1].text, "* OK {1}");
    }
}

TEST(Fragmenter, StreamsOnlyTheWholeBody) {
    for (auto const* item : {"BODY[TEXT]", "BODY[HEADER]", "BODY[]<0>", "XBODY[]", "BINARY[]"}) {
        auto const got = fragment("* 1 FETCH (" + std::string(item) + " {2}\r\nhi)\r\n", 100);
        EXPECT_TRUE(got.bodies.empty()) << item;
        ASSERT_EQ(got.responses.size(), 1U) << item;
        EXPECT_EQ(got.responses[0].literals, std::vector<std::string>{"hi"}) << item;
    }
}

TEST(Fragmenter, TakesBracesAtTheEndOfTextForPeopleAsText) {
    for (auto const* line :
         {"A1 NO no such mailbox {5}", "* OK [ALERT] {5}", "*  NO {3}", "+ {7}", "* BYE {1}", "* ok {1}"}) {
        auto const got = fragment(std::string(line) + "\r\n", 100);
        ASSERT_EQ(got.responses.size(), 1U) << line;
        EXPECT_EQ(got.responses[0].text, line);
    }
}

TEST(Fragmenter, TakesBracesWithoutNumberAsText) {
    for (auto const* line : {"* X {}", "* X {abc}", "* X }", "* X 5}", "* X {1a}"}) {
        EXPECT_EQ(fragment(std::string(line) + "\r\n", 100).responses.size(), 1U) << line;
    }
}

TEST(Fragmenter, RefusesWhatIsMalformed) {
    for (std::string const& wire :
         {std::string("* OK a\nb\r\n"), std::string("\n"), std::string("* OK a\0b\r\n", 10),
          std::string("* X {99999999999999999999}\r\n"), std::string("* X {5+}\r\nhello\r\n"),
          std::string("* X {-5}\r\n")}) {
        for (std::size_t const chunk : {1, 100}) EXPECT_FALSE(fragment(wire, chunk).error.empty()) << wire;
    }
}

TEST(Fragmenter, HoldsEveryLimitToTheByte) {
    FragmenterLimits const limits{20, 10, 30};
    struct Case {
        std::string wire;
        bool fits;
    };
    for (auto const& c :
         {Case{"* OK 8901234567 9\r\n", true}, Case{"* OK 8901234567 90123\r\n", false},
          Case{"* OK 890123456789012345678901234567", false}, Case{"* X {10}\r\n1234567890\r\n", true},
          Case{"* X {11}\r\n", false}, Case{"* X {4294967295}\r\n", false},
          Case{"* X {5}\r\n12345{5}\r\n12345\r\n", true}, Case{"* X {5}\r\n12345{6}\r\n", false},
          Case{"* X {1}\r\n1 {1}\r\n1 {1}\r\n", false},
          Case{"* (BODY[] {30}\r\n123456789012345678901234567890)\r\n", true},
          Case{"* (BODY[] {31}\r\n", false}}) {
        for (std::size_t const chunk : {1, 7, 100}) {
            EXPECT_EQ(fragment(c.wire, chunk, limits).error.empty(), c.fits)
                << c.wire << " in chunks of " << chunk;
        }
    }
}

TEST(Fragmenter, ForgetsTheLimitsWithTheResponse) {
    std::string wire;
    for (int i = 0; i < 50; ++i) wire += "* X {10}\r\n1234567890\r\n";
    auto const got = fragment(wire, 13, {20, 10, 30});
    EXPECT_EQ(got.error, "");
    EXPECT_EQ(got.responses.size(), 50U);
}

TEST(Fragmenter, StaysBrokenAfterAnError) {
    Fragmenter fragmenter;
    fragmenter.feed("\n* OK fine\r\n");
    EXPECT_FALSE(fragmenter.next());
    EXPECT_FALSE(fragmenter.next());
    EXPECT_FALSE(fragmenter.at_boundary());
}

TEST(Fragmenter, TellsWhatIsUnreadAndWhetherAResponseIsUnderWay) {
    Fragmenter fragmenter;
    EXPECT_TRUE(fragmenter.at_boundary());
    fragmenter.feed("A1 OK begin TLS now\r\n* OK injected");
    ASSERT_TRUE(std::holds_alternative<ResponseText>(fragmenter.next().value()));
    EXPECT_TRUE(fragmenter.at_boundary());
    EXPECT_EQ(fragmenter.unread_bytes(), 13U);
    ASSERT_TRUE(std::holds_alternative<NeedInput>(fragmenter.next().value()));
    EXPECT_EQ(fragmenter.unread_bytes(), 0U);
    EXPECT_FALSE(fragmenter.at_boundary());
}

TEST(Fragmenter, ReadsEveryTranscriptTheSameInAnyPieces) {
    for (auto const& path : test::transcript_paths()) {
        auto const wire = test::read_transcript(path);
        auto const whole = fragment(wire, wire.size());
        EXPECT_EQ(whole.error, "") << path;
        EXPECT_TRUE(whole.at_boundary) << path;
        for (std::size_t const chunk : {1, 2, 3, 7, 64}) {
            auto const pieces = fragment(wire, chunk);
            EXPECT_EQ(pieces.bodies, whole.bodies) << path;
            ASSERT_EQ(pieces.responses.size(), whole.responses.size()) << path;
            for (std::size_t i = 0; i < whole.responses.size(); ++i) {
                EXPECT_EQ(pieces.responses[i].text, whole.responses[i].text) << path;
                EXPECT_EQ(pieces.responses[i].literals, whole.responses[i].literals) << path;
            }
        }
    }
}

}  // namespace
}  // namespace imapcopy::imap
