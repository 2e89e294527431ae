#include "daemon/copy/pass.hpp"

#include <gmock/gmock.h>

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using test::expected_contents;
using test::fill;
using test::sample_message;
using test::succeed;
using test::World;
using testing::HasSubstr;
using testing::IsEmpty;

/// A second run over an unchanged world: nothing is appended, created or set.
void expect_nothing_to_do(World& world) {
    world.destination.log.clear();
    world.source.log.clear();
    auto const result = succeed(world);
    EXPECT_FALSE(result.changed);
    EXPECT_EQ(result.messages_copied, 0U);
    EXPECT_EQ(world.destination.count_commands("append"), 0U);
    EXPECT_EQ(world.destination.count_commands("create"), 0U);
    EXPECT_EQ(world.source.count_commands("fetch"), 0U);
}

TEST(Pass, CopiesEverythingOnceAndRecognisesWhatIsThere) {
    World world;
    fill(world);
    auto const result = succeed(world);
    EXPECT_EQ(world.destination.contents(), expected_contents(world));
    EXPECT_EQ(result.messages_copied, 10U);
    EXPECT_THAT(result.exceptions, IsEmpty());
    EXPECT_TRUE(result.changed);
    expect_nothing_to_do(world);
}

TEST(Pass, NeverChangesTheSource) {
    World world;
    fill(world);
    auto const before = world.source.contents();
    (void)succeed(world);
    EXPECT_EQ(world.source.contents(), before);
    for (auto const& command : world.source.log) {
        EXPECT_FALSE(command.starts_with("append") || command.starts_with("select") ||
                     command.starts_with("create") || command.starts_with("subscribe") ||
                     command.starts_with("store"))
            << command;
    }
}

TEST(Pass, TakesNoMoreCommandsForManyUnchangedFolders) {
    World world;
    for (int i = 0; i < 50; ++i) {
        auto const name = "Folder " + std::to_string(i);
        world.source.add_mailbox(name);
        world.source.add_message(name, sample_message(i));
    }
    (void)succeed(world);
    world.source.log.clear();
    world.destination.log.clear();
    expect_nothing_to_do(world);
    EXPECT_EQ(world.source.log.size(), 1U);
    EXPECT_EQ(world.destination.log.size(), 1U);
}

TEST(Pass, CopiesOnlyWhatIsNew) {
    World world;
    fill(world);
    (void)succeed(world);
    world.source.add_message("INBOX", sample_message(50));
    world.source.log.clear();
    auto const result = succeed(world);
    EXPECT_EQ(result.messages_copied, 1U);
    EXPECT_EQ(world.source.count_commands("fetch INBOX 1"), 1U);
    expect_nothing_to_do(world);
}

TEST(Pass, NeverBringsBackWhatTheUserDeletedOnTheNewSide) {
    World world;
    fill(world);
    (void)succeed(world);
    auto const& messages = world.destination.at("INBOX").messages;
    world.destination.remove_message("INBOX", messages.back().uid);
    world.source.add_message("INBOX", sample_message(50));
    EXPECT_EQ(succeed(world).messages_copied, 1U);
}

TEST(Pass, RebuildsALostDatabaseFromTheDestination) {
    World world;
    fill(world);
    (void)succeed(world);
    world.journal = {};
    auto const result = succeed(world);
    EXPECT_EQ(result.messages_copied, 0U);
    EXPECT_EQ(world.destination.contents(), expected_contents(world));
    expect_nothing_to_do(world);
}

/// The APPEND commands of a pass to which a body comes every `pause`.
std::size_t appends_at(Duration pause, std::string_view flags = "") {
    World world;
    for (int i = 0; i < 20; ++i)
        world.source.add_message("INBOX", sample_message(i), Flags::parse(flags));
    world.options.batch_messages_max = 100;
    world.source.body_pause = pause;
    EXPECT_EQ(succeed(world).messages_copied, 20U);
    return world.destination.count_commands("append ");
}

TEST(Pass, GathersWhatComesSoonAndSendsWhatHasCome) {
    using std::chrono::milliseconds;
    EXPECT_EQ(appends_at({}), 1U);
    EXPECT_EQ(appends_at(milliseconds(10)), 4U);
    EXPECT_EQ(appends_at(milliseconds(100)), 20U);
}

// Whether flags were kept is asked as soon as messages with flags are stored, while the next ones come.
TEST(Pass, GathersAlsoWhileItAsksTheDestination) {
    EXPECT_EQ(appends_at(std::chrono::milliseconds(10), "\\Seen"), 4U);
}

// The first answer comes when the last folder is filled: a lane that waited for it before would wait forever.
TEST(Pass, FillsManySmallFoldersInOneRoundTrip) {
    constexpr std::size_t folders = 16;
    World world;
    for (std::size_t i = 0; i < folders; ++i) {
        auto const name = "Folder " + std::to_string(i);
        world.source.add_mailbox(name);
        world.source.add_message(name, sample_message(static_cast<int>(i)));
    }
    auto& destination = world.destination;
    destination.falls_silent = [&](std::string_view what) {
        return what == "read the answer to an append" && destination.count_commands("append ") < folders;
    };
    EXPECT_EQ(succeed(world).messages_copied, folders);
}

TEST(Pass, ListsARefusedMessageAndCopiesTheOthersOfItsBatch) {
    World world;
    fill(world);
    world.destination.refuse = [](std::string const& body) -> std::optional<Error> {
        if (body.find("number 3\r\n") == std::string::npos) return std::nullopt;
        return Error{ErrorCode::append_rejected, "append", "invalid header"};
    };
    auto const result = succeed(world);
    ASSERT_EQ(result.exceptions.size(), 1U);
    EXPECT_EQ(result.exceptions[0].folder, "INBOX");
    EXPECT_EQ(result.exceptions[0].uid, Uid(3));
    EXPECT_EQ(result.exceptions[0].code, "AppendRejected");
    EXPECT_THAT(result.exceptions[0].text, HasSubstr("invalid header"));
    EXPECT_EQ(result.messages_copied, 9U);
    expect_nothing_to_do(world);
}

