#include "daemon/copy/folder_fetch.hpp"

#include <algorithm>
#include <utility>

#include "common/attempt.hpp"

namespace imapcopy::copy {

FolderFetch::FolderFetch(LaneParts& parts, QueueMouth& mouth, FolderWork& folder, Reduction reduction,
                         std::vector<MessageMeta> messages)
    : parts_(parts), mouth_(mouth), folder_(folder), reduction_(reduction) {
    for (auto& message : messages) {
        auto const uid = message.uid;
        uids_.push_back(uid);
        wanted_.emplace(uid, Wanted{std::move(message), LaneLoad::Token(parts_.load)});
    }
}

std::optional<FolderFetch::Wanted> FolderFetch::take(Uid uid) {
    auto const wanted = wanted_.find(uid);
    if (wanted == wanted_.end()) return std::nullopt;
    std::optional<Wanted> taken = std::move(wanted->second);
    wanted_.erase(wanted);
    return taken;
}

Task<> FolderFetch::run() {
    auto const fetched =
        co_await attempt(parts_.source.fetch_bodies(folder_.mapped.source.name, std::move(uids_), *this));
    if (auto const error = error_of(fetched.exception)) note_failure(*error);
    fetched.rethrow();
    if (!missing_.empty()) co_await settle_missing();
}

void FolderFetch::note_failure(Error const& error) {
    if (!DeadlyMessages::may_have_caused(error)) return;
    std::vector<Uid> awaited;
    for (auto const& [uid, wanted] : wanted_) awaited.push_back(uid);
    std::ranges::sort(awaited);
    if (current_) awaited.insert(awaited.begin(), *current_);
    parts_.state.deadly.add(folder_.mapped.source.name, awaited);
}

Task<> FolderFetch::settle_missing() {
    std::vector<Outcome> outcomes;
    for (auto const& meta : std::exchange(missing_, {})) {
        bool still_there = false;
        std::function<void(MessageMeta)> const sink = [&](MessageMeta const&) { still_there = true; };
        UidRange const alone{meta.uid, meta.uid};
        co_await parts_.source.list_messages(folder_.mapped.source.name, alone, Listing::metadata, sink);
        if (!still_there) {
            outcomes.push_back({meta.uid, MessageState::gone, Uid(), UidValidity(), {}, 0, {}, {}, {}});
            continue;
        }
        // Not recorded in the journal: the next pass asks again.
        folder_.complete = false;
        parts_.state.add_exception(folder_, meta.uid, "MessageUnreadable", meta.size_bytes,
                                   "the source lists this message but does not deliver its body");
    }
    if (!outcomes.empty()) co_await parts_.journal.finish(folder_.record.id, std::move(outcomes));
}

Task<> FolderFetch::begin(Uid uid, std::uint64_t size_bytes) {
    if (parts_.context.stop.requested() || parts_.state.ending)
        throw Failure(ErrorCode::cancelled, "stop between two messages");
    auto wanted = take(uid);
    if (!wanted) co_return;
    current_ = uid;
    turn_ = co_await mouth_.turn.lock();
    if (mouth_.folder != &folder_ || mouth_.reduction != reduction_) {
        folder_.begun = true;
        mouth_.begun.insert(&folder_);
        mouth_.folder = &folder_;
        mouth_.reduction = reduction_;
        Piece beginning = FolderBegin{&folder_, reduction_};
        co_await mouth_.queue.push(std::move(beginning));
    }
    if (size_bytes < streamed_bytes_min) {
        gathered_ = WholeBody{std::move(wanted->meta), std::move(wanted->token), size_bytes, {}};
        gathered_->bytes.reserve(size_bytes);
        co_return;
    }
    Piece begin = BodyBegin{std::move(wanted->meta), std::move(wanted->token), size_bytes};
    co_await mouth_.queue.push(std::move(begin));
}

Task<> FolderFetch::data(std::string_view bytes) {
    if (!turn_) co_return;
    if (gathered_) {
        gathered_->bytes += bytes;
        co_return;
    }
    Piece piece = BodyData{std::string(bytes)};
    co_await mouth_.queue.push(std::move(piece));
}

Task<> FolderFetch::end() {
    if (!turn_) co_return;
    Piece ending = BodyEnd{};
    if (gathered_) ending = std::move(*std::exchange(gathered_, std::nullopt));
    current_.reset();
    co_await mouth_.queue.push(std::move(ending));
    turn_.reset();
}

Task<> FolderFetch::missing(Uid uid) {
    auto wanted = take(uid);
    if (wanted) missing_.push_back(std::move(wanted->meta));
    co_return;
}

}  // namespace imapcopy::copy
