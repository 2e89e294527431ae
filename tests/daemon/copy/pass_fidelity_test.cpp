// What a destination cannot hold as it is: kept as well as it allows, named in every report, and nothing else
// suffers from it.

#include <gmock/gmock.h>

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using test::sample_message;
using test::StoredMessage;
using test::succeed;
using test::World;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::size_t appends_of_another_pass(World& world) {
    world.destination.log.clear();
    (void)succeed(world);
    return world.destination.count_commands("append");
}

void refuse_number(World& world, int number) {
    world.destination.refuse = [number](std::string const& body) -> std::optional<Error> {
        if (body.find("number " + std::to_string(number) + "\r\n") == std::string::npos) return std::nullopt;
        return Error{ErrorCode::append_rejected, "append", "invalid header"};
    };
}

TEST(PassFidelity, NamesARefusedMessageInEveryReportUntilItIsGone) {
    World world;
    for (int i = 1; i <= 5; ++i) world.source.add_message("INBOX", sample_message(i));
    refuse_number(world, 3);
    for (int pass = 1; pass <= 3; ++pass) {
        auto const result = succeed(world);
        ASSERT_THAT(result.exceptions, SizeIs(1)) << "pass " << pass;
        EXPECT_EQ(result.exceptions[0].uid, Uid(3));
        EXPECT_EQ(result.exceptions[0].code, "AppendRejected");
        EXPECT_THAT(result.exceptions[0].text, HasSubstr("invalid header"));
        EXPECT_EQ(result.folders[0].exceptions, 1U);
        EXPECT_EQ(result.folders[0].copied + result.folders[0].recognised, 4U);
        EXPECT_EQ(world.observer.last.messages_done, 4U);
        EXPECT_EQ(world.observer.last.messages_skipped, 1U);
        if (pass == 2) world.source.add_message("INBOX", sample_message(6));  // The third opens the folder.
        if (pass == 2) world.source.remove_message("INBOX", Uid(5));
    }
    world.source.remove_message("INBOX", Uid(3));
    EXPECT_THAT(succeed(world).exceptions, IsEmpty());
    EXPECT_EQ(appends_of_another_pass(world), 0U);
}

/// A copy that was lost with its folder, and whose original is gone: it is neither told of nor looked for.
TEST(PassFidelity, LeavesALaterMessageToItsOwnOriginal) {
    World world;
    world.destination.refuse_message = [](test::StoredMessage const& message) {
        return !message.flags.keywords().empty();
    };
    world.source.add_message("INBOX", sample_message(1), Flags::parse("Odd"));
    world.source.add_message("INBOX", sample_message(2));
    EXPECT_THAT(succeed(world).exceptions, SizeIs(1));

    auto& inbox = world.destination.at("INBOX");
    inbox.uid_validity += 1;
    inbox.messages.clear();
    world.source.remove_message("INBOX", Uid(1));
    EXPECT_THAT(succeed(world).exceptions, IsEmpty());

    world.destination.add_message("INBOX", sample_message(1));
    world.source.add_message("INBOX", sample_message(1));
    EXPECT_EQ(succeed(world).messages_copied, 0U);
}

/// A server that refuses something of every message: what is to be tried again does not pile up until the
/// end.
TEST(PassFidelity, TriesRefusedMessagesAgainBeforeTheyAreMany) {
    World world;
    world.options.messages_per_window = 10;
    world.destination.refuse_message = [](test::StoredMessage const& message) {
        return !message.flags.keywords().empty();
    };
    for (int i = 1; i <= 100; ++i) world.source.add_message("INBOX", sample_message(i), Flags::parse("Odd"));
    auto const result = succeed(world);
    EXPECT_EQ(result.messages_copied, 100U);
    EXPECT_THAT(result.exceptions, SizeIs(100));
    auto const& log = world.source.log;
    auto const again = std::ranges::find(log, "fetch INBOX 1");
    auto const last_listing = std::find(log.rbegin(), log.rend(), "fetch INBOX 10");
    ASSERT_NE(again, log.end());
    ASSERT_NE(last_listing, log.rend());
    EXPECT_LT(again - log.begin(), log.rend() - last_listing);
    std::ptrdiff_t waiting = 0;
    std::ptrdiff_t waiting_most = 0;
    for (auto const& line : log) {
        if (line == "fetch INBOX 10") waiting += 10;
        if (line == "fetch INBOX 1") --waiting;
        waiting_most = std::max(waiting_most, waiting);
    }
    EXPECT_LE(waiting_most, 60);
}

