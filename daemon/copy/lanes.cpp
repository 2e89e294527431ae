#include "daemon/copy/lanes.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "common/attempt.hpp"
#include "common/task_group.hpp"
#include "daemon/copy/connected.hpp"
#include "daemon/copy/lane_trial.hpp"

namespace imapcopy::copy {
namespace {

/// The lanes of one pass: who is at work, and how those ended that are not.
class Crew {
 public:
    /// The references outlive the object.
    Crew(LaneParts& lead, Connections& connections, std::uint32_t lanes,
         boost::asio::any_io_executor executor)
        : lead_(lead),
          connections_(connections),
          queue_(lanes, lead.options.work_per_share),
          further_(std::move(executor)) {
        for (std::uint32_t i = 1; i < lanes; ++i) further_.spawn(run_further_lane());
    }

    FolderQueue& queue() { return queue_; }
    Task<> lead() { (void)co_await run_lane(lead_); }
    Task<> join() { return further_.join(); }
    /// Opens a lane, or lets one end, if that is what makes the pass faster.
    void adjust();

    /// The failure that tells most of the cause, if a lane failed.
    std::exception_ptr failure() const { return failure_; }
    /// No stop has ended a lane early.
    bool whole() const { return whole_; }

 private:
    /// One lane until its folders or the queue end. False: it failed, and the other lanes stop, too.
    Task<bool> run_lane(LaneParts& parts);
    /// A lane with connections of its own.
    Task<> run_further_lane();
    void lane_refused(Error const& error);

    LaneParts& lead_;
    Connections& connections_;
    FolderQueue queue_;
    TaskGroup further_;
    LaneTrial trial_;
    std::exception_ptr failure_;
    bool whole_ = true;
};

Task<bool> Crew::run_lane(LaneParts& parts) {
    auto const copied = co_await attempt(copy_folders(parts, queue_));
    if (copied.ok()) {
        whole_ &= *copied.value;
        co_return true;
    }
    parts.state.ending = true;
    failure_ = cause_of(failure_, copied.exception);
    queue_.end();
    co_return false;
}

Task<> Crew::run_further_lane() {
    auto connected = co_await attempt(connect_both(connections_));
    if (auto const error = error_of(connected.exception)) co_return lane_refused(*error);
    auto& [source, destination] = *connected.value;
    LaneParts parts{lead_.context, *source, *destination, lead_.journal, lead_.state, lead_.options, {true}};
    auto& state = lead_.state;
    // Counted from now on: a server that refuses one more has left so many open.
    ++state.progress.lanes;
    state.report();
    co_await queue_.opened();
    expect_what_was_viewed(parts);
    bool const ok = co_await run_lane(parts);
    --state.progress.lanes;
    queue_.remove_lane(parts.seat);
    if (parts.seat.retired) state.give_lane_back();
    if (ok) co_return leave_both(*connected.value);
    source->abort();
    co_await destination->close();
}

void Crew::lane_refused(Error const& error) {
    // Too many connections, most likely. The other lanes do the work.
    queue_.remove_lane({});
    trial_.refused(lead_.context.clock.now());
    lead_.state.report_refused_lane(error);
    lead_.context.log.write(LogLevel::debug, "no further lane", {{"error", to_string(error)}});
}

void Crew::adjust() {
    auto const& state = lead_.state;
    auto const work = work_of(state.messages_copied, state.bytes_copied);
    auto const now = lead_.context.clock.now();
    switch (trial_.look(now, state.progress.lanes, work)) {
        case LaneAdvice::stay: break;
        case LaneAdvice::open:
            if (queue_.has_more() && lead_.state.take_lane()) {
                lead_.state.lane_supply = LaneSupply::enough;
                queue_.add_lane();
                further_.spawn(run_further_lane());
                break;
            }
            trial_.refused(now);
            if (queue_.has_more()) lead_.state.lane_supply = LaneSupply::too_few;
            break;
        case LaneAdvice::close:
            lead_.state.lane_supply = LaneSupply::enough;
            queue_.retire_one();
            break;
    }
}

}  // namespace

std::uint32_t lanes_worthwhile(std::vector<FolderWork*> const& folders, LaneLimits const& limits) {
    std::uint64_t messages = 0;
    std::uint64_t parts = 0;
    for (auto const* const folder : folders) {
        messages += folder->source.messages;
        parts += 1 + folder->source.messages / std::max(limits.messages_per_share, 1U);
    }
    auto const by_messages = 1 + messages / std::max(limits.messages_per_lane, 1U);
    auto const most = std::max<std::uint64_t>(limits.lanes_max, 1);
    return static_cast<std::uint32_t>(std::min({by_messages, most, std::max<std::uint64_t>(parts, 1)}));
}

Task<bool> copy_in_lanes(LaneParts& lead, Connections& connections, std::uint32_t lanes,
                         Task<std::vector<FolderWork*>> prepare) {
    lead.options.buffer_bytes /= lanes;
    Crew crew(lead, connections, lanes, co_await boost::asio::this_coro::executor);
    auto prepared = co_await attempt(std::move(prepare));
    co_await clear_cancellation();
    auto folders = std::move(prepared.value).value_or(std::vector<FolderWork*>());
    // What takes longest begins first, so that the lanes end together.
    if (lanes > 1) {
        std::ranges::stable_sort(folders, std::ranges::greater(),
                                 [](FolderWork const* folder) { return folder->source.messages; });
    }
    crew.queue().open(std::move(folders));
    lead.state.on_stored = [&crew] { crew.adjust(); };
    co_await crew.lead();
    co_await crew.join();
    lead.state.on_stored = [] {};
    prepared.rethrow();
    if (crew.failure()) std::rethrow_exception(crew.failure());
    co_return crew.whole();
}

}  // namespace imapcopy::copy
