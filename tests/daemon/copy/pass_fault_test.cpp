// Every step of every connection lost, every write of the journal dying before and after: resume, compare
// with the expected mailboxes, run again and demand that nothing is left to do.

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

using test::expected_contents;
using test::Fault;
using test::fill;
using test::MemoryJournal;
using test::sample_message;
using test::succeed;
using test::World;

/// Runs until a pass succeeds, as the supervisor would; at most a few times.
void resume(World& world) {
    for (int attempts = 0; attempts < 4; ++attempts) {
        auto const ran = world.run();
        if (ran.ok()) return;
        world.journal.revive();
    }
    ADD_FAILURE() << "no attempt succeeds";
}

void expect_exactly_once(World& world, std::string const& what) {
    EXPECT_EQ(world.destination.contents(), expected_contents(world)) << what;
    world.destination.log.clear();
    resume(world);
    EXPECT_EQ(world.destination.count_commands("append"), 0U) << what << ": a second run copies again";
}

void make_plain(World& world) {
    world.source.traits = {};
    world.destination.traits = {};
}

void make_lanes(World& world) {
    world.options.lanes_max = 3;
    world.options.messages_per_lane = 1;
    world.options.connects_ahead = true;
}

/// While a large message is on its way, equal ones of the next window are compared with the copy of another
/// tool.
void make_half_copied(World& world) {
    world.source.piece_bytes = 4000;
    world.options.messages_per_window = 4;  // Makes windows of three UIDs here.
    world.source.add_message("INBOX", sample_message(60, 200'000), {}, 1);
    world.source.add_message("INBOX", sample_message(61), {}, 1);
    world.source.add_message("INBOX", sample_message(63), {}, 1);
    world.source.add_message("INBOX", sample_message(62), {}, 1);
    world.source.add_message("INBOX", sample_message(62), {}, 1);
    world.destination.add_message("INBOX", sample_message(62), {}, 1);
}

/// Steps that a run without faults takes at one server.
std::size_t steps_of(void (*prepare)(World&), test::MemoryServer World::*server) {
    World world;
    prepare(world);
    fill(world);
    resume(world);
    return (world.*server).steps();
}

struct Case {
    char const* name;
    void (*prepare)(World&);
};

class PassFaults : public testing::TestWithParam<Case> {};

TEST_P(PassFaults, LosesAndDuplicatesNothingWhereverTheDestinationBreaks) {
    auto const steps = steps_of(GetParam().prepare, &World::destination);
    ASSERT_GT(steps, 20U);
    for (auto const fault : {Fault::lose_connection, Fault::lose_connection_late_commit}) {
        for (std::size_t k = 1; k <= steps; ++k) {
            World world;
            GetParam().prepare(world);
            fill(world);
            world.destination.fail_at(k, fault);
            resume(world);
            expect_exactly_once(world, "destination step " + std::to_string(k));
        }
    }
}

TEST_P(PassFaults, LosesAndDuplicatesNothingWhereverTheSourceBreaks) {
    auto const steps = steps_of(GetParam().prepare, &World::source);
    ASSERT_GT(steps, 20U);
    for (std::size_t k = 1; k <= steps; ++k) {
        World world;
        GetParam().prepare(world);
        fill(world);
        world.source.fail_at(k, Fault::lose_connection);
        resume(world);
        expect_exactly_once(world, "source step " + std::to_string(k));
    }
}

TEST_P(PassFaults, LosesAndDuplicatesNothingWheneverTheProcessDies) {
    std::size_t writes = 0;
    {
        World world;
        GetParam().prepare(world);
        fill(world);
        resume(world);
        writes = world.journal.writes();
    }
    ASSERT_GT(writes, 8U);
    for (auto const death : {MemoryJournal::Death::before, MemoryJournal::Death::after}) {
        for (std::size_t k = 1; k <= writes; ++k) {
            World world;
            GetParam().prepare(world);
            fill(world);
            world.journal.die_at(k, death);
            resume(world);
            expect_exactly_once(world, "journal write " + std::to_string(k));
        }
    }
}

/// A world that was copied, and whose source then got a new UIDVALIDITY and new UIDs.
void change_source_epoch(World& world) {
    for (auto const* const name : {"INBOX", "Lists/Deep"}) {
        auto& mailbox = world.source.at(name);
        mailbox.uid_validity += 5000;
        mailbox.uid_next += 100;
        for (auto& message : mailbox.messages) message.uid = Uid(message.uid.value() + 100);
    }
}

TEST(PassEpoch, InheritsExactlyOnceWheneverTheProcessDies) {
    for (auto const death : {MemoryJournal::Death::before, MemoryJournal::Death::after}) {
        for (std::size_t k = 1; k <= 12; ++k) {
            World world;
            fill(world);
            resume(world);
            auto const before = world.destination.contents();
            change_source_epoch(world);
            world.journal.die_at(k, death);
            resume(world);
            EXPECT_EQ(world.destination.contents(), before) << "journal write " << k;
        }
    }
}

/// How often each message is in INBOX.
std::map<std::string, int> inbox_of(test::MemoryServer const& server) {
    std::map<std::string, int> count;
    for (auto const& line : server.contents()) {
        if (line.starts_with("INBOX|")) ++count[line];
    }
    return count;
}

/// The folder is to be made again while a large message for it is half sent and will never be whole.
TEST(PassVanishedFolder, EndsWhereverTheSourceBreaksMeanwhile) {
    auto const prepare = [](World& world) {
        world.source.piece_bytes = 40'000;
        world.options.batch_messages_max = 1;
    };
    auto const destination_steps = steps_of(prepare, &World::destination);
    auto const source_steps = steps_of(prepare, &World::source);
    for (std::size_t k = 1; k <= destination_steps; k += 3) {
        for (std::size_t j = 1; j <= source_steps; ++j) {
            World world;
            prepare(world);
            fill(world);
            world.destination.before_step = [&world, k] {
                if (world.destination.steps() + 1 == k) world.destination.remove_mailbox("Lists/Deep");
            };
            world.source.fail_at(j, Fault::lose_connection);
            (void)succeed(world);  // It is the source that ended the lane, and may be connected to again.
            auto expected = inbox_of(world.source);
            ++expected["INBOX|9999||" + sample_message(99)];
            EXPECT_EQ(inbox_of(world.destination), expected) << "step " << k << ", source step " << j;
        }
    }
}

/// The journal is lost together with the process, and what was sent last shows only later.
TEST(PassLostJournal, DuplicatesNothingWhereverItWasLost) {
    auto const prepare = [](World& world) {
        fill(world);
        for (int i = 0; i < 12; ++i) world.destination.add_message("INBOX", sample_message(200 + i));
    };
    std::size_t steps = 0;
    {
        World world;
        prepare(world);
        resume(world);
        steps = world.destination.steps();
    }
    for (std::size_t k = 1; k <= steps; ++k) {
        World world;
        prepare(world);
        world.destination.fail_at(k, Fault::lose_connection_late_commit);
        world.destination.before_step = [&world, k] {
            if (world.destination.steps() + 1 == k) world.stop.request();
        };
        (void)world.run();
        world.destination.before_step = nullptr;
        world.stop = {};
        world.journal = {};
        resume(world);
        auto expected = expected_contents(world);
        for (int i = 0; i < 12; ++i) expected.push_back("INBOX|0||" + sample_message(200 + i));
        std::ranges::sort(expected);
        EXPECT_EQ(world.destination.contents(), expected) << "destination step " << k;
    }
}

TEST(PassLostJournal, WaitsForNobodyWhereTheMailboxIsNew) {
    World world;
    fill(world);
    auto const began = world.clock.now();
    resume(world);
    EXPECT_EQ(world.clock.now(), began);
}

TEST(PassBrokenBody, DoesNotHoldUpWhatComesBeforeIt) {
    World world;
    for (int i = 0; i < 4; ++i) world.source.add_message("INBOX", sample_message(i));
    world.source.add_message("INBOX", sample_message(4, 100'000));
    world.options.batch_messages_max = 10;
    std::size_t pieces = 0;
    world.source.falls_silent = [&](std::string_view what) {
        pieces = what == "piece of a body" ? pieces + 1 : 0;
        if (pieces == 50) world.source.fail_at(1, test::Fault::lose_connection);
        return false;
    };
    EXPECT_FALSE(world.run().ok());
    EXPECT_EQ(world.destination.at("INBOX").messages.size(), 4U);
    world.source.falls_silent = nullptr;
    EXPECT_EQ(succeed(world).messages_copied, 1U);
}

/// What the server says in place of a status counts, although all mail is copied.
TEST(PassStatus, EndsWithTheWordsOfTheServer) {
    World world;
    fill(world);
    auto& destination = world.destination;
    bool said = false;
    destination.before_step = [&] {
        bool const asked =
            destination.count_commands("append") > 0 && destination.log.back().starts_with("status");
        if (asked && !std::exchange(said, true))
            throw Failure({.code = ErrorCode::throttled,
                           .message = "status",
                           .side = Side::destination,
                           .pause_seconds = 30});
    };
    auto const ran = world.run();
    ASSERT_FALSE(ran.ok());
    EXPECT_EQ(error_of(ran.exception)->code, ErrorCode::throttled);
    EXPECT_EQ(error_of(ran.exception)->pause_seconds, 30U);
}

INSTANTIATE_TEST_SUITE_P(Servers, PassFaults,
                         testing::Values(Case{"all_extensions", [](World&) {}},
                                         Case{"no_extension", make_plain}, Case{"lanes", make_lanes},
                                         Case{"half_copied", make_half_copied}),
                         [](auto const& each) { return each.param.name; });

}  // namespace
}  // namespace imapcopy::copy
