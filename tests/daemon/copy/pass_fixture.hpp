#pragma once

// Two memory servers, a journal and a manual clock: a whole pass in a millisecond.

#include <gtest/gtest.h>

#include <map>

#include "daemon/copy/identity.hpp"
#include "daemon/copy/pass.hpp"
#include "tests/support/memory_account.hpp"
#include "tests/support/memory_journal.hpp"
#include "tests/support/run_task.hpp"

namespace imapcopy::test {

class QuietObserver final : public Observer {
 public:
    Progress last;
    std::vector<Phase> phases;
    std::uint32_t lanes_free = 0;        ///< That the pass may take.
    std::uint32_t lanes_given_back = 0;  ///< By the pass.
    std::map<Bound, Duration> bounds;    ///< For how long each of them held up the pass.

 private:
    bool take_lane() override {
        if (lanes_free == 0) return false;
        --lanes_free;
        return true;
    }
    void give_lane_back() override { ++lanes_given_back; }
    void phase(Phase phase) override { phases.push_back(phase); }
    void progress(Progress const& progress) override { last = progress; }
    void bound_by(Bound bound, Duration span) override { bounds[bound] += span; }
};

struct World {
    World() {
        options.batch_messages_max = 4;
        options.buffer_bytes = 2000;
        source.add_mailbox("INBOX");
        destination.add_mailbox("INBOX");
    }

    Attempt<PassResult> run() {
        observer.last = {};
        observer.phases.clear();
        return run_task(io, clock,
                        run_pass({clock, random, log, stop}, connections, journal, options, observer));
    }
    Attempt<PlanSummary> plan() {
        return run_task(io, clock, plan_pass({clock, random, log, stop}, connections, journal, options));
    }

    boost::asio::io_context io;
    ManualClock clock{io};
    SeededRandom random{1};
    NullLog log;
    StopSignal stop;
    MemoryServer source{clock};
    MemoryServer destination{clock};
    MemoryConnections connections{source, destination};
    MemoryJournal journal;
    PassOptions options;
    QuietObserver observer;
};

/// Announces the first `count` messages of the source's INBOX as a pass does that ends before the answer. All
/// of them as of `size_bytes`; 0: as of their sizes.
inline Task<> announce(World& world, std::size_t count, std::uint64_t size_bytes = 0) {
    auto const inbox = MailboxName::from_utf8("INBOX").value();
    FolderKey key{inbox, inbox};
    auto const record = co_await world.journal.folder(std::move(key));
    co_await world.journal.set_source_epoch(record.id, UidValidity(world.source.at("INBOX").uid_validity));
    auto const& destination = world.destination.at("INBOX");
    co_await world.journal.set_destination_epoch(record.id, UidValidity(destination.uid_validity));
    std::vector<Intent> intents;
    for (std::size_t i = 0; i < count; ++i) {
        auto const& message = world.source.at("INBOX").messages[i];
        intents.push_back({message.uid,
                           identity_of_headers(message.body.substr(0, message.body.find("\r\n\r\n"))),
                           size_bytes > 0 ? size_bytes : message.body.size(),
                           message.internal_date,
                           message.flags,
                           {},
                           UidValidity(destination.uid_validity),
                           Uid(destination.uid_next),
                           {},
                           {}});
    }
    co_await world.journal.begin(record.id, std::move(intents));
}

/// The result of a pass that has to go well.
inline PassResult succeed(World& world) {
    auto ran = world.run();
    if (!ran.ok()) {
        ADD_FAILURE() << to_string(*error_of(ran.exception));
        return {};
    }
    return std::move(*ran.value);
}

/// The world of the fault tests: two folders and an empty one, equal messages, one without headers, one that
/// is streamed, mail that another tool has copied before, and mail that was there before.
inline void fill(World& world) {
    auto& source = world.source;
    source.add_mailbox("Lists/Deep", Role::none).mailbox.subscribed = true;
    source.add_mailbox("Empty");
    for (int i = 1; i <= 6; ++i)
        source.add_message("INBOX", sample_message(i), Flags::parse("\\Seen Label"), 1000 + i);
    source.add_message("Lists/Deep", sample_message(20), {}, 2000);
    source.add_message("Lists/Deep", sample_message(20), {}, 2000);
    source.add_message("Lists/Deep", "\r\nno header at all\r\n", {}, 2001);
    source.add_message("Lists/Deep", sample_message(21, 200'000), Flags::parse("\\Flagged"), 2002);
    source.add_message("Lists/Deep", sample_message(22), {}, 2003);
    world.destination.add_message("INBOX", sample_message(2), Flags::parse("\\Seen Label"), 1002);
    world.destination.add_message("INBOX", sample_message(99), {}, 9999);
}

/// What the destination must hold after a copy of fill().
inline std::vector<std::string> expected_contents(World const& world) {
    auto lines = world.source.contents();
    auto const extra = "INBOX|9999||" + sample_message(99);
    lines.push_back(extra);
    std::ranges::sort(lines);
    return lines;
}

}  // namespace imapcopy::test
