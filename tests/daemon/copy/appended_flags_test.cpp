// A destination whose APPEND forgets flags: each message has them in the end, wherever the copy breaks off.

#include "daemon/copy/appended_flags.hpp"

#include <gmock/gmock.h>

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using test::MemoryJournal;
using test::sample_message;
using test::succeed;
using test::World;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

AppendedFlags copy_of(std::string_view given, std::string_view found) {
    auto const flags = Flags::parse(given);
    return {Uid(1), Uid(1001), flags, flags, Flags::parse(found)};
}

TEST(JudgeFlags, NeedsOnlyOneFlagThatStayed) {
    EXPECT_EQ(judge_flags({}), FlagKeeping::untold);
    EXPECT_EQ(judge_flags({copy_of("", ""), copy_of("", "\\Seen")}), FlagKeeping::untold);
    EXPECT_EQ(judge_flags({copy_of("", ""), copy_of("\\Seen", "")}), FlagKeeping::forgets);
    EXPECT_EQ(judge_flags({copy_of("\\Seen", "\\Flagged")}), FlagKeeping::forgets);
    EXPECT_EQ(judge_flags({copy_of("\\Seen", ""), copy_of("\\Seen Red", "Red")}), FlagKeeping::keeps);
}

TEST(LostFlags, OfSeveralKindsAreNotTheUsersDoing) {
    EXPECT_FALSE(have_lost_several_kinds({}));
    EXPECT_FALSE(have_lost_several_kinds({copy_of("\\Seen", ""), copy_of("\\Seen", "")}));
    EXPECT_FALSE(have_lost_several_kinds({copy_of("\\Seen Red", ""), copy_of("\\Deleted", "")}));
    EXPECT_TRUE(have_lost_several_kinds({copy_of("\\Seen", ""), copy_of("\\Flagged", "")}));
    EXPECT_TRUE(have_lost_several_kinds({copy_of("\\Seen \\Answered", "")}));
}

/// With UIDPLUS, or without any extension.
class ForgottenFlags : public testing::TestWithParam<bool> {
 protected:
    static void fill(World& world) {
        if (!GetParam()) world.destination.traits = {};
        world.destination.append_keeps_flags = false;
        world.source.add_mailbox("Other");
        char const* const flags[] = {"", "\\Seen", "\\Seen Red", "\\Answered", ""};
        for (int i = 0; i < 10; ++i) {
            world.source.add_message(i < 7 ? "INBOX" : "Other", sample_message(i),
                                     Flags::parse(flags[i % 5]));
        }
    }
};

TEST_P(ForgottenFlags, AreSet) {
    World world;
    fill(world);
    EXPECT_THAT(succeed(world).exceptions, IsEmpty());
    EXPECT_EQ(world.destination.contents(), world.source.contents());
    world.destination.log.clear();
    EXPECT_THAT(succeed(world).exceptions, IsEmpty());
    EXPECT_EQ(world.destination.count_commands("store"), 0U);
    EXPECT_EQ(world.destination.count_commands("append"), 0U);
}

