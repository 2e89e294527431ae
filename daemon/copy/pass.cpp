#include "daemon/copy/pass.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "common/attempt.hpp"
#include "common/task_group.hpp"
#include "daemon/copy/connected.hpp"
#include "daemon/copy/connections_ahead.hpp"
#include "daemon/copy/execute.hpp"
#include "daemon/copy/restless_folders.hpp"
#include "daemon/copy/settle.hpp"

namespace imapcopy::copy {
namespace {

constexpr int reconnections_max = 5;  ///< Without progress; then the job's own retry takes over.
constexpr Duration lone_pause = std::chrono::seconds(10);
constexpr Duration settle_wait_max = std::chrono::minutes(10);

LaneOptions lane_options(PassOptions const& options, EndpointTraits const& destination) {
    LaneOptions lane;
    lane.buffer_bytes = options.buffer_bytes;
    lane.messages_per_window = options.messages_per_window;
    // A server that names the UID of a copy has given each its own. GNU Mailutils 3.15 has no UIDPLUS, and
    // keeps 179 of 180 messages that three connections append to one mailbox at a time, with OK for each.
    lane.shares_folders = destination.uid_plus;
    auto const share = lane.shares_folders ? options.messages_per_share : UINT32_MAX;
    lane.messages_per_share = std::min(share, options.messages_per_window);
    lane.work_per_share = lane.shares_folders ? options.work_per_share : UINT64_MAX;
    lane.batch.messages_max = destination.multi_append ? options.batch_messages_max : 1;
    lane.batch.bytes_max = options.batch_bytes_max;
    lane.window = {options.message_bytes_max, destination.append_limit_bytes, {}};
    return lane;
}

/// What a try learns from those before it.
struct Lesson {
    Duration settle_wait{};
    bool uid_validity_changed = false;  ///< That ended the last one.
    bool nothing_stored = false;        ///< By the last one, although bodies came.
    FoundFolders found = {};
    DeadlyMessages deadly = {};
    std::map<FolderId, UidSet> stored_unnamed = {};
};

void take_over(PassState& state, Lesson& lesson) {
    state.found = std::move(lesson.found);
    state.deadly = std::move(lesson.deadly);
    state.stored_unnamed = std::move(lesson.stored_unnamed);
}

Lesson lesson_of(PassState& state, Duration settle_wait) {
    return {settle_wait,
            false,
            false,
            std::move(state.found),
            std::move(state.deadly),
            std::move(state.stored_unnamed)};
}

/// What a mailbox may hold that nobody has ever used.
constexpr std::uint64_t greetings_max = 10;

/// True if the journal knows nothing of this pair of accounts, and yet the destination holds mail in folders
/// that are to be copied: the copies perhaps of a journal that was lost. The last of them may not show yet.
bool may_follow_a_lost_journal(PassState const& state) {
    std::uint64_t messages = 0;
    for (auto const& folder : state.folders) {
        if (folder->record.source_uid_validity.value() != 0) return false;
        auto const& there = folder->mapped.destination_status;
        if (folder->source.messages > 0 && there) messages += there->messages;
    }
    return messages > greetings_max;
}

/// One try over fresh connections. False: stopped.
Task<bool> try_pass(Context context, ConnectionsAhead& connections, Connected& connected, Journal& journal,
                    PassOptions const& options, PassState& state, Lesson lesson) {
    LaneParts parts{context,
                    *connected.source,
                    *connected.destination,
                    journal,
                    state,
                    lane_options(options, connected.destination->traits())};
    // If it breaks off inside of the same large message again, those before it are stored at least.
    if (lesson.nothing_stored) parts.options.batch.bytes_max = streamed_bytes_min;
    state.progress.lanes = 1;
    state.report(Phase::planning);
    auto const changed = lesson.uid_validity_changed ? ChangedFolder::is_passed_over : ChangedFolder::ends_it;
    state.copies_found =
        co_await settle(context, parts.destination, journal, lesson.settle_wait, state.found, changed);
    if (context.stop.requested()) co_return false;
    if (options.connects_ahead && options.lanes_max > 1) connections.open(options.lanes_max - 1);
    co_await view_accounts(parts, options.folders, options.labels);
    if (may_follow_a_lost_journal(state)) {
        bool const go_on = co_await wait_unless_stopped(context, options.settle_min);
        if (!go_on) co_return false;
    }
    if (lesson.uid_validity_changed) co_await give_up_restless_folders(parts);
    state.report(Phase::copying);
    LaneLimits const limits{options.lanes_max, options.messages_per_lane,
                            parts.options.shares_folders ? options.messages_per_share : UINT32_MAX};
    auto const lanes = lanes_for(state, limits);
    connections.keep(lanes - 1);
    bool const whole = co_await copy_all(parts, connections, lanes);
    state.report(Phase::verifying);
    co_await conclude(parts, whole ? Ending::whole : Ending::stopped);
    co_return whole;
}

/// True if messages were left to other folders, whose labels they bore when they were listed. Labels change
/// while a try goes on: what got one after the view, or lost it before the other folder was listed, has been
/// copied from neither.
bool left_to_others(PassState const& state) {
    return std::ranges::any_of(state.folders,
                               [](auto const& folder) { return folder->result.elsewhere > 0; });
}

/// Sums up what earlier tries of the pass did and the last one saw.
class Totals {
 public:
    void add(PassState& state) {
        result_.messages_copied += state.messages_copied;
        result_.bytes_copied += state.bytes_copied;
        result_.changed |= state.changed;
        result_.exceptions = std::move(state.exceptions);  // Those of all passes, or found again.
        result_.exceptions_unlisted = state.exceptions_unlisted;
        auto const before = std::exchange(result_.folders, {});
        for (auto const& folder : state.folders) result_.folders.push_back(folder->result);
        for (auto const& old : before) add_earlier(old);
        for (std::size_t i = 0; i < state.folders.size(); ++i) {
            auto const lost = std::min(state.folders[i]->lost, result_.folders[i].copied);
            result_.folders[i].copied -= lost;
            result_.messages_copied -= std::min(lost, result_.messages_copied);
        }
    }