TEST(Pass, DoesNotUploadWhatTheDestinationCannotTake) {
    World world;
    fill(world);
    world.destination.traits.append_limit_bytes = 100'000;
    auto const result = succeed(world);
    ASSERT_EQ(result.exceptions.size(), 1U);
    EXPECT_EQ(result.exceptions[0].code, "MessageTooLarge");
    EXPECT_EQ(result.messages_copied, 9U);
    expect_nothing_to_do(world);
}

TEST(Pass, EndsWithTheServersErrorWhenTheDestinationIsFull) {
    World world;
    fill(world);
    world.destination.refuse = [](std::string const& body) -> std::optional<Error> {
        if (body.find("number 21\r\n") == std::string::npos) return std::nullopt;
        return Error{ErrorCode::over_quota, "append", "quota exceeded"};
    };
    auto const ran = world.run();
    ASSERT_FALSE(ran.ok());
    auto const error = *error_of(ran.exception);
    EXPECT_EQ(error.code, ErrorCode::over_quota);
    EXPECT_EQ(error.side, Side::destination);
    world.destination.refuse = nullptr;
    (void)succeed(world);
    EXPECT_EQ(world.destination.contents(), expected_contents(world));
}

TEST(Pass, WorksOnAServerWithoutAnyExtension) {
    World world;
    fill(world);
    world.destination.traits = {};
    world.source.traits = {};
    world.source.traits.append_limit_bytes = 0;
    (void)succeed(world);
    EXPECT_EQ(world.destination.contents(), expected_contents(world));
    EXPECT_EQ(world.destination.count_commands("append Lists/Deep 1"), 5U);
    expect_nothing_to_do(world);
}

TEST(Pass, KeepsOnlyKeywordsThatTheDestinationTakes) {
    World world;
    world.destination.any_keyword = false;
    world.source.add_message("INBOX", sample_message(1), Flags::parse("\\Seen $Forwarded"));
    (void)succeed(world);
    EXPECT_EQ(world.destination.at("INBOX").messages.at(0).flags, Flags::parse("\\Seen"));
}

TEST(Pass, InheritsFromTheOldEpochOfTheSource) {
    World world;
    fill(world);
    (void)succeed(world);
    auto& inbox = world.source.at("INBOX");
    inbox.uid_validity = 77;
    for (auto& message : inbox.messages) message.uid = Uid(message.uid.value() + 100);
    inbox.uid_next += 100;
    EXPECT_EQ(succeed(world).messages_copied, 0U);
    EXPECT_EQ(world.destination.contents(), expected_contents(world));
    expect_nothing_to_do(world);
}

TEST(Pass, RecognisesItsCopiesAfterANewEpochOfTheDestination) {
    World world;
    fill(world);
    (void)succeed(world);
    auto& inbox = world.destination.at("INBOX");
    inbox.uid_validity = 78;
    for (auto& message : inbox.messages) message.uid = Uid(message.uid.value() + 500);
    inbox.uid_next += 500;
    world.source.add_message("INBOX", sample_message(50));
    EXPECT_EQ(succeed(world).messages_copied, 1U);
    expect_nothing_to_do(world);
}

TEST(Pass, TellsGoneFromUnreadable) {
    World world;
    fill(world);
    // The listing is taken, then the message goes: a pass that dies in between leaves an intent behind.
    world.destination.fail_at(12, test::Fault::lose_connection);
    (void)succeed(world);
    world.source.remove_message("INBOX", Uid(1));
    (void)succeed(world);
    expect_nothing_to_do(world);
}

TEST(Pass, StopsBetweenMessagesAndGoesOnLater) {
    World world;
    fill(world);
    world.stop.request();
    auto const result = succeed(world);
    EXPECT_TRUE(result.stopped);
    EXPECT_EQ(result.messages_copied, 0U);
    world.stop = {};
    EXPECT_FALSE(succeed(world).stopped);
    EXPECT_EQ(world.destination.contents(), expected_contents(world));
}

TEST(Pass, LosesNothingWhereverItIsStopped) {
    for (int k = 1; k <= 10; ++k) {
        World world;
        fill(world);
        int seen = 0;
        world.destination.refuse = [&](std::string const&) -> std::optional<Error> {
            if (++seen == k) world.stop.request();
            return std::nullopt;
        };
        (void)succeed(world);
        world.stop = {};
        EXPECT_FALSE(succeed(world).stopped);
        EXPECT_EQ(world.destination.contents(), expected_contents(world)) << "stopped at message " << k;
    }
}

TEST(Pass, CountsProgressToTheEnd) {
    World world;
    fill(world);
    (void)succeed(world);
    auto const& progress = world.observer.last;
    EXPECT_EQ(progress.messages_total, 11U);
    EXPECT_EQ(progress.messages_done, 11U);
    EXPECT_EQ(progress.folders_total, 3U);
    EXPECT_EQ(progress.folders_done, 3U);
    EXPECT_EQ(progress.bytes_done, progress.bytes_total);
}

TEST(Plan, ChangesNothing) {
    World world;
    fill(world);
    auto const before = world.destination.contents();
    auto const planned = world.plan();
    ASSERT_TRUE(planned.ok());
    EXPECT_EQ(planned.value->folders.size(), 3U);
    EXPECT_EQ(world.destination.contents(), before);
}

}  // namespace
}  // namespace imapcopy::copy
