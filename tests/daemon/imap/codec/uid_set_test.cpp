#include "daemon/imap/codec/uid_set.hpp"

#include <gtest/gtest.h>

#include <bitset>

namespace imapcopy::imap {
namespace {

std::vector<Uid> uids(std::initializer_list<std::uint32_t> values) {
    std::vector<Uid> result;
    for (auto const value : values) result.emplace_back(value);
    return result;
}

TEST(UidSet, MeltsRangesThatTouch) {
    EXPECT_EQ(UidSet::of(uids({7, 1, 3, 2, 9, 8, 3})).to_string(), "1:3,7:9");
    UidSet set(Uid{10}, Uid{20});
    set.add(Uid{21});
    set.add(UidRange{Uid{5}, Uid{9}});
    EXPECT_EQ(set.to_string(), "5:21");
    set.add(UidRange{Uid{30}, Uid{40}});
    set.add(UidRange{Uid{50}, Uid{60}});
    set.add(UidRange{Uid{1}, Uid{55}});
    EXPECT_EQ(set.to_string(), "1:60");
}

TEST(UidSet, TurnsRangesRoundAndLeavesZeroOut) {
    EXPECT_EQ(UidSet(Uid{9}, Uid{4}).to_string(), "4:9");
    EXPECT_EQ(UidSet(Uid{0}, Uid{4}).to_string(), "1:4");
    EXPECT_TRUE(UidSet(Uid{0}, Uid{0}).empty());
}

TEST(UidSet, AgreesWithABitSet) {
    std::uint32_t state = 12345;
    auto const next = [&] { return (state = state * 1103515245U + 12345U) >> 16U & 63U; };
    for (int round = 0; round < 500; ++round) {
        UidSet set;
        std::bitset<64> model;
        for (int i = 0; i < 12; ++i) {
            auto const first = next();
            auto const last = std::min(63U, first + next() % 6);
            set.add(UidRange{Uid{first}, Uid{last}});
            for (auto uid = std::max(first, 1U); uid <= last; ++uid) model.set(uid);
        }
        EXPECT_EQ(set.size(), model.count()) << set.to_string();
        for (std::uint32_t uid = 0; uid < 64; ++uid) {
            EXPECT_EQ(set.contains(Uid{uid}), model.test(uid)) << uid << " in " << set.to_string();
        }
        if (!set.empty()) {
            EXPECT_EQ(UidSet::parse(set.to_string()).value(), set);
        }
    }
}

TEST(UidSet, CountsWithoutExpanding) {
    EXPECT_EQ(UidSet::parse("1:4294967295").value().size(), 4294967295U);
    UidSet set(Uid{4294967295U}, Uid{4294967295U});
    set.add(UidRange{Uid{1}, Uid{4294967294U}});
    EXPECT_EQ(set.to_string(), "1:4294967295");
}

TEST(UidSet, ReadsAnyOrder) {
    EXPECT_EQ(UidSet::parse("7,1:3").value().to_string(), "1:3,7");
    EXPECT_EQ(UidSet::parse("5:2").value().to_string(), "2:5");
    EXPECT_EQ(UidSet::parse("9,8,7,6,5:1").value().to_string(), "1:9");
}

TEST(UidSet, RefusesWhatIsNoSetOfNumbers) {
    for (auto const* text : {"", "*", "1:*", "0", "0:4", "1,", ",1", "1,,2", "1:", ":1", "1:2:3",
                             "4294967296", "-1", "+1", "1 ", " 1", "1;2", "99999999999999999999"}) {
        EXPECT_FALSE(UidSet::parse(text)) << text;
    }
}

TEST(UidSet, RefusesMoreRangesThanAllowed) {
    EXPECT_TRUE(UidSet::parse("1,3,5", 3));
    EXPECT_FALSE(UidSet::parse("1,3,5,7", 3));
}

TEST(UidList, KeepsTheOrderOfTheServer) {
    EXPECT_EQ(parse_uid_list("5:7,2", 10), uids({5, 6, 7, 2}));
    EXPECT_EQ(parse_uid_list("4294967295", 1), uids({4294967295U}));
}

TEST(UidList, IsNothingWhenLargerOrAGuess) {
    EXPECT_FALSE(parse_uid_list("1:4294967295", 100));
    EXPECT_FALSE(parse_uid_list("1:3,5", 3));
    EXPECT_FALSE(parse_uid_list("7:5", 10));
    EXPECT_FALSE(parse_uid_list("0", 10));
    EXPECT_FALSE(parse_uid_list("", 10));
    EXPECT_FALSE(parse_uid_list("1", 0));
}

TEST(SplitForCommand, KeepsEveryPartUnderTheLimit) {
    UidSet set;
    for (std::uint32_t uid = 1; uid < 3000; uid += 3) set.add(UidRange{Uid{uid}, Uid{uid + uid % 2}});
    for (std::size_t const bytes_max : {11, 20, 64, 8192}) {
        UidSet joined;
        for (auto const& part : split_for_command(set, bytes_max)) {
            EXPECT_LE(part.to_string().size(), bytes_max);
            EXPECT_FALSE(part.empty());
            for (auto const& range : part.ranges()) joined.add(range);
        }
        EXPECT_EQ(joined, set);
    }
}

TEST(SplitForCommand, FillsALineBeforeTheNext) {
    auto const parts = split_for_command(UidSet::parse("1:3,5,7:9,11").value(), 6);
    ASSERT_EQ(parts.size(), 2U);
    EXPECT_EQ(parts[0].to_string(), "1:3,5");
    EXPECT_EQ(parts[1].to_string(), "7:9,11");
    EXPECT_TRUE(split_for_command({}, 100).empty());
    EXPECT_EQ(split_for_command(UidSet(Uid{1000}, Uid{2000}), 4).size(), 1U);
}

}  // namespace
}  // namespace imapcopy::imap