TEST(PassFidelity, NamesARefusedMessageAlthoughTheConnectionBrokeAfterwards) {
    for (std::size_t k = 1; k <= 60; ++k) {
        World world;
        for (int i = 1; i <= 5; ++i) world.source.add_message("INBOX", sample_message(i));
        refuse_number(world, 3);
        world.destination.fail_at(k, test::Fault::lose_connection);
        EXPECT_THAT(succeed(world).exceptions, SizeIs(1)) << "destination step " << k;
    }
}

TEST(PassFidelity, LeavesOutAKeywordOrADateRatherThanTheMessage) {
    World world;
    auto& source = world.source;
    source.add_message("INBOX", sample_message(1), Flags::parse("\\Seen Plain"), 1'000'000'000);
    source.add_message("INBOX", sample_message(2), Flags::parse("\\Seen Plain Odd!"), 1'000'000'000);
    source.add_message("INBOX", sample_message(3), Flags::parse("Plain"), -86'400);
    source.add_message("INBOX", sample_message(4), {}, 1'000'000'000);
    world.destination.refuse_message = [](StoredMessage const& message) {
        return message.flags.has_keyword("Odd!") || message.internal_date.unix_seconds < 0;
    };
    auto const result = succeed(world);
    EXPECT_EQ(result.messages_copied, 4U);
    ASSERT_THAT(result.exceptions, SizeIs(2));
    EXPECT_EQ(result.exceptions[0].code, "AttributeRefused");
    EXPECT_THAT(result.exceptions[0].text, HasSubstr("without its keywords Odd!,"));
    EXPECT_THAT(result.exceptions[0].text, HasSubstr("not with these flags and this date"));
    EXPECT_THAT(result.exceptions[1].text, HasSubstr("without its date,"));
    EXPECT_EQ(world.observer.last.messages_skipped, 0U);
    std::vector<std::string> flags;
    for (auto const& message : world.destination.at("INBOX").messages)
        flags.push_back(message.flags.to_string());
    EXPECT_THAT(flags, testing::UnorderedElementsAre("\\Seen Plain", "\\Seen Plain", "Plain", ""));

    // The keyword that is not there is not asked for again.
    world.destination.log.clear();
    source.set_flags("INBOX", Uid(2), Flags::parse("\\Seen \\Flagged Plain Odd!"));
    EXPECT_EQ(succeed(world).exceptions, result.exceptions) << "every report names them";
    EXPECT_EQ(world.destination.count_commands("append"), 0U);
    EXPECT_EQ(world.destination.count_commands("store"), 1U);
    source.remove_message("INBOX", Uid(2));
    EXPECT_THAT(succeed(world).exceptions, SizeIs(1)) << "but for those that are gone";
    EXPECT_EQ(appends_of_another_pass(world), 0U);
}

/// A message without one keyword; in the folder, another that no message keeps.
void fill_with_losses(World& world) {
    world.source.add_message("INBOX", sample_message(1), Flags::parse("Odd!"));
    world.source.add_message("INBOX", sample_message(2));
    world.source.add_mailbox("Plain");
    world.source.add_message("Plain", sample_message(3), Flags::parse("Red"));
    world.destination.refuse_message = [](StoredMessage const& message) {
        return message.flags.has_keyword("Odd!");
    };
    world.destination.without_keywords = {"Plain"};
}

TEST(PassFidelity, SaysWhatAMessageLostWhereverTheConnectionBreaks) {
    for (auto const fault : {test::Fault::lose_connection, test::Fault::lose_connection_late_commit}) {
        for (std::size_t k = 1; k <= 60; ++k) {
            World world;
            fill_with_losses(world);
            world.destination.fail_at(k, fault);
            auto const result = succeed(world);
            ASSERT_THAT(result.exceptions, SizeIs(2)) << "destination step " << k;
            EXPECT_THAT(result.exceptions[0].text, HasSubstr("without its keywords Odd!")) << k;
            EXPECT_THAT(result.exceptions[1].text, HasSubstr("does not keep Red, which 1 ")) << k;
            EXPECT_EQ(succeed(world).exceptions, result.exceptions) << "destination step " << k;
        }
    }
}

TEST(PassFidelity, SaysWhatAMessageLostWheneverTheProcessDies) {
    for (auto const death : {test::MemoryJournal::Death::before, test::MemoryJournal::Death::after}) {
        for (std::size_t k = 1; k <= 20; ++k) {
            World world;
            fill_with_losses(world);
            world.journal.die_at(k, death);
            (void)world.run();  // Dies, or ends before that write.
            world.journal.revive();
            EXPECT_THAT(succeed(world).exceptions, SizeIs(2)) << "journal write " << k;
        }
    }
}

TEST(PassFidelity, SaysInEveryReportThatACopyMayBeDouble) {
    World world;
    // Nobody can tell by the headers whether they are the same, and the destination does not give its body.
    world.source.add_message("INBOX", sample_message(1, 30));
    world.destination.add_message("INBOX", sample_message(1, 40));
    world.destination.hidden_bodies = SIZE_MAX;
    for (int pass = 1; pass <= 2; ++pass) {
        auto const result = succeed(world);
        ASSERT_THAT(result.exceptions, SizeIs(1)) << "pass " << pass;
        EXPECT_EQ(result.exceptions[0].code, "MessageUnreadable");
        EXPECT_THAT(result.exceptions[0].text, HasSubstr("may hold it already"));
        EXPECT_EQ(world.observer.last.messages_skipped, 0U);
    }
    EXPECT_EQ(world.destination.at("INBOX").messages.size(), 2U);
}

TEST(PassFidelity, SaysOnceAFolderWhichKeywordsTheDestinationDoesNotKeep) {
    World world;
    world.destination.any_keyword = false;
    for (int i = 1; i <= 3; ++i)
        world.source.add_message("INBOX", sample_message(i), Flags::parse(i == 1 ? "\\Seen" : "\\Seen Red"));
    auto const result = succeed(world);
    ASSERT_THAT(result.exceptions, SizeIs(1));
    EXPECT_EQ(result.exceptions[0].code, "AttributeRefused");
    EXPECT_EQ(result.exceptions[0].text, "the destination does not keep Red, which 2 messages had");
    EXPECT_EQ(result.messages_copied, 3U);
    EXPECT_EQ(succeed(world).exceptions, result.exceptions);
}

TEST(PassFidelity, PutsAFolderWhoseNameIsRefusedUnderTheSameOtherNameEachTime) {
    World world;
    world.source.add_mailbox("Odd*name").mailbox.subscribed = true;
    world.source.add_mailbox("Odd*name/Child");
    world.source.add_message("Odd*name", sample_message(1));
    world.source.add_message("Odd*name/Child", sample_message(2));
    world.destination.refuse_name = [](std::string const& name) {
        return name.find('*') != std::string::npos;
    };
    auto const first = succeed(world);
    EXPECT_EQ(first.messages_copied, 2U);
    ASSERT_THAT(first.exceptions, SizeIs(2));
    EXPECT_EQ(first.exceptions[0].code, "FolderCreateRefused");
    EXPECT_THAT(first.exceptions[0].text, HasSubstr("stored as \"Odd_name-"));
    auto const again = succeed(world);
    EXPECT_EQ(again.messages_copied, 0U);
    EXPECT_FALSE(again.changed);
    ASSERT_THAT(again.exceptions, SizeIs(2));
    EXPECT_EQ(again.exceptions[0].code, "FolderCreateRefused");
    EXPECT_EQ(again.folders[1].destination, first.folders[1].destination);
    world.journal = {};  // The other name is known again without the ledger, too.
    EXPECT_EQ(succeed(world).messages_copied, 0U);
}

TEST(PassFidelity, ListsAFolderThatTheDestinationDoesNotOpenAndCopiesTheOthers) {
    World world;
    world.source.add_mailbox("Closed");
    world.source.add_message("Closed", sample_message(1));
    world.source.add_message("INBOX", sample_message(2));
    world.destination.add_mailbox("Closed");
    world.destination.unopenable = {"Closed"};
    auto const result = succeed(world);
    ASSERT_THAT(result.exceptions, SizeIs(1));
    EXPECT_EQ(result.exceptions[0].folder, "Closed");
    EXPECT_EQ(result.exceptions[0].code, "FolderVanished");
    EXPECT_EQ(result.messages_copied, 1U);
    world.destination.unopenable.clear();
    EXPECT_EQ(succeed(world).messages_copied, 1U);
}

TEST(PassFidelity, ListsAFolderThatTheSourceDoesNotOpenAndCopiesTheOthers) {
    World world;
    world.source.add_mailbox("Closed");
    world.source.add_message("Closed", sample_message(1));
    world.source.add_message("INBOX", sample_message(2));
    world.source.unopenable = {"Closed"};
    auto const result = succeed(world);
    ASSERT_THAT(result.exceptions, SizeIs(1));
    EXPECT_EQ(result.exceptions[0].folder, "Closed");
    EXPECT_EQ(result.messages_copied, 1U);
    world.source.unopenable.clear();
    EXPECT_EQ(succeed(world).messages_copied, 1U);
}

TEST(PassFidelity, RecognisesAnotherToolsCopiesAlthoughTheUserDeletedSomeOfOurs) {
    World world;
    for (int i = 1; i <= 4; ++i) world.source.add_message("INBOX", sample_message(i));
    world.destination.add_message("INBOX", sample_message(4));
    std::size_t seen = 0;
    world.destination.refuse = [&](std::string const&) -> std::optional<Error> {
        if (++seen == 1) world.stop.request();
        return std::nullopt;
    };
    world.options.batch_messages_max = 3;
    (void)succeed(world);
    world.stop = {};
    // One of ours goes, and another tool brings a message that is at the source, too.
    world.destination.remove_message("INBOX", world.destination.at("INBOX").messages.back().uid);
    world.source.add_message("INBOX", sample_message(5));
    world.destination.add_message("INBOX", sample_message(5));
    (void)succeed(world);
    std::size_t fives = 0;
    for (auto const& message : world.destination.at("INBOX").messages)
        fives += message.body == sample_message(5);
    EXPECT_EQ(fives, 1U);
}

/// Else the next pass would list only what is newer.
TEST(PassFidelity, ListsAgainWhereTheSourceListsLessThanItHas) {
    World world;
    for (int i = 1; i <= 5; ++i) world.source.add_message("INBOX", sample_message(i));
    world.source.at("INBOX").messages[2].visible_from = TimePoint::max();
    world.source.counts_hidden = true;
    auto const first = succeed(world);
    EXPECT_EQ(first.messages_copied, 4U);
    ASSERT_EQ(first.exceptions.size(), 1U);
    EXPECT_EQ(first.exceptions.front().text, "the source lists 4 of the 5 messages that it says it has");
    world.source.at("INBOX").messages[2].visible_from = {};
    auto const second = succeed(world);
    EXPECT_EQ(second.messages_copied, 1U);
    EXPECT_TRUE(second.exceptions.empty());
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

TEST(PassFidelity, ListsAgainWhereTheSourceListsLessThanHasCome) {
    World world;
    for (int i = 1; i <= 3; ++i) world.source.add_message("INBOX", sample_message(i));
    (void)succeed(world);
    for (int i = 4; i <= 6; ++i) world.source.add_message("INBOX", sample_message(i));
    world.source.at("INBOX").messages[4].visible_from = TimePoint::max();
    world.source.counts_hidden = true;
    auto const second = succeed(world);
    EXPECT_EQ(second.messages_copied, 2U);
    ASSERT_EQ(second.exceptions.size(), 1U);
    EXPECT_EQ(second.exceptions.front().text, "the source lists 5 of the 6 messages that it says it has");
    EXPECT_EQ(second.folders.front().recognised, 3U);
    world.source.at("INBOX").messages[4].visible_from = {};
    auto const third = succeed(world);
    EXPECT_EQ(third.messages_copied, 1U);
    EXPECT_TRUE(third.exceptions.empty());
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

/// The pass that saw it empty has not opened its copy.
TEST(PassFidelity, ListsAgainWhereAnEmptyFolderHasGotMessages) {
    World world;
    world.source.add_mailbox("Work").uid_next = 50;
    (void)succeed(world);
    for (int i = 1; i <= 3; ++i) world.source.add_message("Work", sample_message(i));
    world.source.at("Work").messages[1].visible_from = TimePoint::max();
    world.source.counts_hidden = true;
    EXPECT_EQ(succeed(world).exceptions.size(), 1U);
    world.source.at("Work").messages[1].visible_from = {};
    EXPECT_EQ(succeed(world).messages_copied, 1U);
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

TEST(PassFidelity, ListsAllAgainWhereAnOldMessageTurnsUp) {
    World world;
    for (int i = 1; i <= 4; ++i) world.source.add_message("INBOX", sample_message(i));
    world.source.at("INBOX").messages[1].visible_from = TimePoint::max();
    EXPECT_EQ(succeed(world).messages_copied, 3U);
    world.source.at("INBOX").messages[1].visible_from = {};
    auto const second = succeed(world);
    EXPECT_EQ(second.messages_copied, 0U);
    EXPECT_EQ(second.exceptions.size(), 1U);
    auto const third = succeed(world);
    EXPECT_EQ(third.messages_copied, 1U);
    EXPECT_TRUE(third.exceptions.empty());
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

TEST(PassFidelity, KeepsNoDateThatTheSourceDoesNotTell) {
    World world;
    world.source.add_message("INBOX", sample_message(1), {}, InternalDate::not_told().unix_seconds);
    auto const result = succeed(world);
    ASSERT_EQ(result.exceptions.size(), 1U);
    EXPECT_EQ(result.exceptions.front().code, "AttributeRefused");
    auto const now = std::chrono::floor<std::chrono::seconds>(world.clock.wall_now()).time_since_epoch();
    EXPECT_EQ(world.destination.at("INBOX").messages.front().internal_date.unix_seconds, now.count());
    EXPECT_EQ(succeed(world).messages_copied, 0U);
}

}  // namespace
}  // namespace imapcopy::copy
