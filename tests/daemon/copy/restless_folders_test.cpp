#include "daemon/copy/restless_folders.hpp"

#include <gmock/gmock.h>

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using test::sample_message;
using test::succeed;
using test::World;
using testing::HasSubstr;
using testing::SizeIs;

void fill_two(World& world) {
    world.source.add_mailbox("Other");
    for (int i = 1; i <= 6; ++i) world.source.add_message("INBOX", sample_message(i));
    for (int i = 7; i <= 9; ++i) world.source.add_message("Other", sample_message(i));
    world.destination.add_message("INBOX", sample_message(2));
}

class RestlessFolder : public testing::TestWithParam<Side> {
 protected:
    void SetUp() override {
        fill_two(world_);
        server().restless = {"INBOX"};
    }
    test::MemoryServer& server() { return GetParam() == Side::source ? world_.source : world_.destination; }
    World world_;
};

TEST_P(RestlessFolder, IsNamedAndHoldsUpNobody) {
    for (int pass = 1; pass <= 2; ++pass) {
        auto const before = world_.connections.count;
        auto const result = succeed(world_);
        ASSERT_THAT(result.exceptions, SizeIs(1)) << "pass " << pass;
        EXPECT_EQ(result.exceptions[0].folder, "INBOX");
        EXPECT_EQ(result.exceptions[0].code, "UidValidityChanged");
        EXPECT_THAT(result.exceptions[0].text, HasSubstr(to_string(GetParam())));
        EXPECT_EQ(world_.destination.at("Other").messages.size(), 3U);
        EXPECT_LE(world_.connections.count - before, 6U) << "tried more often than it can help";
    }
    // Once the server has come to rest, all is copied, and nothing twice.
    server().restless.clear();
    EXPECT_THAT(succeed(world_).exceptions, SizeIs(0));
    EXPECT_EQ(world_.destination.contents(), world_.source.contents());
}

INSTANTIATE_TEST_SUITE_P(Sides, RestlessFolder, testing::Values(Side::source, Side::destination),
                         [](auto const& each) { return std::string(to_string(each.param)); });

TEST(RestlessFolders, HoldUpNobodyWhereTheirAppendsWereNotAnswered) {
    World world;
    fill_two(world);
    test::run_task(world.io, world.clock, test::announce(world, 3)).rethrow();
    world.destination.restless = {"INBOX"};
    EXPECT_THAT(succeed(world).exceptions, SizeIs(1));
    EXPECT_EQ(world.destination.at("Other").messages.size(), 3U);
    world.destination.restless.clear();
    EXPECT_THAT(succeed(world).exceptions, SizeIs(0));
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

/// A folder that was made anew in the middle of a try is another folder, and a quiet one.
TEST(RestlessFolders, LeaveAloneWhatHasChangedOnce) {
    World world;
    fill_two(world);
    world.destination.restless = {"INBOX"};
    std::size_t connections = 0;
    world.destination.before_step = [&] {
        // From the second try on.
        if (world.connections.count != connections && world.connections.count > 2)
            world.destination.restless.clear();
        connections = world.connections.count;
    };
    EXPECT_THAT(succeed(world).exceptions, SizeIs(0));
    EXPECT_EQ(world.connections.count, 4U);
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

/// Its STATUS is wrong, but its UIDs are not.
TEST(RestlessFolders, AreNotThoseThatAreOthersForStatusOnly) {
    World world;
    fill_two(world);
    world.source.told_by_status = {{"INBOX", 77}};
    EXPECT_THAT(succeed(world).exceptions, SizeIs(0));
    EXPECT_EQ(world.destination.contents(), world.source.contents());
}

/// Its UIDs are other messages' than those that the ledger would take them for.
TEST(RestlessFolders, AreViewedAgainWhereOneWasMadeAnewBehindTheView) {
    for (std::uint32_t const lanes : {1, 3}) {
        World world;
        fill_two(world);
        world.options.messages_per_lane = 1;
        world.options.lanes_max = lanes;
        world.source.before_step = [&] {
            auto& inbox = world.source.at("INBOX");
            if (inbox.uid_validity > 2000 || world.destination.count_commands("create") == 0) return;
            inbox.uid_validity = 2001;
            for (auto& message : inbox.messages) message.flags = Flags::parse("\\Flagged");
        };
        world.source.traits.condstore = false;
        EXPECT_THAT(succeed(world).exceptions, SizeIs(0));
        EXPECT_GE(world.connections.count, 4U) << "nobody noticed";
        world.destination.set_flags("INBOX", Uid(1), Flags::parse("\\Flagged"));  // Who was there before.
        EXPECT_EQ(world.destination.contents(), world.source.contents());
    }
}

}  // namespace
}  // namespace imapcopy::copy
