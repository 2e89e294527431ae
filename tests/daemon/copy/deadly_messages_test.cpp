#include "daemon/copy/deadly_messages.hpp"

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::test {
namespace {

TEST(DeadlyMessages, AreAskedForAloneTwiceBeforeTheyAreGivenUp) {
    DeadlyMessages deadly;
    auto const inbox = MailboxName::from_utf8("INBOX").value();
    EXPECT_FALSE(deadly.is_suspect(inbox, Uid(5)));
    deadly.add(inbox, {Uid(5), Uid(6)});
    EXPECT_TRUE(deadly.is_suspect(inbox, Uid(5)));
    EXPECT_FALSE(deadly.is_suspect(inbox, Uid(6)));
    EXPECT_EQ(deadly.lessons(), 0U);
    deadly.add(inbox, {Uid(5)});
    EXPECT_FALSE(deadly.is_deadly(inbox, Uid(5)));
    for (int i = 0; i < 3; ++i) deadly.add(inbox, {Uid(5)});
    EXPECT_TRUE(deadly.is_deadly(inbox, Uid(5)));
    EXPECT_EQ(deadly.lessons(), 2U) << "nothing more can be learnt";
    deadly.add(inbox, {Uid(7), Uid(8), Uid(9)});
    EXPECT_TRUE(deadly.is_suspect(inbox, Uid(9))) << "damage comes in rows";
}

TEST(DeadlyMessages, InARowHoldUpNoOther) {
    World world;
    for (int i = 1; i <= 60; ++i) world.source.add_message("INBOX", sample_message(i));
    for (int i = 1; i <= 50; ++i) world.source.deadly_bodies.insert(sample_message(i));
    auto const result = succeed(world);
    EXPECT_EQ(result.messages_copied, 10U);
    EXPECT_EQ(result.exceptions.size(), 50U);
}

TEST(DeadlyMessages, HoldUpNoInheritance) {
    World world;
    for (char const c : {'a', 'b', 'c'}) world.source.add_message("INBOX", std::string("\r\nnote ") + c);
    (void)succeed(world);
    auto const before = world.destination.contents();
    auto& inbox = world.source.at("INBOX");
    inbox.uid_validity += 1;
    world.source.deadly_bodies.insert("\r\nnote b");
    auto const result = succeed(world);
    EXPECT_EQ(result.messages_copied, 0U);
    ASSERT_EQ(result.exceptions.size(), 1U);
    EXPECT_EQ(result.exceptions.front().code, "MessageUnreadable");
    EXPECT_EQ(world.destination.contents(), before);
}

TEST(DeadlyMessages, HoldUpNoComparison) {
    World world;
    for (int i = 1; i <= 3; ++i) {
        world.source.add_message("INBOX", sample_message(i));
        world.destination.add_message("INBOX", sample_message(i) + "a footer\r\n");
    }
    world.source.deadly_bodies.insert(sample_message(2));
    auto const result = succeed(world);
    EXPECT_EQ(result.messages_copied, 2U) << "their bodies differ";
    auto const unreadable = [](Exception const& exception) { return exception.code == "MessageUnreadable"; };
    EXPECT_EQ(std::ranges::count_if(result.exceptions, unreadable), 1);
}

/// More of them than a pass connects again without progress.
TEST(DeadlyMessages, HoldUpNoOther) {
    for (std::uint32_t const lanes : {1, 3}) {
        World world;
        world.options.messages_per_lane = 1;
        world.options.lanes_max = lanes;
        world.source.add_mailbox("Other");
        for (int i = 1; i <= 40; ++i) {
            auto const body = sample_message(i);
            world.source.add_message(i > 30 ? "Other" : "INBOX", body);
            if (i % 5 == 0) world.source.deadly_bodies.insert(body);
        }
        auto const result = succeed(world);
        EXPECT_EQ(result.messages_copied, 32U);
        EXPECT_EQ(result.exceptions.size(), 8U);
        for (auto const& exception : result.exceptions) {
            EXPECT_EQ(exception.code, "MessageUnreadable");
            EXPECT_EQ(exception.uid.value() % 5, 0U) << exception.folder;
        }
        EXPECT_EQ(world.observer.last.messages_done, 32U);
        EXPECT_EQ(world.observer.last.bytes_done, result.bytes_copied) << "of all tries";
        EXPECT_EQ(world.observer.last.messages_skipped, 8U);
        // Once somebody has mended them they come, and nothing comes twice.
        world.source.deadly_bodies.clear();
        EXPECT_EQ(succeed(world).messages_copied, 8U);
        EXPECT_EQ(world.destination.contents(), world.source.contents());
    }
}

TEST(DeadlyMessages, AreNotThoseThatWereUnderWayByChance) {
    World world;
    for (int i = 1; i <= 8; ++i) world.source.add_message("INBOX", sample_message(i));
    world.source.deadly_bodies.insert(sample_message(3));
    world.source.before_step = [&] {
        if (world.connections.count > 2) world.source.deadly_bodies.clear();
    };
    EXPECT_TRUE(succeed(world).exceptions.empty());
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

}  // namespace
}  // namespace imapcopy::test
