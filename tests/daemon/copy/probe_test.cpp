// Probe through whole passes: messages were appended, nobody heard the answer, and no listing shows them.

#include "daemon/copy/probe.hpp"

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::test {
namespace {

struct LostAppends : World {
    LostAppends() {
        options.batch_messages_max = 1;
        for (int i = 1; i <= 6; ++i) source.add_message("INBOX", sample_message(i), {}, 1000 + i);
        run_task(io, clock, announce(*this, 4)).rethrow();
    }
    void hide(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            destination.hidden["INBOX"].push_back(source.at("INBOX").messages[i]);
    }
};

TEST(Probe, FindsWhatAppearsOnlyWhenAnAppendMeetsIt) {
    LostAppends world;
    world.hide(4);
    auto const result = succeed(world);
    EXPECT_EQ(world.destination.contents(), world.source.contents());
    EXPECT_EQ(result.messages_copied, 2U);
}

TEST(Probe, FindsWhatAppearsUnderAnotherUidValidity) {
    LostAppends world;
    world.hide(4);
    bool rebuilt = false;
    world.destination.before_step = [&] {
        if (world.destination.count_commands("append") == 0 || std::exchange(rebuilt, true)) return;
        ++world.destination.at("INBOX").uid_validity;
    };
    auto const result = succeed(world);
    EXPECT_TRUE(rebuilt);
    EXPECT_EQ(world.destination.contents(), world.source.contents());
    EXPECT_EQ(result.messages_copied, 2U);
}

TEST(Probe, GoesAloneAndIsCountedOnce) {
    LostAppends world;
    auto const result = succeed(world);
    EXPECT_EQ(world.destination.contents(), world.source.contents());
    EXPECT_EQ(result.messages_copied, 6U);
    ASSERT_EQ(result.folders.size(), 1U);
    EXPECT_EQ(result.folders.front().copied, 6U);
    EXPECT_EQ(result.folders.front().recognised, 0U);
    EXPECT_EQ(world.observer.last.messages_done, 6U);
    EXPECT_EQ(world.observer.last.bytes_done, world.observer.last.bytes_total);
    EXPECT_EQ(world.observer.last.folders_done, 1U);
    auto const& log = world.destination.log;
    auto const first = std::ranges::find(log, "append INBOX 1");
    ASSERT_NE(first, log.end());
    auto const second = std::find(first + 1, log.end(), "append INBOX 1");
    EXPECT_NE(std::find(first, second, "list_messages INBOX"), second) << "nobody looked before the rest";
}

TEST(Probe, IsTheFirstThatIsStillAtTheSource) {
    LostAppends world;
    world.hide(4);
    for (auto const uid : {1, 2}) world.source.remove_message("INBOX", Uid(static_cast<std::uint32_t>(uid)));
    succeed(world);
    EXPECT_EQ(world.destination.at("INBOX").messages.size(), 6U);
}

/// Its group and the plan would both bring it.
TEST(Probe, LeavesARefusedMessageToThePlan) {
    LostAppends world;
    world.source.set_flags("INBOX", Uid(1), Flags::parse("Odd"));
    world.destination.refuse_message = [](StoredMessage const& message) {
        return message.flags.to_string() == "Odd";
    };
    auto const result = succeed(world);
    ASSERT_EQ(result.exceptions.size(), 1U);
    EXPECT_EQ(result.exceptions.front().uid, Uid(1));
    EXPECT_EQ(world.destination.at("INBOX").messages.size(), 6U);
    EXPECT_EQ(world.observer.last.messages_done, 6U);
}

TEST(Probe, CountsAMessageThatIsRefusedForGoodOnce) {
    LostAppends world;
    world.destination.refuse = [](std::string const& body) -> std::optional<Error> {
        if (body != sample_message(1)) return std::nullopt;
        return Error{ErrorCode::append_rejected, "append", "not this one", Side::destination};
    };
    EXPECT_EQ(succeed(world).exceptions.size(), 1U);
    EXPECT_EQ(world.destination.at("INBOX").messages.size(), 5U);
    EXPECT_EQ(world.observer.last.messages_done, 5U);
    EXPECT_EQ(world.observer.last.messages_skipped, 1U);
}

TEST(Probe, LeavesToThePlanWhatMeetsNoFolder) {
    LostAppends world;
    bool deleted = false;
    world.destination.before_step = [&] {
        if (deleted || world.source.count_commands("fetch INBOX 1") == 0) return;
        deleted = true;
        world.destination.remove_mailbox("INBOX");
    };
    succeed(world);
    EXPECT_TRUE(deleted);
    EXPECT_EQ(world.destination.at("INBOX").messages.size(), 6U);
}

/// It would be asked for first in every try, and nothing else would ever come.
TEST(Probe, IsNoMessageAtWhichTheSourceEndsTheConnection) {
    LostAppends world;
    world.source.deadly_bodies.insert(sample_message(1));
    auto const result = succeed(world);
    EXPECT_EQ(result.messages_copied, 5U);
    ASSERT_EQ(result.exceptions.size(), 1U);
    EXPECT_EQ(result.exceptions.front().uid, Uid(1));
}

TEST(Probe, IsNotNeededWhereEverythingIsFound) {
    LostAppends world;
    for (std::size_t i = 0; i < 4; ++i) {
        auto const& message = world.source.at("INBOX").messages[i];
        world.destination.add_message("INBOX", message.body, {}, message.internal_date.unix_seconds);
    }
    EXPECT_EQ(succeed(world).messages_copied, 2U);
    EXPECT_EQ(world.destination.count_commands("fetch"), 0U);
    EXPECT_EQ(world.source.count_commands("fetch"), 1U);
}

}  // namespace
}  // namespace imapcopy::test
