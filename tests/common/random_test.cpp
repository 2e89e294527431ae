#include "common/random.hpp"

#include <gtest/gtest.h>

#include <array>

namespace imapcopy {
namespace {

TEST(SeededRandom, RepeatsItself) {
    SeededRandom first(7);
    SeededRandom second(7);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(first.below(1000), second.below(1000));
}

TEST(Random, StaysBelowItsBound) {
    SystemRandom random;
    for (int i = 0; i < 1000; ++i) EXPECT_LT(random.below(3), 3U);
    EXPECT_EQ(random.below(1), 0U);
}

TEST(SystemRandom, FillsEveryByte) {
    SystemRandom random;
    std::array<std::byte, 64> bytes{};
    random.fill(bytes);
    EXPECT_NE(bytes, (std::array<std::byte, 64>{}));
}

}  // namespace
}  // namespace imapcopy
