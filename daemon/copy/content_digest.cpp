#include "daemon/copy/content_digest.hpp"

#include <algorithm>

namespace imapcopy::copy {
namespace {

class ContentSink final : public BodySink {
 public:
    std::vector<ContentDigest> digests;

 private:
    Task<> begin(Uid uid, std::uint64_t) override {
        uid_ = uid;
        hasher_ = ContentHasher();
        co_return;
    }
    Task<> data(std::string_view bytes) override {
        hasher_.add(bytes);
        co_return;
    }
    Task<> end() override {
        digests.push_back({uid_, cut(hasher_.finish())});
        co_return;
    }
    Task<> missing(Uid) override { co_return; }

    Uid uid_;
    ContentHasher hasher_;
};

}  // namespace

void ContentHasher::add(std::string_view bytes) {
    while (!bytes.empty()) {
        auto const c = bytes.front();
        if (c == '\r' || c == '\n') {
            if (c == '\r' || !after_cr_) ++line_ends_;
            after_cr_ = c == '\r';
            bytes.remove_prefix(1);
            continue;
        }
        after_cr_ = false;
        for (; line_ends_ > 0; --line_ends_) hasher_.add("\r\n");
        auto const end = std::min(bytes.find_first_of("\r\n"), bytes.size());
        hasher_.add(bytes.substr(0, end));
        bytes.remove_prefix(end);
    }
}

Digest ContentHasher::finish() {
    return hasher_.finish();
}

Task<std::vector<ContentDigest>> content_digests(Endpoint& endpoint, MailboxName mailbox,
                                                 std::vector<Uid> uids) {
    ContentSink sink;
    co_await endpoint.fetch_bodies(std::move(mailbox), std::move(uids), sink);
    std::ranges::sort(sink.digests, {}, &ContentDigest::uid);
    co_return std::move(sink.digests);
}

}  // namespace imapcopy::copy
