#include "daemon/copy/body_relay.hpp"

#include "common/result.hpp"

namespace imapcopy::copy {

Task<> BodyRelay::begin(Uid uid, std::uint64_t size_bytes) {
    current_.reset();
    // Only its end is missing: what came now would end up inside of it.
    if (unproven_ && uid != Uid{}) {
        throw Failure(ErrorCode::server_bug, "fetch uid " + to_string(*unproven_) + ": the server sent uid " +
                                                 to_string(uid) + " before it named this one");
    }
    unnamed_ = uid == Uid{};
    if (unnamed_) uid_comes_late_ = true;
    auto const whose = unnamed_ ? only_.value_or(Uid{}) : uid;
    auto const place = outstanding_.find(whose);
    if (place == outstanding_.end() || place->second == Fate::delivered) co_return;
    // An empty body is as good as none; whether it should be empty is asked afterwards.
    place->second = size_bytes == 0 ? Fate::empty : Fate::delivered;
    if (size_bytes == 0) co_return;
    current_ = whose;
    bytes_ += size_bytes;
    ++messages_;
    co_await sink_.begin(whose, size_bytes);
}

Task<> BodyRelay::data(std::string_view bytes) {
    if (current_) co_await sink_.data(bytes);
}

Task<> BodyRelay::end() {
    auto const whose = std::exchange(current_, std::nullopt);
    if (!whose) co_return;
    if (unnamed_) {
        unproven_ = whose;
        proven_ = false;
        co_return;
    }
    co_await sink_.end();
}

void BodyRelay::on_fetch(imap::response::Response const& response) {
    auto const* const fetch = std::get_if<imap::response::Fetch>(&response);
    if (fetch != nullptr && fetch->has_body && unproven_ && fetch->uid == unproven_) proven_ = true;
}

Task<std::vector<BodyRelay::Fate>> BodyRelay::settle(std::vector<Uid> uids) {
    if (auto const whose = std::exchange(unproven_, std::nullopt)) {
        if (!proven_) {
            throw Failure(ErrorCode::server_bug,
                          "fetch uid " + to_string(*whose) + ": the server names no uid");
        }
        co_await sink_.end();
    }
    std::vector<Fate> fates;
    for (auto const uid : uids) {
        auto const place = outstanding_.find(uid);
        fates.push_back(place == outstanding_.end() ? Fate::waiting : place->second);
        outstanding_.erase(uid);
    }
    co_return fates;
}

}  // namespace imapcopy::copy