    PassResult take() { return std::move(result_); }
    std::uint64_t bytes() const { return result_.bytes_copied; }

 private:
    /// What an earlier try copied is "recognised" for the next one; for the reader it was copied by this
    /// pass.
    void add_earlier(FolderResult const& old) {
        auto const now = std::ranges::find(result_.folders, old.source, &FolderResult::source);
        if (now == result_.folders.end()) return;
        now->copied += old.copied;
        now->bytes += old.bytes;
        now->recognised -= std::min(now->recognised, old.copied);
        now->created |= old.created;
    }

    PassResult result_;
};

void part_from(Connected& connected, Connections& connections, bool stopped) {
    if (stopped) return leave_both(connected);
    connected.source->leave();
    connections.take_back(std::move(connected.destination));
}

}  // namespace

Task<PassResult> run_pass(Context context, Connections& connections, Journal& journal, PassOptions options,
                          Observer& observer) {
    ConnectionsAhead ahead(connections, co_await boost::asio::this_coro::executor);
    Totals totals;
    Lesson lesson{options.settle_min};
    bool looks_again = false;  // A whole try has left messages to other folders.
    for (int failures = 0;;) {
        observer.phase(Phase::connecting);
        PassState state(observer);
        take_over(state, lesson);
        state.lanes_held = options.lanes_max;
        auto const lessons_before = state.deadly.lessons();
        state.progress.bytes_done = state.progress.bytes_total = totals.bytes();
        auto connected = co_await connect_both(connections);
        auto const tried =
            co_await attempt(try_pass(context, ahead, connected, journal, options, state, lesson));
        options.connects_ahead = false;
        options.lanes_max = state.lanes_held;
        co_await clear_cancellation();
        co_await ahead.close();
        totals.add(state);
        if (tried.ok() && *tried.value && !looks_again && left_to_others(state)) {
            looks_again = true;
            lesson = lesson_of(state, lesson.settle_wait);
            leave_both(connected);
            continue;
        }
        if (tried.ok()) {
            auto result = totals.take();
            result.stopped = !*tried.value;
            part_from(connected, connections, result.stopped);
            co_return result;
        }
        connected.source->abort();
        co_await connected.destination->close();
        bool const learnt = state.deadly.lessons() > lessons_before;
        failures = learnt || state.messages_copied + state.copies_found > 0 ? 1 : failures + 1;
        auto const error = *error_of(tried.exception);
        if (context.stop.requested() || failures > reconnections_max || !is_worth_reconnecting(error)) {
            tried.rethrow();
        }
        context.log.write(LogLevel::debug, "pass interrupted, connecting again",
                          {{"error", to_string(error)}});
        // A source that is out of order for a moment has not lost the message.
        if (learnt) {
            bool const go_on = co_await wait_unless_stopped(context, lone_pause);
            if (!go_on) tried.rethrow();
        }
        auto const begun = std::ranges::any_of(state.folders, [](auto const& each) { return each->begun; });
        auto const slowest = std::min(2 * state.slowest_append, settle_wait_max);
        lesson = lesson_of(state, std::max(lesson.settle_wait, slowest));
        lesson.uid_validity_changed = error.code == ErrorCode::uid_validity_changed;
        lesson.nothing_stored = begun && state.messages_copied == 0;
    }
}

Task<PlanSummary> plan_pass(Context context, Connections& connections, Journal& journal,
                            PassOptions options) {
    class Nobody final : public Observer {
        void phase(Phase) override {}
        void progress(Progress const&) override {}
    } nobody;
    PassState state(nobody);
    auto connected = co_await connect_both(connections);
    LaneParts parts{context,
                    *connected.source,
                    *connected.destination,
                    journal,
                    state,
                    lane_options(options, connected.destination->traits())};
    auto const viewed = co_await attempt(view_accounts(parts, options.folders, options.labels));
    leave_both(connected);
    viewed.rethrow();
    PlanSummary summary;
    summary.exceptions = std::move(state.exceptions);
    for (auto const& folder : state.folders) {
        auto const& complete = folder->record.source_complete;
        bool const seen = complete && complete->uid_validity == folder->source.uid_validity;
        auto const known = seen ? std::min(complete->messages, folder->source.messages) : 0;
        summary.folders.push_back({folder->mapped.path, folder->mapped.destination.utf8,
                                   !folder->mapped.exists, folder->source.messages,
                                   folder->unchanged ? 0 : folder->source.messages - known, 0});
    }
    co_return summary;
}

}  // namespace imapcopy::copy
