#include "daemon/copy/plan.hpp"

#include <gtest/gtest.h>

namespace imapcopy::copy {
namespace {

Identity identity_of(int number) {
    return identity_of_headers("Message-ID: <" + std::to_string(number) + ">\r\n");
}

MessageMeta message(std::uint32_t uid, int number, std::uint64_t size) {
    return {Uid(uid), {}, {}, size, {}, identity_of(number)};
}

LedgerEntry entry(std::uint32_t uid, MessageState state, std::uint32_t uid_validity = 1) {
    LedgerEntry e;
    e.source_uid = Uid(uid);
    e.state = state;
    e.destination_uid_validity = UidValidity(uid_validity);
    return e;
}

WindowLimits const no_limits{0, 0, UidValidity(1)};

TEST(PlanWindow, TrustsTheLedgerFirst) {
    Nominees nominees;
    auto const plan = plan_window({message(1, 1, 10), message(2, 2, 10), message(3, 3, 10)},
                                  {entry(1, MessageState::done), entry(2, MessageState::refused)}, nominees,
                                  no_limits, "INBOX");
    ASSERT_EQ(plan.copy.size(), 1U);
    EXPECT_EQ(plan.copy[0].uid, Uid(3));
    EXPECT_EQ(plan.known, 2U);
}

TEST(PlanWindow, CopiesAgainWhatWasAnnouncedAndNotFound) {
    Nominees nominees;
    auto const plan =
        plan_window({message(1, 1, 10)}, {entry(1, MessageState::intent)}, nominees, no_limits, "INBOX");
    EXPECT_EQ(plan.copy.size(), 1U);
}

TEST(PlanWindow, CallsAnAnnouncedMessageGoneOnceItIsNoLongerListed) {
    Nominees nominees;
    auto const plan =
        plan_window({message(2, 2, 10)}, {entry(1, MessageState::intent), entry(3, MessageState::done)},
                    nominees, no_limits, "INBOX");
    EXPECT_EQ(plan.gone, std::vector<Uid>{Uid(1)});
}

TEST(PlanWindow, LooksAgainForCopiesOfAnotherDestinationEpoch) {
    Nominees nominees;
    nominees.add({Uid(9), identity_of(1), {}, 10});
    auto const plan =
        plan_window({message(1, 1, 10)}, {entry(1, MessageState::done, 7)}, nominees, no_limits, "INBOX");
    EXPECT_EQ(plan.adopt, (std::vector<Adoption>{{Uid(1), Uid(9)}}));
}

TEST(PlanWindow, AdoptsWhereHeadersAndSizesAgreeOneToOne) {
    Nominees nominees;
    nominees.add({Uid(50), identity_of(1), {}, 11});
    nominees.add({Uid(51), identity_of(1), {}, 10});
    auto const plan = plan_window({message(1, 1, 10), message(2, 1, 11)}, {}, nominees, no_limits, "INBOX");
    EXPECT_EQ(plan.adopt, (std::vector<Adoption>{{Uid(1), Uid(51)}, {Uid(2), Uid(50)}}));
    EXPECT_TRUE(nominees.empty());
    EXPECT_TRUE(plan.copy.empty());
}

TEST(PlanWindow, ComparesBodiesWhereSizesDifferOrRepeat) {
    for (std::uint64_t const size : {10U, 12U}) {
        Nominees nominees;
        nominees.add({Uid(50), identity_of(1), {}, size});
        auto const plan =
            plan_window({message(1, 1, 10), message(2, 1, 10)}, {}, nominees, no_limits, "INBOX");
        ASSERT_EQ(plan.compare.size(), 1U) << size;
        EXPECT_EQ(plan.compare[0], (Comparison{{Uid(1), Uid(2)}, {Uid(50)}}));
        EXPECT_EQ(nominees.size(), 1U);
    }
}

TEST(PlanWindow, TellsMessagesWithoutHeadersByDateThenBody) {
    Nominees nominees;
    nominees.add({Uid(50), {}, {100, 0}, 10});
    nominees.add({Uid(51), {}, {200, 0}, 10});
    MessageMeta silent{Uid(1), {}, {100, 60}, 10, {}, Identity{}};
    auto const plan = plan_window({silent}, {}, nominees, no_limits, "INBOX");
    ASSERT_EQ(plan.compare.size(), 1U);
    EXPECT_EQ(plan.compare[0].destination, std::vector<Uid>{Uid(50)});
}

TEST(PlanWindow, ListsWhatIsTooLarge) {
    Nominees nominees;
    auto const plan =
        plan_window({message(1, 1, 100), message(2, 2, 40)}, {}, nominees, {50, 30, UidValidity(1)}, "A");
    ASSERT_EQ(plan.exceptions.size(), 2U);
    EXPECT_EQ(plan.exceptions[0].text, "100 bytes, and the destination allows 30");
    EXPECT_TRUE(plan.copy.empty());
}

TEST(CompareBodies, PairsEqualBodiesInOrderAndCopiesTheRest) {
    Nominees nominees;
    nominees.add({Uid(50), identity_of(1), {}, 10});
    Digest const equal{1};
    Digest const other{2};
    auto const result =
        compare_bodies({{Uid(1), equal}, {Uid(2), equal}, {Uid(3), other}}, {{Uid(50), equal}}, nominees);
    EXPECT_EQ(result.adopt, (std::vector<Adoption>{{Uid(1), Uid(50)}}));
    EXPECT_EQ(result.copy, (std::vector<Uid>{Uid(2), Uid(3)}));
    EXPECT_TRUE(nominees.empty());
}

TEST(Halve, KeepsOrderAndLosesNone) {
    auto const halves = halve({message(1, 1, 1), message(2, 2, 1), message(3, 3, 1)});
    ASSERT_EQ(halves[0].size(), 1U);
    ASSERT_EQ(halves[1].size(), 2U);
    EXPECT_EQ(halves[0][0].uid, Uid(1));
    EXPECT_EQ(halves[1][1].uid, Uid(3));
}

TEST(MakeWindows, CoversEveryUidOnceWhateverTheGaps) {
    for (std::uint32_t const uid_next : {2U, 100U, 5'001U, 1'000'000U, 4'294'967'295U, 0U}) {
        for (std::uint32_t const messages : {1U, 99U, 1'000U, 70'000U}) {
            MailboxStatus const status{UidValidity(1), Uid(uid_next), messages, {}};
            auto const windows = make_windows(Uid(1), status, 1'000);
            ASSERT_FALSE(windows.empty());
            EXPECT_LE(windows.size(), messages / 1'000 + 1);
            std::uint64_t next = 1;
            for (auto const& window : windows) {
                EXPECT_EQ(window.first.value(), next) << uid_next << " " << messages;
                next = std::uint64_t{window.last.value()} + 1;
            }
            EXPECT_EQ(next, uid_next == 0 ? std::uint64_t{1} << 32U : uid_next);
        }
    }
    EXPECT_TRUE(make_windows(Uid(1), {UidValidity(1), Uid(10), 0, {}}, 10).empty());
    EXPECT_TRUE(make_windows(Uid(10), {UidValidity(1), Uid(10), 5, {}}, 10).empty());
}

TEST(AppendLimits, LetMoreSmallOnesThanLargeOnesBeUnderWay) {
    AppendLimits const limits{.large_max = 2, .small_max = 4, .small_bytes_max = 1000};
    EXPECT_TRUE(may_begin(limits, 0, 0));
    EXPECT_TRUE(may_begin(limits, 3, 999));
    EXPECT_FALSE(may_begin(limits, 4, 0));
    EXPECT_FALSE(may_begin(limits, 3, 1000));
    EXPECT_FALSE(may_begin(limits, 2, 1000));
    EXPECT_TRUE(may_begin(limits, 1, 1'000'000));
}

}  // namespace
}  // namespace imapcopy::copy
