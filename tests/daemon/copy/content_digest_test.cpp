#include "daemon/copy/content_digest.hpp"

#include <gtest/gtest.h>

namespace imapcopy::copy {
namespace {

Digest digest(std::string_view text, std::size_t piece_bytes = 1000) {
    ContentHasher hasher;
    for (; !text.empty(); text.remove_prefix(std::min(piece_bytes, text.size())))
        hasher.add(text.substr(0, piece_bytes));
    return hasher.finish();
}

TEST(ContentDigest, DoesNotSeeHowLinesEnd) {
    auto const expected = digest("a: b\r\n\r\nbody\r\n\r\nend\r\n");
    EXPECT_EQ(digest("a: b\n\nbody\n\nend\n"), expected);
    EXPECT_EQ(digest("a: b\r\rbody\r\rend\r"), expected);
    EXPECT_EQ(digest("a: b\r\n\r\nbody\r\n\r\nend"), expected);
    EXPECT_EQ(digest("a: b\r\n\r\nbody\r\n\r\nend\r\n\r\n"), expected);
}

TEST(ContentDigest, SeesEverythingElse) {
    auto const expected = digest("a: b\r\n\r\nbody\r\n");
    for (auto const* other : {"a: b\r\n\r\nBody\r\n", "a: b\r\nbody\r\n", "a: b\r\n\r\n\r\nbody\r\n",
                              "a: b\r\n\r\nbody \r\n", "a: b\r\n\r\nbod\r\n", "a: b\r\n\r\nbody\r\n.\r\n"}) {
        EXPECT_NE(digest(other), expected) << other;
    }
}

TEST(ContentDigest, DoesNotDependOnThePieces) {
    std::string_view const text = "a: b\r\n\r\n\r\nbody\n\nlast\r\n";
    for (std::size_t piece = 1; piece < text.size(); ++piece)
        EXPECT_EQ(digest(text, piece), digest(text)) << piece;
}

}  // namespace
}  // namespace imapcopy::copy
