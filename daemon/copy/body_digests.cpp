#include "daemon/copy/body_digests.hpp"

#include <algorithm>

#include "common/attempt.hpp"

namespace imapcopy::copy {
namespace {

/// Holds what has come whole, also when the rest does not.
class DigestSink final : public BodySink {
 public:
    std::vector<HashedMessage> messages;

 private:
    Task<> begin(Uid uid, std::uint64_t) override {
        uid_ = uid;
        hasher_ = Hasher();
        co_return;
    }
    Task<> data(std::string_view bytes) override {
        hasher_.add(bytes);
        co_return;
    }
    Task<> end() override {
        messages.push_back({uid_, hasher_.finish()});
        co_return;
    }
    Task<> missing(Uid) override { co_return; }

    Uid uid_;
    Hasher hasher_;
};

/// What is asked for at once, in the order of asking; suspects alone, after all others.
std::vector<std::vector<Uid>> groups_of(DeadlyMessages const& deadly, MailboxName const& mailbox,
                                        std::vector<Uid> const& uids) {
    std::vector<std::vector<Uid>> groups(1);
    for (auto const uid : uids) {
        if (!deadly.is_suspect(mailbox, uid)) {
            groups.front().push_back(uid);
        } else if (!deadly.is_deadly(mailbox, uid)) {
            groups.push_back({uid});
        }
    }
    if (groups.front().empty()) groups.erase(groups.begin());
    return groups;
}

std::vector<Uid> missing_of(std::vector<Uid> const& group, std::vector<HashedMessage> const& read) {
    std::vector<Uid> missing;
    for (auto const uid : group) {
        if (std::ranges::find(read, uid, &HashedMessage::uid) == read.end()) missing.push_back(uid);
    }
    return missing;
}

}  // namespace

Task<std::vector<HashedMessage>> body_digests(Endpoint& endpoint, MailboxName mailbox,
                                              std::vector<Uid> uids) {
    std::ranges::sort(uids);
    DigestSink sink;
    co_await endpoint.fetch_bodies(std::move(mailbox), std::move(uids), sink);
    co_return std::move(sink.messages);
}

Task<std::vector<HashedMessage>> source_digests(LaneParts& parts, MailboxName mailbox,
                                                std::vector<Uid> uids) {
    std::ranges::sort(uids);
    DigestSink sink;
    for (auto const& group : groups_of(parts.state.deadly, mailbox, uids)) {
        auto const read = co_await attempt(parts.source.fetch_bodies(mailbox, group, sink));
        auto const error = error_of(read.exception);
        if (error && DeadlyMessages::may_have_caused(*error))
            parts.state.deadly.add(mailbox, missing_of(group, sink.messages));
        read.rethrow();
    }
    std::ranges::sort(sink.messages, {}, &HashedMessage::uid);
    co_return std::move(sink.messages);
}

}  // namespace imapcopy::copy
