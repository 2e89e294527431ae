#include "daemon/imap/protocol.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace imapcopy::imap {
namespace {

constexpr std::string_view tag_characters = "abcdefghijklmnopqrstuvwxyz";
constexpr std::size_t tag_letters = 8;
/// Capabilities of one server; real ones have about 50.
constexpr std::size_t capabilities_max = 1000;
/// What RFC 9051 (appendix E) made part of the protocol, as far as we use it. A server that speaks RFC 3501,
/// too, names each on its own.
constexpr std::array<std::string_view, 7> part_of_rev2 = {
    "ENABLE", "LIST-EXTENDED", "LIST-STATUS", "LITERAL-", "NAMESPACE", "SASL-IR", "UIDPLUS"};

std::string make_tag_prefix(Random& random) {
    std::string prefix;
    for (std::size_t i = 0; i < tag_letters; ++i) {
        prefix += tag_characters[static_cast<std::size_t>(random.below(tag_characters.size()))];
    }
    return prefix;
}

Reply to_reply(response::Status status) {
    return {status.kind, std::move(status.code), std::move(status.text)};
}

}  // namespace

Protocol::Protocol(Random& random, FragmenterLimits limits)
    : fragmenter_(limits), tag_prefix_(make_tag_prefix(random)) {}

CommandId Protocol::begin(Interest interest) {
    CommandId const id{++last_id_};
    in_flight_.push_back({id, std::move(interest)});
    return id;
}

std::string Protocol::tag(CommandId command) const {
    return tag_prefix_ + to_string(command);
}

void Protocol::forget(CommandId command) {
    std::erase_if(in_flight_, [&](InFlight const& entry) { return entry.id == command; });
}

void Protocol::forget_capabilities() {
    capabilities_.clear();
    knows_capabilities_ = false;
}

Result<ProtocolEvent> Protocol::next() {
    for (;;) {
        if (failure_) return *failure_;
        if (!queued_.empty()) {
            ProtocolEvent event = std::move(queued_.front());
            queued_.pop_front();
            return event;
        }
        auto fragment = fragmenter_.next();
        if (!fragment) return fragment.error();
        std::optional<ProtocolEvent> event;
        if (std::holds_alternative<NeedInput>(*fragment)) {
            event = event::NeedInput{};
        } else if (auto const* const text = std::get_if<ResponseText>(&*fragment)) {
            event = accept(*text);
        } else if (auto const* const start = std::get_if<BodyStart>(&*fragment)) {
            event = begin_body(*start);
        } else if (auto const* const piece = std::get_if<BodyPiece>(&*fragment)) {
            event = event::BodyData{piece->bytes};
        } else {
            event = event::BodyEnd{};
        }
        if (event) return std::move(*event);
    }
}

/// The event of a whole response; nothing where there is none, or where something was queued or refused.
std::optional<ProtocolEvent> Protocol::accept(ResponseText const& text) {
    auto parsed = response::parse(text);
    if (!parsed) {
        failure_ = parsed.error();
        return std::nullopt;
    }
    if (auto* const status = std::get_if<response::Status>(&*parsed))
        return accept_status(std::move(*status));
    if (!greeted_) return refuse("data before the greeting");
    if (auto* const plus = std::get_if<response::Continuation>(&*parsed))
        return accept_continuation(std::move(*plus));
    if (auto* const fetch = std::get_if<response::Fetch>(&*parsed); fetch && fetch->body) {
        return replay_body(std::move(*fetch));
    }
    return accept_untagged(std::move(*parsed));
}

std::optional<ProtocolEvent> Protocol::accept_status(response::Status status) {
    auto const good = status.kind == response::StatusKind::ok || status.kind == response::StatusKind::preauth;
    if (good && status.code.name == "CAPABILITY")
        learn_capabilities(response::parse_capability_names(status.code.arguments));
    if (status.kind == response::StatusKind::bye) bye_ = to_reply(status);
    if (!greeted_) {
        if (!status.tag.empty() || (!good && !bye_)) return refuse("no greeting");
        greeted_ = true;
        return event::Greeting{std::move(status)};
    }
    if (!status.tag.empty()) return complete(std::move(status));
    if (status.kind == response::StatusKind::preauth) return refuse("PREAUTH after the greeting");
    return accept_untagged(std::move(status));
}

std::optional<ProtocolEvent> Protocol::complete(response::Status status) {
    auto const place =
        std::ranges::find_if(in_flight_, [&](auto const& entry) { return tag(entry.id) == status.tag; });
    if (place == in_flight_.end()) return refuse("a reply to a command that was not sent");
    auto const id = place->id;
    in_flight_.erase(place);
    return event::Completed{id, to_reply(std::move(status))};
}

std::optional<ProtocolEvent> Protocol::accept_continuation(response::Continuation continuation) {
    if (!continuation_expected_) return refuse("a continuation that nobody waits for");
    continuation_expected_ = false;
    return event::Continue{std::move(continuation.text)};
}

std::optional<ProtocolEvent> Protocol::accept_untagged(response::Response response) {
    if (auto const* const capability = std::get_if<response::Capability>(&response)) {
        learn_capabilities(capability->names);
    }
    if (std::exchange(in_body_response_, false)) {
        auto const recipient = std::exchange(body_recipient_, std::nullopt);
        return event::Untagged{recipient, std::move(response)};
    }
    auto const recipient = recipient_of(response);
    return event::Untagged{recipient, std::move(response)};
}

std::optional<ProtocolEvent> Protocol::begin_body(BodyStart const& start) {
    response::Fetch expected;
    expected.uid = response::uid_before_body(start.text);
    expected.has_body = true;
    body_recipient_ = recipient_of(expected);
    in_body_response_ = true;
    return event::BodyBegin{body_recipient_, expected.uid.value_or(Uid{}), start.size_bytes};
}

/// A body that came as a quoted string takes the way of a streamed one.
std::optional<ProtocolEvent> Protocol::replay_body(response::Fetch fetch) {
    quoted_body_ = *std::exchange(fetch.body, std::nullopt);
    auto const recipient = recipient_of(fetch);
    queued_.emplace_back(event::BodyBegin{recipient, fetch.uid.value_or(Uid{}), quoted_body_.size()});
    queued_.emplace_back(event::BodyData{quoted_body_});
    queued_.emplace_back(event::BodyEnd{});
    queued_.emplace_back(event::Untagged{recipient, std::move(fetch)});
    return std::nullopt;
}

std::optional<CommandId> Protocol::recipient_of(response::Response const& response) const {
    auto const found =
        std::ranges::find_if(in_flight_, [&](auto const& entry) { return wants(entry.interest, response); });
    if (found == in_flight_.end()) return std::nullopt;
    return found->id;
}

void Protocol::learn_capabilities(std::vector<std::string> const& names) {
    capabilities_.clear();
    for (auto const& name : names) {
        if (name.empty() || capabilities_.size() == capabilities_max) continue;
        capabilities_.insert(name);
    }
    if (speaks_only_rev2(capabilities_)) capabilities_.insert(part_of_rev2.begin(), part_of_rev2.end());
    knows_capabilities_ = true;
}

std::optional<ProtocolEvent> Protocol::refuse(std::string message) {
    failure_ = Error{ErrorCode::server_bug, "read response: " + std::move(message)};
    return std::nullopt;
}

}  // namespace imapcopy::imap
