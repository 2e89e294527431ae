#include "daemon/copy/settle.hpp"

#include <gtest/gtest.h>

namespace imapcopy::copy {
namespace {

constexpr UidValidity epoch(7);
using Pairs = std::vector<std::pair<Uid, Uid>>;

Identity identity_of(std::uint8_t seed) {
    Identity identity;
    identity.fingerprint.fill(seed);
    identity.coarse = seed;
    return identity;
}

LedgerEntry intent(std::uint32_t uid, std::uint8_t seed, std::uint64_t size_bytes, std::uint32_t base = 10) {
    LedgerEntry entry;
    entry.source_uid = Uid(uid);
    entry.identity = identity_of(seed);
    entry.size_bytes = size_bytes;
    entry.destination_uid_validity = epoch;
    entry.base_uid_next = Uid(base);
    return entry;
}

MessageMeta stored(std::uint32_t uid, std::uint8_t seed, std::uint64_t size_bytes) {
    MessageMeta meta;
    meta.uid = Uid(uid);
    meta.identity = identity_of(seed);
    meta.size_bytes = size_bytes;
    return meta;
}

TEST(MatchEntries, PairsInTheOrderOfUids) {
    EXPECT_EQ(match_entries({intent(1, 5, 100), intent(2, 5, 100)}, {stored(12, 5, 100), stored(11, 5, 100)},
                            epoch),
              (Pairs{{Uid(1), Uid(11)}, {Uid(2), Uid(12)}}));
}

TEST(MatchEntries, LooksOnlyBehindTheBaseOfAnEntryOfThisEpoch) {
    EXPECT_EQ(match_entries({intent(1, 5, 100, 12)}, {stored(11, 5, 100)}, epoch), Pairs{});
    EXPECT_EQ(match_entries({intent(1, 5, 100, 12)}, {stored(11, 5, 100)}, UidValidity(8)),
              (Pairs{{Uid(1), Uid(11)}}));
}

TEST(MatchEntries, LetsSizesTellEqualHeadersApart) {
    // The first was refused and the second stored, and both answers were lost.
    EXPECT_EQ(match_entries({intent(1, 5, 100), intent(2, 5, 200)}, {stored(11, 5, 200)}, epoch),
              (Pairs{{Uid(2), Uid(11)}}));
}

TEST(MatchEntries, FindsACopyWhoseSizeTheServerChanged) {
    EXPECT_EQ(match_entries({intent(1, 5, 100)}, {stored(11, 5, 104)}, epoch), (Pairs{{Uid(1), Uid(11)}}));
}

TEST(MatchEntries, KnowsNothingByHeadersThatSayNothing) {
    EXPECT_EQ(match_entries({intent(1, 0, 100)}, {stored(11, 0, 100)}, epoch), Pairs{});
}

}  // namespace
}  // namespace imapcopy::copy
