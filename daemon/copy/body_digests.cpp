#include "daemon/copy/body_digests.hpp"

#include <algorithm>

namespace imapcopy::copy {
namespace {

class DigestSink final : public BodySink {
 public:
    std::vector<HashedMessage> messages;

 private:
    Task<> begin(Uid uid, std::uint64_t) override {
        messages.push_back({uid, {}});
        hasher_ = Hasher();
        co_return;
    }
    Task<> data(std::string_view bytes) override {
        hasher_.add(bytes);
        co_return;
    }
    Task<> end() override {
        messages.back().digest = hasher_.finish();
        co_return;
    }
    Task<> missing(Uid) override { co_return; }

    Hasher hasher_;
};

}  // namespace

Task<std::vector<HashedMessage>> body_digests(Endpoint& endpoint, MailboxName mailbox,
                                              std::vector<Uid> uids) {
    std::ranges::sort(uids);
    DigestSink sink;
    co_await endpoint.fetch_bodies(std::move(mailbox), std::move(uids), sink);
    co_return std::move(sink.messages);
}

}  // namespace imapcopy::copy
