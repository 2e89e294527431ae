#include "daemon/copy/identity.hpp"

#include <gtest/gtest.h>

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
