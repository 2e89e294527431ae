#include "daemon/copy/reduction.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace imapcopy::copy {
namespace {

MessageMeta message(std::string_view flags, InternalDate date = {1'700'000'000, 60}) {
    MessageMeta meta;
    meta.flags = Flags::parse(flags);
    meta.internal_date = date;
    return meta;
}

std::vector<Kept> all_reductions(MessageMeta const& meta) {
    std::vector<Kept> tried;
    for (auto next = next_reduction(Kept::everything, meta); next; next = next_reduction(*next, meta))
        tried.push_back(*next);
    return tried;
}

TEST(Reduction, SendsNoDateThatNobodyTold) {
    EXPECT_EQ(reduce(message("\\Seen", InternalDate::not_told()), Kept::everything).internal_date,
              std::nullopt);
    EXPECT_EQ(all_reductions(message("\\Seen", InternalDate::not_told())), std::vector<Kept>{});
}

TEST(Reduction, LeavesOutOnlyWhatIsThere) {
    using enum Kept;
    InternalDate const ancient{-86'400, 0};
    InternalDate const future{5'000'000'000, 0};
    InternalDate const east{1'700'000'000, 14 * 60};
    EXPECT_EQ(all_reductions(message("\\Seen")), std::vector<Kept>{});
    EXPECT_EQ(all_reductions(message("\\Seen Plain")), std::vector{no_keywords});
    EXPECT_EQ(all_reductions(message("Plain Odd!")), (std::vector{plain_keywords, no_keywords}));
    EXPECT_EQ(all_reductions(message("Odd#")), std::vector{plain_keywords});
    EXPECT_EQ(all_reductions(message("", ancient)), std::vector{plain_date});
    EXPECT_EQ(all_reductions(message("", future)), std::vector{plain_date});
    EXPECT_EQ(all_reductions(message("", east)), std::vector{plain_date});
    EXPECT_EQ(all_reductions(message("A B#", ancient)),
              (std::vector{plain_keywords, no_keywords, plain_date, plain_date_and_keywords,
                           plain_date_no_keywords}));
    EXPECT_EQ(all_reductions(message("B#", ancient)),
              (std::vector{plain_keywords, plain_date, plain_date_and_keywords}));
}

TEST(Reduction, KeepsSystemFlagsAndTheInstant) {
    auto const east = message("\\Seen \\Draft A B#", {1'700'000'000, 14 * 60});
    EXPECT_EQ(reduce(east, Kept::everything), (Reduced{east.flags, east.internal_date}));
    EXPECT_EQ(reduce(east, Kept::plain_keywords),
              (Reduced{Flags::parse("\\Seen \\Draft A"), east.internal_date}));
    EXPECT_EQ(reduce(east, Kept::no_keywords), (Reduced{Flags::parse("\\Seen \\Draft"), east.internal_date}));
    EXPECT_EQ(reduce(east, Kept::plain_date), (Reduced{east.flags, InternalDate{1'700'000'000, 0}}));
    EXPECT_EQ(reduce(east, Kept::plain_date_and_keywords),
              (Reduced{Flags::parse("\\Seen \\Draft A"), InternalDate{1'700'000'000, 0}}));
    EXPECT_EQ(reduce(east, Kept::plain_date_no_keywords),
              (Reduced{Flags::parse("\\Seen \\Draft"), InternalDate{1'700'000'000, 0}}));
    auto const ancient = message("", {-1, 0});
    EXPECT_EQ(reduce(ancient, Kept::plain_date), (Reduced{{}, std::nullopt}));
}

TEST(Reduction, SaysWhatWasLost) {
    EXPECT_EQ(lost_text(message("A B#"), Kept::plain_keywords), "without its keywords B#");
    EXPECT_EQ(lost_text(message("A B#", {-1, 0}), Kept::plain_date), "without its date");
    EXPECT_EQ(lost_text(message("A B#", {-1, 0}), Kept::plain_date_no_keywords),
              "without its keywords A B#, without its date");
    EXPECT_EQ(lost_text(message("", {1'700'000'000, 840}), Kept::plain_date), "without its date's time zone");
}

}  // namespace
}  // namespace imapcopy::copy
