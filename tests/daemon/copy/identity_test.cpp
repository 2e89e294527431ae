#include "daemon/copy/identity.hpp"

#include <gtest/gtest.h>

#include "common/text.hpp"

namespace imapcopy::copy {
namespace {

constexpr std::string_view headers =
    "Message-ID: <1@example.org>\r\nDate: Mon, 1 Jan 2024 10:00:00 +0100\r\nFrom: Anna <anna@example.org>\r\n"
    "Subject: Hello\r\n\r\n";

TEST(Identity, IgnoresFoldingOrderAndOtherHeaders) {
    auto const folded =
        "Received: by somebody\r\n  else\r\nSubject:\r\n Hello\r\nFrom: Anna\r\n\t<anna@example.org>\r\n"
        "message-id:<1@example.org>\r\nDate: Mon,  1 Jan 2024 10:00:00 +0100\r\nX-Spam: no\r\n\r\n";
    EXPECT_EQ(identity_of_headers(headers), identity_of_headers(folded));
}

TEST(Identity, TellsSubjectsApartButKeepsThemNeighbours) {
    std::string other(headers);
    other.replace(other.find("Hello"), 5, "World");
    EXPECT_NE(identity_of_headers(headers).fingerprint, identity_of_headers(other).fingerprint);
    EXPECT_EQ(identity_of_headers(headers).coarse, identity_of_headers(other).coarse);
}

TEST(Identity, UsesOnlyTheFirstOfEqualHeaders) {
    auto const twice = "Subject: Other\r\n" + std::string(headers);
    auto const behind = std::string(headers.substr(0, headers.size() - 2)) + "Subject: Other\r\n\r\n";
    EXPECT_NE(identity_of_headers(headers), identity_of_headers(twice));
    EXPECT_EQ(identity_of_headers(headers), identity_of_headers(behind));
}

TEST(Identity, SaysNothingWithoutMessageIdAndDate) {
    EXPECT_EQ(identity_of_headers("Subject: Hello\r\n\r\n").coarse, 0U);
    EXPECT_EQ(identity_of_headers("").coarse, 0U);
    EXPECT_NE(identity_of_headers("Date: today\r\n\r\n").coarse, 0U);
}

struct Known {
    std::string headers;
    std::string_view fingerprint;
    std::uint64_t coarse;
};

// Ledgers keep these values for years: what they were made of must never change. Computed by another program.
TEST(Identity, IsWhatItHasAlwaysBeen) {
    std::vector<Known> const table = {
        {"Message-ID: <1@x>\r\nDate: Mon, 1 Jan 2024 10:00:00 +0100\r\nFrom: A <a@x>\r\n"
         "Subject: Hello there\r\nIn-Reply-To: <0@x>\r\n\r\n",
         "3405808ff733f0f7e90be34888fdbbb90bb9d75415add64144ed7bf17ffa8ce3", 0xdd62bc5060624299},
        {"Subject: a\r\n\tb\r\n  c\r\nMESSAGE-ID:\r\n <1@x>\nDate : Mon",
         "0e38691eb9d65bcb874d460976e75f057f613bb3e34f2cbfe2ac421b4b1194db", 0x080c0d8bbbb22adc},
        {"Subject: first\nSubject: second\n continued\nMessage-ID: <1@x>\n\nDate: Mon\n",
         "fcc85912100ce04c0d40bb9f5834c4381a92455bcfabdff137577f3dc59a6e82", 0xb1567706fb1be4fc},
        {"Message-ID: ?a??\r\nDate: \xc3\xa4?b?\r\n\r\n",
         "63445736df45fe2ca00d6263d24bb2052374eb70b7055c9a9498c06dd4ce896f", 0x7a9316c12a7d3731},
        {"Date: \r\nFrom: A\r\n\r\n", "0a5122832b8d1a7100a574337a87f3b2bf9024e5bb05eb2311c254fa7d8a15d3",
         0},
        {"Date:Mon", "faeb4d98d9b7fab3e151de61a936195441db540aa96addad0b6cfab07c049540",
         0x1dc15dabf84d8738}};
    for (auto const& [block, fingerprint, coarse] : table) {
        auto const identity = identity_of_headers(block);
        std::string_view const bytes(reinterpret_cast<char const*>(identity.fingerprint.data()),
                                     identity.fingerprint.size());
        EXPECT_EQ(hex(bytes), fingerprint) << block;
        EXPECT_EQ(identity.coarse, coarse) << block;
    }
}

TEST(NormaliseHeader, SurvivesWhatServersDoTo8BitBytes) {
    EXPECT_EQ(normalise_header(" caf\xc3\xa9 au lait\r\n"), normalise_header("caf? au\tlait"));
    EXPECT_EQ(normalise_header("a??\x01\x7f?b"), "a?b");
}

TEST(BodyObserver, AgreesWithTheHeaderBlockHoweverTheBodyIsCut) {
    auto const body = std::string(headers) + "Subject: not a header\r\n\r\ntext";
    auto const expected = identity_of_headers(headers);
    for (std::size_t piece = 1; piece <= body.size(); ++piece) {
        BodyObserver observer;
        for (std::size_t i = 0; i < body.size(); i += piece)
            observer.add(std::string_view(body).substr(i, piece));
        EXPECT_EQ(observer.finish(), expected) << "pieces of " << piece;
    }
}

TEST(BodyObserver, FindsTheEndOfTheHeaderBlockWhereverItLies) {
    for (std::string const line : {"\r\n", "\n"}) {
        auto const end = "Message-ID: <late@example.org>" + line + line;
        for (std::size_t filling = 1990; filling < 2060; ++filling) {
            auto const header = "X: " + std::string(filling, 'x') + line + end;
            BodyObserver observer;
            observer.add(header + "Date: not a header" + line + line);
            EXPECT_EQ(observer.finish(), identity_of_headers(header)) << filling;
        }
    }
}

TEST(BodyObserver, TakesTheWholeBodyWhereHeadersSayNothing) {
    BodyObserver one;
    one.add("Subject: a\r\n\r\nfirst");
    BodyObserver two;
    two.add("Subject: a\r\n\r\nsecond");
    auto const first = one.finish();
    auto const second = two.finish();
    EXPECT_EQ(first.coarse, 0U);
    EXPECT_NE(first.fingerprint, second.fingerprint);
}

TEST(BodyObserver, DigestsEveryByteWhereHeadersSayNothingHoweverTheBodyIsCut) {
    // One ends within its header, one has a header longer than is looked at.
    for (auto const& body : {std::string("Subject: a\r\n\r\nsome text"), std::string("Subject: cut off"),
                             "Subject: " + std::string(100'000, 'x') + "\r\n\r\ntext"}) {
        Hasher hasher;
        hasher.add(body);
        auto const expected = hasher.finish();
        for (auto const piece : {std::size_t(1), std::size_t(7), std::size_t(4096), body.size()}) {
            BodyObserver observer;
            for (std::size_t i = 0; i < body.size(); i += piece)
                observer.add(std::string_view(body).substr(i, piece));
            EXPECT_EQ(observer.finish().fingerprint, expected) << "pieces of " << piece;
        }
    }
}

}  // namespace
}  // namespace imapcopy::copy
