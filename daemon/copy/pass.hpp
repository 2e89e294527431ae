#pragma once

// One pass over a pair of accounts: settle, view, plan, execute, in that order. What run_job calls.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/context.hpp"
#include "common/job.hpp"
#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/exception.hpp"
#include "daemon/copy/journal.hpp"

namespace imapcopy::copy {

/// Opens a new connection to one side; used at the start and after a connection of the pass was lost.
class Connections {
 public:
    virtual ~Connections() = default;
    /// Throws Failure like Session::open.
    virtual Task<std::unique_ptr<Endpoint>> connect(Side side) = 0;
    /// A pass that is whole gives its first connection to the destination back: none of its calls is under
    /// way, and whoever owns the connections may go on with it.
    virtual void take_back(std::unique_ptr<Endpoint> destination) { destination->leave(); }
};

/// Told of progress; calls are cheap and must not throw.
class Observer {
 public:
    virtual ~Observer() = default;
    virtual void phase(Phase phase) = 0;
    virtual void progress(Progress const& progress) = 0;
    /// A further lane could not be opened; the pass goes on with fewer.
    virtual void lane_refused(Error const&) {}
    /// May the pass open one lane more than it was given? True: it has been added to what others may not
    /// take.
    virtual bool take_lane() { return false; }
    /// A lane was closed: the pass is as fast without it.
    virtual void give_lane_back() {}
    /// What bounded the pass for the last `span`, some seconds. All spans together may be shorter than the
    /// pass.
    virtual void bound_by(Bound, Duration /*span*/) {}
};

struct FolderResult {
    std::string source;          ///< UTF-8
    std::string destination;     ///< UTF-8
    std::uint64_t messages = 0;  ///< At the source.
    std::uint64_t copied = 0;
    std::uint64_t recognised = 0;  ///< Were at the destination already, from whatever source.
    std::uint64_t exceptions = 0;
    std::uint64_t bytes = 0;  ///< Copied.
    bool created = false;
    std::uint64_t elsewhere = 0;  ///< Copied from another folder, whose label they bear, too (Gmail).
};

/// A server may refuse something of every message: more are counted only.
inline constexpr std::size_t exceptions_max = 10'000;

struct PassResult {
    std::vector<FolderResult> folders;
    std::vector<Exception> exceptions;      ///< The first exceptions_max.
    std::uint64_t exceptions_unlisted = 0;  ///< How many more there are.
    std::uint64_t messages_copied = 0;
    std::uint64_t bytes_copied = 0;
    bool changed = false;  ///< Something was created, copied or set at the destination.
    bool stopped = false;  ///< The stop signal ended the pass early; nothing is lost, run it again.
};

struct PassOptions {
    FolderOptions folders;
    LabelPolicy labels = LabelPolicy::once;
    /// Lanes at the same time, each with a connection to both sides.
    std::uint32_t lanes_max = 1;
    /// Opens the connections of all lanes before the folders are listed, when nobody knows yet how many are
    /// worth it. Some may be in vain: for a first pass that nobody waits for in the queue.
    bool connects_ahead = false;
    /// Another lane is worth its connections for so many messages more.
    std::uint32_t messages_per_lane = 200;
    /// A folder of more messages is shared by lanes that have nothing else to do, by so many at a time.
    std::uint32_t messages_per_share = 1000;
    /// What is planned of a folder is shared by lanes that have nothing else to do, if it costs as much as so
    /// many bytes. Below that the order within the folder is worth more than the time.
    std::uint64_t work_per_share = 1024 * 1024;
    /// Bytes of bodies that may wait between the two connections of all lanes.
    std::size_t buffer_bytes = 1024 * 1024;
    /// Waits before an append without an answer is looked for (settle); see copy-engine section 4.
    Duration settle_min = std::chrono::seconds(5);
    /// Larger messages are listed, not copied.
    std::uint64_t message_bytes_max = 2ULL << 30U;
    /// So many are listed, planned and kept in memory together.
    std::uint32_t messages_per_window = 5000;
    /// Messages and bytes of one APPEND. They pass through it and are not held in memory.
    std::uint32_t batch_messages_max = 200;
    std::size_t batch_bytes_max = 8 * 1024 * 1024;
};

/// What a pass would do: --dry-run and `imapcopyctl plan`.
struct PlanSummary {
    struct Folder {
        std::string source;
        std::string destination;
        bool create = false;
        std::uint64_t messages = 0;  ///< At the source.
        std::uint64_t to_copy = 0;  ///< Upper bound where the destination holds mail that the ledger does not
                                    ///< know, or the source's folders are labels.
        std::uint64_t bytes = 0;    ///< Of to_copy, where the listing told sizes.
    };
    std::vector<Folder> folders;
    std::vector<Exception> exceptions;
};

/// Runs one pass to its end. Connections lost on the way are opened again a few times; then, and for errors
/// of the store, it throws Failure (with `side`). Whatever was recorded stays recorded: the next pass goes on
/// from there. All references outlive the call.
Task<PassResult> run_pass(Context context, Connections& connections, Journal& journal, PassOptions options,
                          Observer& observer);

/// Views and plans, changes nothing.
Task<PlanSummary> plan_pass(Context context, Connections& connections, Journal& journal, PassOptions options);

}  // namespace imapcopy::copy
