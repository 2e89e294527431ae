#include "daemon/copy/lane.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <iterator>

#include "common/attempt.hpp"
#include "common/task_group.hpp"
#include "daemon/copy/destination_half.hpp"
#include "daemon/copy/lane_pace.hpp"
#include "daemon/copy/source_half.hpp"

namespace imapcopy::copy {
namespace {

/// Runs the reader; whatever happens, the writer learns that nothing more comes.
Task<> read_side(BodyQueue& queue, Task<> work) {
    struct Closer {
        BodyQueue& queue;
        ~Closer() { queue.close(); }
    } const closer{queue};
    co_await std::move(work);
}

/// Runs the writer; if it fails, the reader is stopped at once: nothing that it reads has a place to go.
Task<> write_side(LaneParts& parts, BodyQueue& queue, LanePace& pace) {
    struct Abandoner {
        LaneParts& parts;
        BodyQueue& queue;
        bool done = false;
        ~Abandoner() {
            if (done) return;
            queue.abandon();
            parts.load.tell_fewer();
            parts.source.abort();
        }
    } abandoner{parts, queue};
    DestinationHalf half(parts, queue, pace);
    co_await half.run();
    abandoner.done = true;
}

template <class T>
bool is_cancelled(Attempt<T> const& ended) {
    auto const error = error_of(ended.exception);
    return error && error->code == ErrorCode::cancelled;
}

/// Joins the halves. Where both fail, the writer's failure is what makes the reader fail, unless the writer
/// had to give up a message because the reader had failed before.
Task<bool> run_lane(LaneParts& parts, LanePace& pace, SourceHalf& source, BodyQueue& queue, Task<> work) {
    TaskGroup reading(co_await boost::asio::this_coro::executor);
    reading.spawn(read_side(queue, std::move(work)));
    auto const written = co_await attempt(write_side(parts, queue, pace));
    auto const read = co_await attempt(reading.join());
    pace.end();
    std::ranges::move(parts.retries, std::back_inserter(parts.state.retries));
    parts.retries.clear();
    bool const broke_off = is_cancelled(written) && !read.ok() && !is_cancelled(read);
    if (!broke_off) written.rethrow();
    if (!source.stopped()) read.rethrow();
    written.rethrow();
    co_return !source.stopped();
}

}  // namespace

void expect_what_was_viewed(LaneParts& parts) {
    for (auto const& folder : parts.state.folders) {
        auto const uid_validity = folder->source.uid_validity;
        if (uid_validity.value() != 0) parts.source.expect(folder->mapped.source.name, uid_validity);
    }
}

Task<bool> copy_folders(LaneParts& parts, FolderQueue& queue) {
    LanePace pace(parts);
    BodyQueue bodies(parts.options.buffer_bytes, pace);
    SourceHalf source(parts, bodies);
    bool const whole = co_await run_lane(parts, pace, source, bodies, source.read_folders(queue));
    co_return whole;
}

Task<bool> copy_groups(LaneParts& parts, std::vector<RetryGroup> groups) {
    LanePace pace(parts);
    BodyQueue queue(parts.options.buffer_bytes, pace);
    SourceHalf source(parts, queue);
    bool const whole = co_await run_lane(parts, pace, source, queue, source.read_groups(std::move(groups)));
    co_return whole;
}

}  // namespace imapcopy::copy
