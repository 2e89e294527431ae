#include "daemon/copy/heirs.hpp"

#include <gtest/gtest.h>

namespace imapcopy::copy {
namespace {

LedgerEntry entry(std::uint32_t uid, std::uint8_t fingerprint, std::uint64_t coarse = 1) {
    LedgerEntry entry;
    entry.source_uid = Uid(uid);
    entry.identity.fingerprint = {fingerprint};
    entry.identity.coarse = coarse;
    return entry;
}

TEST(Heirs, GivesEachEntryOnceAndEqualOnesInTheirOrder) {
    Heirs heirs(LedgerView{entry(3, 1), entry(5, 2), entry(9, 1)});
    EXPECT_EQ(heirs.take({1}), Uid(3));
    EXPECT_EQ(heirs.take({1}), Uid(9));
    EXPECT_EQ(heirs.take({1}), std::nullopt);
    EXPECT_EQ(heirs.take({7}), std::nullopt);
    EXPECT_FALSE(heirs.empty());
    EXPECT_EQ(heirs.take({2}), Uid(5));
    EXPECT_TRUE(heirs.empty());
}

TEST(Heirs, KnowsWhetherAnyOfThemAreNameless) {
    EXPECT_FALSE(Heirs(LedgerView{entry(1, 1)}).has_nameless());
    Heirs heirs(LedgerView{entry(1, 1), entry(2, 2, 0)});
    EXPECT_TRUE(heirs.has_nameless());
    EXPECT_EQ(heirs.take({2}), Uid(2));
    EXPECT_FALSE(heirs.has_nameless());
}

}  // namespace
}  // namespace imapcopy::copy
