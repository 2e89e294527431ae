#include "daemon/copy/body_queue.hpp"

#include "common/result.hpp"
#include "daemon/copy/lane_pace.hpp"

namespace imapcopy::copy {
namespace {

std::size_t bytes_of(Piece const& piece) {
    if (auto const* const data = std::get_if<BodyData>(&piece)) return data->bytes.size();
    auto const* const body = std::get_if<WholeBody>(&piece);
    return body == nullptr ? 0 : body->bytes.size();
}

}  // namespace

Task<> BodyQueue::push(Piece piece) {
    while (bytes_ >= bytes_max_ && !abandoned_) {
        writable_.clear();
        co_await writable_.wait();
    }
    if (abandoned_) throw Failure(ErrorCode::cancelled, "pass a message on to the destination");
    bytes_ += bytes_of(piece);
    pieces_.push_back(std::move(piece));
    readable_.set();
}

Task<std::optional<Piece>> BodyQueue::pop() {
    pace_.look();
    while (!is_readable()) co_await wait();
    if (pieces_.empty()) co_return std::nullopt;
    auto piece = std::move(pieces_.front());
    pieces_.pop_front();
    bytes_ -= bytes_of(piece);
    writable_.set();
    co_return piece;
}

Task<> BodyQueue::wait() {
    if (is_readable()) co_return;
    auto const before = pace_.turn_to(Doing::waiting_for_source);
    readable_.clear();
    co_await readable_.wait();
    pace_.turn_to(before);
}

void BodyQueue::close() {
    closed_ = true;
    readable_.set();
}

void BodyQueue::abandon() {
    abandoned_ = true;
    pieces_.clear();
    bytes_ = 0;
    writable_.set();
}

}  // namespace imapcopy::copy
