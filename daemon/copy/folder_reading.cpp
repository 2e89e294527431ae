#include "daemon/copy/folder_reading.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "common/attempt.hpp"
#include "common/task_group.hpp"
#include "daemon/copy/content_digest.hpp"
#include "daemon/copy/plan.hpp"

namespace imapcopy::copy {
namespace {

/// Runs `task`; its failure is noted if it is the first, and ends the other connection: nobody waits for it.
Task<> run_side(Task<> task, Endpoint& other, std::exception_ptr& first_failure) {
    auto const tried = co_await attempt(std::move(task));
    if (tried.ok() || first_failure) co_return;
    first_failure = tried.exception;
    other.abort();
}

Messages::iterator find_message(Messages& messages, Uid uid) {
    return std::ranges::lower_bound(messages, uid, {}, &IndexedMessage::uid);
}

/// What one call reads of `uids`, from place `begin` on.
std::vector<Uid> next_bodies(std::vector<Uid> const& uids, std::size_t begin, Messages& messages,
                             VerifyOptions const& options) {
    std::vector<Uid> window;
    std::uint64_t bytes = 0;
    for (auto i = begin; i < uids.size() && window.size() < options.bodies_per_window; ++i) {
        bytes += find_message(messages, uids[i])->size_bytes;
        if (!window.empty() && bytes > options.bytes_per_window) break;
        window.push_back(uids[i]);
    }
    return window;
}

}  // namespace

void check_limits(Reading const& reading) {
    if (reading.context.stop.requested()) throw Failure(ErrorCode::cancelled, "the verification was stopped");
    if (reading.context.clock.now() >= reading.deadline)
        throw Failure(ErrorCode::timed_out,
                      "the verification takes too long; compare by index, or by counts");
}

Task<> both(Connected& connected, Task<> source, Task<> destination) {
    std::exception_ptr failure;
    TaskGroup sides(co_await boost::asio::this_coro::executor);
    sides.spawn(run_side(std::move(source), *connected.destination, failure));
    sides.spawn(run_side(std::move(destination), *connected.source, failure));
    co_await sides.join();
    if (failure) std::rethrow_exception(failure);
}

Task<> list_side(Reading const& reading, Endpoint& endpoint, MailboxName mailbox, MailboxStatus status,
                 Listed& listed) {
    std::function<void(MessageMeta)> const sink = [&](MessageMeta const& meta) {
        ++listed.seen;
        if (meta.identity && reading.reports.contains(meta.identity->fingerprint)) return;
        bool const elsewhere = reading.labels.stands_elsewhere(mailbox, meta.labels);
        (elsewhere ? listed.elsewhere : listed.messages).push_back(index_message(meta));
    };
    for (auto const window : make_windows(Uid(1), status, reading.options.messages_per_window)) {
        check_limits(reading);
        co_await endpoint.list_messages(mailbox, window, Listing::identity, sink);
    }
    std::ranges::sort(listed.messages, {}, &IndexedMessage::uid);
    std::ranges::sort(listed.elsewhere, {}, &IndexedMessage::uid);
}

Task<> digest_side(Reading const& reading, Endpoint& endpoint, MailboxName mailbox, std::vector<Uid> uids,
                   Messages& messages, std::vector<Uid>& unread) {
    for (std::size_t begin = 0; begin < uids.size();) {
        check_limits(reading);
        auto const window = next_bodies(uids, begin, messages, reading.options);
        begin += window.size();
        auto const digests = co_await content_digests(endpoint, mailbox, window);
        for (auto const uid : window) {
            auto const digest = std::ranges::lower_bound(digests, uid, {}, &ContentDigest::uid);
            bool const given = digest != digests.end() && digest->uid == uid;
            if (given) find_message(messages, uid)->content = digest->content;
            if (!given) unread.push_back(uid);
        }
    }
    std::erase_if(messages,
                  [&](IndexedMessage const& m) { return std::ranges::binary_search(unread, m.uid); });
}

}  // namespace imapcopy::copy
