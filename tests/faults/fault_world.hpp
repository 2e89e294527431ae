#pragma once

// Two IMAP servers in memory, a journal, a clock, and the real engine between them, over its real
// connections. What happens to them is a list of faults; what must be true in the end is check().

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/attempt.hpp"
#include "daemon/copy/pass.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/memory_imap_server.hpp"
#include "tests/support/memory_journal.hpp"

namespace imapcopy::test {

/// One write of the journal goes wrong; counted from 1 since the last death.
struct JournalFault {
    enum class Kind : std::uint8_t {
        full,          ///< Failure(store_full), nothing written.
        dies_before,   ///< Nothing written, and nothing later; the connections live on for a moment.
        dies_after,    ///< The same, but written.
        crash_before,  ///< The whole process dies, nothing written.
        crash_after,
        crash_late,  ///< As crash_after; what the destination has not answered becomes visible later.
    };
    std::size_t write = 0;
    Kind kind = Kind::full;
};

/// A stop is requested when that server is about to carry out its n-th command.
struct StopRequest {
    std::size_t command = 0;
};

/// After the first pass the server gives all its folders another UIDVALIDITY and all messages other UIDs.
/// Those without headers go, since nothing tells what they were.
struct NewEpoch {};

/// After the first pass somebody deletes all folders of the destination and makes them again, empty.
struct MadeAnew {};

struct FaultPoint {
    Side side = Side::source;  ///< Nothing to a JournalFault.
    std::variant<ByteFault, ReplyFault, JournalFault, StopRequest, NewEpoch, MadeAnew> what;
};

/// The world of the exhaustive runs, or one made from a seed.
struct WorldPlan {
    std::string dialect = "all";
    std::uint64_t seed = 0;  ///< 0: the small world.
    bool streams = false;    ///< The small world has a message that is too large to be held in memory.
    bool lanes = false;      ///< The small world is copied over several lanes; one from a seed may be.
    bool reflags = false;    ///< After the first pass the owner changes flags on both sides.
};

class FaultWorld {
 public:
    explicit FaultWorld(WorldPlan const& plan);
    /// Connections that took leave have ended then: they use the clock and the servers.
    ~FaultWorld();
    FaultWorld(FaultWorld const&) = delete;
    FaultWorld& operator=(FaultWorld const&) = delete;

    void add(FaultPoint const& fault);
    /// Runs passes as the supervisor would until nothing is left to do. The first thing that is wrong, or
    /// nothing.
    std::optional<std::string> run_to_the_end();
    /// Prints the whole conversation.
    void trace_to_stdout();

    MemoryImapServer const& server(Side side) const { return side == Side::source ? source_ : destination_; }
    std::size_t journal_writes() const { return journal_.writes(); }

 private:
    class Wiring;
    class Quiet;
    struct Line {
        std::string folder;
        std::string text;  ///< Date, flags, body.
        auto operator<=>(Line const&) const = default;
    };
    /// A destination message that was there first; `twin`: a source message equals it and is not copied.
    struct Extra {
        std::string folder;
        std::string body;
        Flags flags;
        std::int64_t unix_seconds = 0;
        bool twin = false;
    };

    void fill_small(bool half_copied, bool streams);
    void fill_from(std::uint64_t seed);
    void add_extra(Extra extra);
    void deliver(StoredMailbox& mailbox);
    void crash(Break kind);
    void revive();
    void arm_journal();
    void begin_epoch(Side side);
    void make_anew();
    void change_flags();

    Attempt<PassResult> run_pass_once();
    std::optional<std::string> judge_failure(Error const& error);
    std::optional<std::string> judge_stop();
    std::optional<std::string> judge_success(PassResult const& result);
    bool stays_listed(Exception const& exception) const;
    std::optional<std::string> judge_end();
    std::optional<std::string> judge_messages(std::set<std::string> const& excused);
    std::vector<Line> expected_messages() const;
    std::vector<Line> messages_of(MemoryServer const& storage) const;
    std::string text_of_stored(std::string const& folder, StoredMessage const& message) const;
    std::string body_of(std::pair<std::string, Uid> const& source_message) const;
    Line line_of(Extra const& extra) const;

    boost::asio::io_context io_;
    ManualClock clock_{io_};
    SeededRandom random_{1};
    NullLog log_;
    StopSignal stop_;
    MemoryServer source_storage_{clock_};
    MemoryServer destination_storage_{clock_};
    MemoryImapServer source_;
    MemoryImapServer destination_;
    MemoryJournal journal_;
    PassOptions options_;
    std::vector<std::string> source_at_first_;
    std::vector<Extra> extras_;
    std::vector<JournalFault> journal_faults_;
    std::vector<std::pair<Side, std::size_t>> stops_;
    std::vector<Side> epochs_;
    bool is_made_anew_ = false;
    bool reflags_ = false;
    std::set<std::string> drafts_;  ///< Bodies of the copies that their user has marked.
    bool delivered_ = false;
    bool crashed_ = false;
    bool only_stops_ = true;
    bool refusals_allowed_ = false;
    std::size_t faults_ = 0;
    /// Copied although there may have been a twin: it could not be read, and the report says so.
    std::set<std::pair<std::string, Uid>> doubted_;
    /// Stored without flags or date that the destination refused, and the report says so.
    std::set<std::pair<std::string, Uid>> reduced_;
    /// Destination folder to source folder, where the report says that a name was refused.
    std::map<std::string, std::string> refuges_;
    bool must_be_done_ = false;  ///< The last successful pass said that nothing is left.
    bool stuck_ = false;
};

}  // namespace imapcopy::test
