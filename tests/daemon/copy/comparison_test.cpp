#include "daemon/copy/comparison.hpp"

#include <gmock/gmock.h>

#include "daemon/copy/identity.hpp"

namespace imapcopy::copy {
namespace {

using enum DifferenceKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// What the tables below say of a message: a header, a body, and a date, each as one letter or number.
struct Line {
    std::uint32_t uid = 0;
    char headers = 'a';
    char content = 0;
    std::int64_t date = 0;
    PackedFlags flags = 0;
    bool claimed = false;
};

IndexedMessage message(Line const& line) {
    IndexedMessage message;
    message.uid = Uid(line.uid);
    message.headers = {static_cast<std::uint64_t>(line.headers), 0};
    message.content = {static_cast<std::uint64_t>(line.content), 0};
    message.date = line.date;
    message.flags = line.flags;
    message.size_bytes = 100;
    message.claimed = line.claimed;
    return message;
}

/// Source UIDs, destination UIDs, and pairs of both, as a folder's match names them.
struct Expected {
    std::vector<std::uint32_t> lost;
    std::vector<std::uint32_t> doubled;
    std::vector<std::uint32_t> extra;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> unequal;
    bool operator==(Expected const&) const = default;
};

std::vector<std::uint32_t> uids(std::vector<IndexedMessage> const& messages) {
    std::vector<std::uint32_t> uids;
    for (auto const& message : messages) uids.push_back(message.uid.value());
    return uids;
}

struct MatchCase {
    char const* what;
    std::vector<Line> source;
    std::vector<Line> destination;
    Expected expected;
};

TEST(Comparison, MatchesMultisets) {
    std::vector<MatchCase> const cases = {
        {"nothing", {}, {}, {}},
        {"equal in another order", {{1, 'a'}, {2, 'b'}}, {{7, 'b'}, {8, 'a'}}, {}},
        {"equal messages stay two", {{1, 'a'}, {2, 'a'}}, {{7, 'a'}, {8, 'a'}}, {}},
        {"one of two equal ones is lost", {{1, 'a'}, {2, 'a'}}, {{7, 'a'}}, {{2}, {}, {}, {}}},
        {"a copy too many", {{1, 'a'}}, {{7, 'a', 0, 0, 0, true}, {8, 'a'}}, {{}, {8}, {}, {}}},
        {"the copy too many is found, although the known one looks less like the source",
         {{1, 'a', 0, 5}},
         {{7, 'a', 0, 6, 0, true}, {8, 'a', 0, 5}},
         {{}, {7}, {}, {}}},
        {"equal messages of two sources are not doubled",
         {{1, 'a'}},
         {{7, 'a', 0, 0, 0, true}, {8, 'a', 0, 0, 0, true}},
         {{}, {}, {8}, {}}},
        {"mail of its own", {{1, 'a'}}, {{7, 'a'}, {8, 'b'}}, {{}, {}, {8}, {}}},
        {"another date", {{1, 'a', 0, 5}}, {{7, 'a', 0, 6}}, {{}, {}, {}, {{1, 7}}}},
        {"other flags", {{1, 'a', 0, 5, 1}}, {{7, 'a', 0, 5, 0}}, {{}, {}, {}, {{1, 7}}}},
        {"the same headers and another body", {{1, 'a', 'x'}}, {{7, 'a', 'y'}}, {{}, {}, {}, {{1, 7}}}},
        {"bodies find each other whatever the dates",
         {{1, 'a', 'x', 5}, {2, 'a', 'y', 6}},
         {{7, 'a', 'y', 5}, {8, 'a', 'x', 6}},
         {{}, {}, {}, {{1, 8}, {2, 7}}}},
        {"another message in its place", {{1, 'a'}}, {{1, 'b'}}, {{1}, {}, {1}, {}}},
    };
    for (auto const& each : cases) {
        std::vector<IndexedMessage> source;
        std::vector<IndexedMessage> destination;
        for (auto const& line : each.source) source.push_back(message(line));
        for (auto const& line : each.destination) destination.push_back(message(line));
        auto const match = match_messages(source, destination);
        Expected found{uids(match.lost), uids(match.doubled), uids(match.extra), {}};
        for (auto const& pair : match.unequal)
            found.unequal.emplace_back(pair.source.uid.value(), pair.destination.uid.value());
        EXPECT_EQ(found, each.expected) << each.what;
    }
}

LedgerEntry entry(MessageState state, std::uint32_t destination_uid = 0, std::uint32_t uid_validity = 9) {
    LedgerEntry entry;
    entry.source_uid = Uid(5);
    entry.state = state;
    entry.destination_uid = Uid(destination_uid);
    entry.destination_uid_validity = UidValidity(uid_validity);
    entry.code = "MessageTooLarge";
    entry.text = "too large";
    return entry;
}

struct LostCase {
    char const* what;
    std::optional<LedgerEntry> entry;
    DifferenceKind kind;
    Standing standing = Standing::nothing;
};

TEST(Comparison, BelievesTheLedgerOnlyAsFarAsTheServersBearItOut) {
    FolderFacts facts;
    facts.source = {UidValidity(3), Uid(10), 4, ModSeq()};
    facts.destination = MailboxStatus{UidValidity(9), Uid(20), 4, ModSeq()};
    facts.source_complete = facts.source;
    using enum MessageState;
    std::vector<LostCase> const cases = {
        {"forgotten by a complete pass", std::nullopt, DifferenceKind::missing},
        {"called copied, UID unknown", entry(done), DifferenceKind::missing},
        {"called copied under a UID that never was", entry(done, 20), DifferenceKind::missing},
        {"called copied into the folder of then", entry(done, 7, 8), DifferenceKind::missing},
        {"its UID holds another message", entry(done, 7), DifferenceKind::altered, Standing::other},
        {"its UID is taken by its twin", entry(done, 7), DifferenceKind::missing, Standing::equal},
        {"its UID was given out and is gone", entry(done, 7), DifferenceKind::deleted},
        {"recognised once and gone", entry(adopted, 7), DifferenceKind::deleted},
        {"refused", entry(refused), DifferenceKind::exception},
        {"begun", entry(intent), DifferenceKind::uncopied},
        {"begun, and no answer", entry(ambiguous), DifferenceKind::uncopied},
        {"said to be gone", entry(gone), DifferenceKind::missing},
    };
    for (auto const& each : cases) {
        auto const* const known = each.entry ? &*each.entry : nullptr;
        auto const finding = explain_lost(Uid(5), known, facts, each.standing);
        EXPECT_EQ(to_string(finding.kind), to_string(each.kind)) << each.what;
        EXPECT_FALSE(finding.text.empty()) << each.what;
    }
    EXPECT_EQ(explain_lost(Uid(10), nullptr, facts, Standing::nothing).kind, uncopied)
        << "arrived after the pass";
    facts.destination.reset();
    auto const copied = entry(done, 7);
    EXPECT_EQ(explain_lost(Uid(5), &copied, facts, Standing::nothing).kind, DifferenceKind::missing)
        << "no such folder";
    facts.source_complete.reset();
    EXPECT_EQ(explain_lost(Uid(5), nullptr, facts, Standing::nothing).kind, uncopied)
        << "no pass has ended yet";
}

std::vector<DifferenceKind> kinds(MessagePair const& pair, LedgerEntry const* known) {
    std::vector<DifferenceKind> kinds;
    for (auto const& finding : explain_pair(pair, known)) kinds.push_back(finding.kind);
    return kinds;
}

TEST(Comparison, TellsWhatIsUnequalAboutAPair) {
    MessagePair pair{message({1, 'a', 'x', 5, 1}), message({7, 'a', 'x', 5, 1})};
    auto known = entry(MessageState::done, 7);
    known.flags = Flags::parse("\\Seen");
    EXPECT_THAT(kinds(pair, nullptr), IsEmpty());
    pair.destination.size_bytes = 98;
    EXPECT_THAT(kinds(pair, nullptr), ElementsAre(resized));
    pair.destination.content = {'y', 0};
    EXPECT_THAT(kinds(pair, nullptr), ElementsAre(altered));
    EXPECT_THAT(explain_pair(pair, nullptr)[0].text,
                HasSubstr("100 bytes at the source, 98 at the destination"));
    pair.destination = message({7, 'a', 'x', 6, 0});
    EXPECT_THAT(kinds(pair, nullptr), ElementsAre(date, flags));
    EXPECT_THAT(kinds(pair, &known), ElementsAre(date, reflagged));
    EXPECT_THAT(explain_pair(pair, &known)[1].text, HasSubstr("source: \\Seen; destination: none"));
    EXPECT_THAT(explain_pair(pair, &known)[1].text, HasSubstr("at the destination since"));
    known.flags = {};
    EXPECT_THAT(explain_pair(pair, &known)[1].text, HasSubstr("at the source since"));
    known.state = MessageState::adopted;
    EXPECT_THAT(kinds(pair, &known), ElementsAre(adopted, adopted));
}

TEST(Comparison, PacksFlags) {
    EXPECT_EQ(pack(Flags::parse("\\Seen \\Draft")), 17U);
    EXPECT_EQ(pack(Flags::parse("$Label1 Work")), pack(Flags::parse("work $LABEL1")));
    EXPECT_NE(pack(Flags::parse("Work")), pack(Flags::parse("Play")));
    EXPECT_NE(pack(Flags::parse("Work")), 0U);
    EXPECT_EQ(flag_names(pack(Flags::parse("\\Flagged \\Answered Work"))), "\\Answered \\Flagged keywords");
    EXPECT_EQ(flag_names(0), "none");
}

TEST(Comparison, TakesSilentMessagesOfOneDateForAlike) {
    MessageMeta meta;
    meta.internal_date.unix_seconds = 1000;
    auto const unread = index_message(meta);
    meta.identity = identity_of_headers("");
    auto const one = index_message(meta);
    EXPECT_EQ(unread, one) << "headers that the server did not give say nothing";
    meta.internal_date.unix_seconds = 1001;
    EXPECT_NE(likeness(index_message(meta)), likeness(one));
    EXPECT_EQ(match_messages({one}, {index_message(meta)}).unequal.size(), 1U)
        << "on a server that keeps no date";
    meta.identity = identity_of_headers("Message-ID: <1@x>\r\n");
    auto const two = index_message(meta);
    meta.internal_date.unix_seconds = 1000;
    EXPECT_EQ(likeness(index_message(meta)), likeness(two));
}

TEST(Comparison, EveryKindHasAName) {
    for (std::size_t i = 0; i < difference_kinds; ++i)
        EXPECT_FALSE(to_string(static_cast<DifferenceKind>(i)).empty());
    EXPECT_FALSE(is_explained(unreadable));
    EXPECT_TRUE(is_explained(exception));
    EXPECT_TRUE(is_explained(resized));
}

}  // namespace
}  // namespace imapcopy::copy