TEST_P(ForgottenFlags, AreSetOnACopyThatIsOnlyKnownByItsBody) {
    World world;
    fill(world);
    world.source.add_message("Other", "\r\nno header at all\r\n", Flags::parse("\\Flagged"));
    world.destination.hidden_bodies = 1;
    EXPECT_THAT(succeed(world).exceptions, IsEmpty());
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

TEST_P(ForgottenFlags, AreSetWhereverTheDestinationBreaks) {
    for (auto const fault : {test::Fault::lose_connection, test::Fault::lose_connection_late_commit}) {
        for (std::size_t k = 1; k <= 80; ++k) {
            World world;
            fill(world);
            world.destination.fail_at(k, fault);
            EXPECT_THAT(succeed(world).exceptions, IsEmpty()) << "destination step " << k;
            EXPECT_EQ(world.destination.contents(), world.source.contents()) << "destination step " << k;
        }
    }
}

/// True if the report says that the message lost flags.
bool is_named(PassResult const& result, std::string const& folder, Uid uid) {
    return std::ranges::any_of(result.exceptions, [&](Exception const& each) {
        return each.folder == folder && each.uid == uid && each.code == "AttributeRefused";
    });
}

/// The flags of copies whose end an earlier pass did not record are named where the owner may have cleared
/// them, and set where he has hardly done so.
TEST_P(ForgottenFlags, AreSetOrNamedWheneverTheProcessDies) {
    for (auto const death : {MemoryJournal::Death::before, MemoryJournal::Death::after}) {
        for (std::size_t k = 1; k <= 40; ++k) {
            World world;
            fill(world);
            world.journal.die_at(k, death);
            (void)world.run();  // Dies, or ends before that write.
            world.journal.revive();
            auto const result = succeed(world);
            for (auto const* const folder : {"INBOX", "Other"}) {
                auto const& copies = world.destination.at(folder).messages;
                auto const& originals = world.source.at(folder).messages;
                ASSERT_EQ(copies.size(), originals.size()) << "journal write " << k;
                for (auto const& original : originals) {
                    auto const copy = std::ranges::find(copies, original.body, &test::StoredMessage::body);
                    ASSERT_NE(copy, copies.end()) << "journal write " << k;
                    bool const named = is_named(result, folder, original.uid);
                    EXPECT_NE(copy->flags == original.flags, named) << "journal write " << k;
                }
            }
        }
    }
}

TEST_P(ForgottenFlags, AreSetAfterADeathWhereSeveralKindsAreGone) {
    World world;
    fill(world);
    world.options.batch_messages_max = 10;
    world.source.remove_mailbox("Other");
    world.destination.before_step = [&world] {
        // Stored, and the journal does not learn of it.
        if (world.destination.at("INBOX").messages.size() >= 4)
            world.journal.die_at(1, MemoryJournal::Death::before);
    };
    EXPECT_FALSE(world.run().ok());
    world.destination.before_step = nullptr;
    world.journal.revive();
    EXPECT_EQ(world.destination.at("INBOX").messages.at(1).flags.to_string(), "");
    EXPECT_THAT(succeed(world).exceptions, IsEmpty());
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

TEST_P(ForgottenFlags, ThatTheUserHasClearedBetweenTwoPassesStayCleared) {
    for (auto const death : {MemoryJournal::Death::before, MemoryJournal::Death::after}) {
        for (std::size_t k = 1; k <= 40; ++k) {
            World world;
            fill(world);
            world.destination.append_keeps_flags = true;
            world.journal.die_at(k, death);
            (void)world.run();
            world.journal.revive();
            std::vector<std::pair<std::string, Uid>> cleared;
            for (auto const& mailbox : world.destination.mailboxes()) {
                auto const& name = mailbox->mailbox.name.utf8;
                for (auto const& message : mailbox->messages) {
                    cleared.emplace_back(name, message.uid);
                    auto const left = message.flags.without(Flags::parse("\\Seen"));
                    world.destination.set_flags(name, message.uid, left);
                }
            }
            (void)succeed(world);
            for (auto const& [name, uid] : cleared) {
                auto const& messages = world.destination.at(name).messages;
                auto const message = std::ranges::find(messages, uid, &test::StoredMessage::uid);
                EXPECT_FALSE(message->flags.has(imap::SystemFlag::seen)) << name << ", journal write " << k;
            }
        }
    }
}

TEST_P(ForgottenFlags, AreListedWhereTheyCannotBeSet) {
    World world;
    fill(world);
    world.destination.refuse_store = true;
    for (int pass = 1; pass <= 2; ++pass) {
        auto const result = succeed(world);
        ASSERT_THAT(result.exceptions, SizeIs(6)) << "pass " << pass;
        EXPECT_EQ(result.exceptions[0].uid, Uid(2));
        EXPECT_EQ(result.exceptions[0].code, "AttributeRefused");
        EXPECT_THAT(result.exceptions[0].text, HasSubstr("without its flags \\Seen,"));
    }
}

/// Whose flags these are, nobody knows: they were there before, or have been changed by the user.
TEST_P(ForgottenFlags, AreLeftAloneOnWhatWasNotAppendedNow) {
    World world;
    fill(world);
    world.destination.add_message("INBOX", sample_message(1));
    (void)succeed(world);
    auto const adopted = world.destination.at("INBOX").messages.at(0);
    EXPECT_EQ(adopted.flags.to_string(), "");

    for (auto& message : world.destination.at("INBOX").messages) {
        message.uid = Uid(message.uid.value() + 500);
        message.flags = {};
    }
    world.destination.at("INBOX").uid_validity += 1;
    world.destination.at("INBOX").uid_next += 500;
    world.source.add_message("INBOX", sample_message(50));
    (void)succeed(world);
    for (auto const& message : world.destination.at("INBOX").messages)
        EXPECT_EQ(message.flags.to_string(), "") << "flags that the user has cleared came back";
}

INSTANTIATE_TEST_SUITE_P(Servers, ForgottenFlags, testing::Values(true, false),
                         [](auto const& each) { return each.param ? "uidplus" : "no_extension"; });

TEST(FlagKeepingCost, IsOneLookForAWholeTry) {
    World world;
    world.source.add_mailbox("Other");
    for (int i = 1; i <= 40; ++i)
        world.source.add_message(i % 2 == 0 ? "INBOX" : "Other", sample_message(i), Flags::parse("\\Seen"));
    (void)succeed(world);
    EXPECT_GE(world.destination.count_commands("append"), 10U);
    EXPECT_EQ(world.destination.count_commands("list_messages"), 1U);
    EXPECT_EQ(world.destination.count_commands("store"), 0U);
}

}  // namespace
}  // namespace imapcopy::copy
