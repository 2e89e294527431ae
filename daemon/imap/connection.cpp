#include "daemon/imap/connection.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "common/outcome.hpp"
#include "common/text.hpp"
#include "daemon/imap/auth.hpp"
#include "daemon/net/compress_stream.hpp"

namespace imapcopy::imap {
namespace {

/// A connection on which nothing is asked may rest so long. The other side of a lane can be slow.
constexpr auto quiet_connection_max = std::chrono::hours(24);
/// Commands that are queued together leave together, up to this size.
constexpr std::size_t outgoing_bytes_max = 32 * 1024;
/// Every hand-over costs two turns of the loop, so small bodies are handed over whole, and all that one read
/// brought at once.
constexpr std::size_t small_body_bytes_max = 64 * 1024;

}  // namespace

PendingCommand::~PendingCommand() {
    for (auto& fragment : fragments) {
        if (fragment.secret) wipe(fragment.bytes);
    }
}

Connection::Connection(Context context, std::unique_ptr<net::Stream> stream, Side side,
                       SessionTimeouts timeouts)
    : peer(stream->peer()),
      context_(context),
      stream_(std::move(stream)),
      side_(side),
      timeouts_(timeouts),
      protocol_(context.random),
      watch_(timeouts) {
    watch_.set_command_limit(timeouts.login);
}

void Connection::set_logged_in() {
    bye_occasion_ = Occasion::bye;
    watch_.set_command_limit(timeouts_.command);
}

command::EncodeOptions Connection::encode_options() const {
    auto const& offered = protocol_.capabilities();
    return {.literal_plus = offered.contains("LITERAL+"),
            .literal_minus = offered.contains("LITERAL-"),
            .sasl_ir = offered.contains("SASL-IR")};
}

// ---- Reading
// -------------------------------------------------------------------------------------------------------

Task<ProtocolEvent> Connection::next_event(TimePoint deadline) {
    for (;;) {
        // A server that never pauses is never waited for.
        if (context_.clock.now() >= deadline) {
            throw Failure(ErrorCode::timed_out,
                          "imap connection to " + peer + ": the server did not get ready in time");
        }
        auto event = protocol_.next();
        if (!event) throw Failure(within("imap connection to " + peer, event.error()));
        if (!std::holds_alternative<event::NeedInput>(*event)) co_return std::move(*event);
        co_await read_more(deadline);
    }
}

Task<> Connection::read_more(TimePoint deadline) {
    // Between two answers the server may be thinking; inside of one it is the line that is waited for.
    if (!protocol_.is_drained()) receiving_.start(context_.clock.now());
    auto const count = co_await stream_->read_some(buffer_, deadline);
    receiving_.stop(context_.clock.now());
    if (count == 0) throw Failure(lost());
    bytes_received_ += count;
    watch_.received(context_.clock.now());
    rearm();
    protocol_.feed({buffer_.data(), count});
}

Task<> Connection::read_loop() {
    while (!failure_ && !logged_out_) {
        auto event = protocol_.next();
        if (ends_gathering(event)) co_await deliver_gathered();
        if (!event) throw Failure(within("imap connection to " + peer, event.error()));
        if (std::holds_alternative<event::NeedInput>(*event)) {
            co_await read_more(context_.clock.now() + quiet_connection_max);
            continue;
        }
        auto step = dispatch(*event);
        if (step) co_await deliver(*step);
        if (protocol_.bye() && !end_deadline_) {
            // Late replies may still come, but not for long.
            end_deadline_ = context_.clock.now() + timeouts_.logout;
            rearm();
        }
    }
}

/// True if whole bodies wait to be handed over, and `event` must not come before them, or begins a body that
/// cannot join them: it is large, or for somebody else. The end of what a read has brought ends it always, so
/// that no more waits than that, and the small body whose beginning came before.
bool Connection::ends_gathering(Result<ProtocolEvent> const& event) const {
    if (small_bodies_.empty()) return false;
    if (!event || std::holds_alternative<event::NeedInput>(*event) ||
        std::holds_alternative<event::Completed>(*event)) {
        return true;
    }
    // A body whose UID comes behind it is proven by the response that it stands in. After BYE time is short.
    if (std::holds_alternative<event::Untagged>(*event))
        return small_bodies_.back().uid == Uid{} || protocol_.bye();
    auto const* const begin = std::get_if<event::BodyBegin>(&*event);
    return begin != nullptr &&
           (begin->size_bytes > small_body_bytes_max || begin->recipient != small_recipient_);
}

Task<> Connection::deliver_gathered() {
    std::size_t whole = 0;
    for (auto const& body : small_bodies_) whole += body.size_bytes;
    BodyStep step{.kind = BodyStep::Kind::whole, .handler = reader_of(small_recipient_)};
    step.bytes = std::string_view(small_bytes_).substr(0, whole);
    step.bodies = small_bodies_;
    co_await deliver(step);
    throw_if_failed();  // The reader may still be at it: what it reads stays as it is.
    small_bodies_.clear();
    small_bytes_.erase(0, whole);
    if (small_bytes_.capacity() > 2 * small_body_bytes_max) small_bytes_.shrink_to_fit();
}

/// Passes an event on; a piece of a body is given back, because its reader may take its time.
std::optional<Connection::BodyStep> Connection::dispatch(ProtocolEvent& event) {
    using Kind = BodyStep::Kind;
    if (auto* const untagged = std::get_if<event::Untagged>(&event)) {
        auto const pending = find(untagged->recipient);
        if (pending && pending->handlers.untagged) pending->handlers.untagged(untagged->response);
    } else if (auto* const completed = std::get_if<event::Completed>(&event)) {
        complete(std::move(*completed));
    } else if (std::holds_alternative<event::Continue>(event)) {
        if (auto const waiter = std::exchange(continuation_waiter_, nullptr)) {
            waiter->continued = true;
            waiter->changed.set();
        }
    } else if (auto const* const begin = std::get_if<event::BodyBegin>(&event)) {
        body_recipient_ = begin->recipient;
        body_uid_ = begin->uid;
        body_size_bytes_ = begin->size_bytes;
        watch_.body_began(context_.clock.now());
        gathering_ = begin->size_bytes <= small_body_bytes_max;
        if (!gathering_)
            return BodyStep{Kind::begin, reader_of(body_recipient_), begin->uid, begin->size_bytes};
    } else if (auto const* const data = std::get_if<event::BodyData>(&event)) {
        watch_.body_received(data->bytes.size());
        if (!gathering_)
            return BodyStep{.kind = Kind::data, .handler = reader_of(body_recipient_), .bytes = data->bytes};
        small_bytes_ += data->bytes;
    } else if (std::holds_alternative<event::BodyEnd>(event)) {
        watch_.body_ended();
        if (!std::exchange(gathering_, false))
            return BodyStep{.kind = Kind::end, .handler = reader_of(body_recipient_)};
        small_recipient_ = body_recipient_;
        small_bodies_.push_back({body_uid_, body_size_bytes_});
    }
    return std::nullopt;
}

/// Who has asked for a body; null: nobody any more.
BodyHandler* Connection::reader_of(std::optional<CommandId> recipient) const {
    auto const pending = find(recipient);
    return pending ? pending->handlers.body : nullptr;
}

void Connection::complete(event::Completed completed) {
    auto const pending = find(completed.command);
    if (!pending) return;
    if (!pending->begun || (!pending->sent && completed.reply.ok())) {
        return fail(
            {ErrorCode::server_bug, "imap connection to " + peer + ": a reply before its command was sent"});
    }
    under_way_.erase(completed.command);
    if (completed.reply.ok()) round_trip_.carried_out(completed.command, context_.clock.now());
    end_await(pending);
    if (continuation_waiter_ == pending) {
        continuation_waiter_.reset();
        protocol_.expect_continuation(false);
    }
    if (completed.command == logout_) logged_out_ = true;
    if (pending->compresses && completed.reply.ok()) start_compression();
    compression_proven_ |= pending->compressed;
    pending->reply = std::move(completed.reply);
    pending->changed.set();
}

/// Called by the reader, between two reads, while the writer waits: nobody uses the stream.
void Connection::start_compression() {
    if (!protocol_.is_drained()) {
        return fail({ErrorCode::server_bug, "imap connection to " + peer + ": data in clear after COMPRESS"});
    }
    stream_ = net::compress(std::move(stream_));
    compresses_ = true;
}

PendingPtr Connection::find(std::optional<CommandId> id) const {
    if (!id) return nullptr;
    auto const place = under_way_.find(*id);
    return place == under_way_.end() ? nullptr : place->second;
}

/// Lends a piece of a body to whoever waits for a command with its handler, and reads no further until it is
/// done.
Task<> Connection::deliver(BodyStep step) {
    if (step.handler == nullptr) co_return;
    step_ = step;
    for (auto const& [id, pending] : under_way_) {
        if (pending->handlers.body == step.handler) pending->changed.set();
    }
    watch_.hold(context_.clock.now());
    rearm();
    while (step_ && !failure_) {
        co_await step_done_.wait();
        step_done_.clear();
    }
    watch_.release(context_.clock.now());
    rearm();
}

Task<> Connection::serve_body() {
    struct Return {
        Connection& connection;
        ~Return() { connection.drop_step(); }
    } const give_back{*this};
    step_->taken = true;
    auto const step = *step_;
    switch (step.kind) {
        case BodyStep::Kind::begin: co_await step.handler->begin(step.uid, step.size_bytes); break;
        case BodyStep::Kind::data: co_await step.handler->data(step.bytes); break;
        case BodyStep::Kind::end: co_await step.handler->end(); break;
        case BodyStep::Kind::whole: co_await serve_whole(step); break;
    }
}

/// The bodies stay where they are meanwhile: see deliver_gathered().
Task<> Connection::serve_whole(BodyStep step) {
    for (auto const& body : step.bodies) {
        co_await step.handler->begin(body.uid, body.size_bytes);
        if (body.size_bytes > 0) co_await step.handler->data(step.bytes.substr(0, body.size_bytes));
        co_await step.handler->end();
        step.bytes.remove_prefix(body.size_bytes);
    }
}

void Connection::drop_step() noexcept {
    step_.reset();
    step_done_.set();
}

Task<Reply> Connection::await_reply(PendingPtr pending) {
    for (;;) {
        // The reply first: what comes after it belongs to later commands.
        if (pending->reply) co_return *pending->reply;
        throw_if_failed();
        auto* const handler = pending->handlers.body;
        if (handler != nullptr && step_ && !step_->taken && step_->handler == handler) {
            co_await serve_body();
            continue;
        }
        co_await pending->changed.wait();
        pending->changed.clear();
    }
}

bool Connection::somebody_handles(BodyHandler const* handler) const {
    return std::ranges::any_of(under_way_,
                               [&](auto const& entry) { return entry.second->handlers.body == handler; });
}

void Connection::abandon(PendingPtr const& pending) noexcept {
    pending->handlers = {};
    if (step_ && !step_->taken && !somebody_handles(step_->handler)) drop_step();
    if (pending->begun || pending->reply) return;
    std::erase(queue_, pending);
    under_way_.erase(pending->id);
    protocol_.forget(pending->id);
}

// ---- Writing
// -------------------------------------------------------------------------------------------------------

/// What follows the line of AUTHENTICATE: the response, unless it went along (SASL-IR), and the answer to
/// whatever else the server asks.
void Connection::prepare_exchange(PendingCommand& pending, command::Authenticate const& authenticate) const {
    pending.challenge_answer = answer_to_challenge(authenticate.mechanism);
    if (!authenticate.initial_response || encode_options().sasl_ir) return;
    pending.fragments.back().wait_for_continuation = true;
    auto encoded = base64(authenticate.initial_response->reveal());
    auto& answer = pending.fragments.emplace_back();
    answer.secret = true;
    answer.bytes.reserve(encoded.size() + 64);
    answer.bytes.append(encoded).append("\r\n");
    wipe(encoded);
}

PendingPtr Connection::start(command::Command command, Handlers handlers) {
    throw_if_failed();
    if (protocol_.bye()) throw Failure(lost());
    auto const pending = std::make_shared<PendingCommand>();
    pending->id = protocol_.begin(interest_of(command));
    pending->handlers = std::move(handlers);
    pending->compresses = std::holds_alternative<command::Compress>(command);
    auto const* const authenticate = std::get_if<command::Authenticate>(&command);
    auto fragments = command::encode(protocol_.tag(pending->id), command, encode_options());
    if (!fragments) {
        protocol_.forget(pending->id);
        throw Failure(fragments.error());
    }
    pending->fragments = std::move(*fragments);
    if (authenticate != nullptr) prepare_exchange(*pending, *authenticate);
    under_way_.emplace(pending->id, pending);
    queue_.push_back(pending);
    queue_changed_.set();
    return pending;
}

PendingPtr Connection::queue_append() {
    throw_if_failed();
    if (protocol_.bye()) throw Failure(lost());
    auto const pending = std::make_shared<PendingCommand>();
    pending->id = protocol_.begin({});
    pending->writes_itself = true;
    under_way_.emplace(pending->id, pending);
    queue_.push_back(pending);
    queue_changed_.set();
    return pending;
}

Task<> Connection::await_turn(PendingPtr pending) {
    while (!pending->has_turn) {
        throw_if_failed();
        co_await pending->changed.wait();
        pending->changed.clear();
    }
    throw_if_failed();
}

void Connection::end_turn(PendingPtr const& pending) noexcept {
    pending->turn_over = true;
    pending->changed.set();
}

Task<> Connection::write_loop() {
    while (!failure_) {
        if (queue_.empty()) {
            co_await queue_changed_.wait();
            queue_changed_.clear();
            continue;
        }
        auto const pending = queue_.front();
        queue_.pop_front();
        pending->compressed = compresses_;
        if (!pending->writes_itself) {
            co_await write_command(pending);
            if (pending->compresses) co_await await_compression(pending);
            continue;
        }
        turn_holder_ = pending;
        pending->has_turn = true;
        pending->changed.set();
        while (!pending->turn_over && !failure_) {
            co_await pending->changed.wait();
            pending->changed.clear();
        }
        turn_holder_.reset();
    }
}

Task<> Connection::write_command(PendingPtr pending) {
    pending->begun = true;
    auto go_on = true;
    for (std::size_t i = 0; i < pending->fragments.size() && go_on; ++i) {
        auto& fragment = pending->fragments[i];
        auto const last = i + 1 == pending->fragments.size();
        auto const asks = fragment.wait_for_continuation || (last && pending->challenge_answer);
        if (!asks && !fragment.secret) {
            outgoing_ += fragment.bytes;
            if (last) in_outgoing_.push_back(pending);
            continue;
        }
        co_await flush();
        if (last) mark_sent(pending);
        if (asks) {
            go_on = co_await write_and_await_continuation(pending, fragment.bytes);
        } else {
            co_await write(fragment.bytes);
        }
        if (fragment.secret) wipe(fragment.bytes);
    }
    while (go_on && pending->challenge_answer) {
        go_on = co_await write_and_await_continuation(pending, *pending->challenge_answer);
    }
    auto const more_joins = !queue_.empty() && !queue_.front()->writes_itself;
    if (!more_joins || outgoing_.size() >= outgoing_bytes_max) co_await flush();
}

/// What is sent before the server has agreed would not be compressed for us, but for the server.
Task<> Connection::await_compression(PendingPtr pending) {
    co_await flush();
    while (!pending->reply && !failure_) {
        co_await pending->changed.wait();
        pending->changed.clear();
    }
}

Task<> Connection::flush() {
    if (outgoing_.empty()) co_return;
    auto const bytes = std::exchange(outgoing_, {});
    for (auto const& pending : std::exchange(in_outgoing_, {})) mark_sent(pending);
    co_await write(bytes);
}

void Connection::mark_sent(PendingPtr const& pending) {
    pending->sent = true;
    begin_await(pending);
}

Task<> Connection::write(std::string_view bytes) {
    throw_if_failed();
    auto const now = context_.clock.now();
    watch_.write_began(now, bytes.size());
    rearm();
    auto writing = stream_->write_all(bytes, now + timeouts_.idle);
    auto const refused = stream_->refused_by_peer();
    sending_.start(now);
    auto const result = co_await as_result(std::move(writing));
    sending_.stop(context_.clock.now());
    // A server that does not read is no fault of the line.
    if (result) refused_ += stream_->refused_by_peer() - refused;
    watch_.write_ended(context_.clock.now());
    rearm();
    if (!result) fail(result.error());
    throw_if_failed();
    bytes_sent_ += bytes.size();
}

Task<bool> Connection::write_and_await_continuation(PendingPtr pending, std::string_view bytes) {
    // Before writing: the answer may overtake the end of write().
    pending->begun = true;
    protocol_.expect_continuation(true);
    continuation_waiter_ = pending;
    begin_await(pending);
    co_await write(bytes);
    while (!pending->continued && !pending->reply) {
        throw_if_failed();
        co_await pending->changed.wait();
        pending->changed.clear();
    }
    if (!pending->sent) end_await(pending);
    co_return std::exchange(pending->continued, false);
}

// ---- Time and end
// --------------------------------------------------------------------------------------------------

void Connection::begin_await(PendingPtr const& pending) {
    if (pending->reply || std::exchange(pending->awaited, true)) return;
    auto const now = context_.clock.now();
    watch_.await_began(now);
    round_trip_.await_began(pending->id, now);
    rearm();
}

void Connection::end_await(PendingPtr const& pending) {
    if (!std::exchange(pending->awaited, false)) return;
    watch_.await_ended(context_.clock.now());
    round_trip_.await_ended(pending->id);
    rearm();
}

void Connection::rearm() {
    if (!alarm_) return;
    auto deadline = watch_.deadline();
    if (end_deadline_) deadline = std::min(deadline.value_or(*end_deadline_), *end_deadline_);
    if (deadline) {
        alarm_->set(*deadline);
    } else {
        alarm_->clear();
    }
}

void Connection::on_alarm() {
    if (failure_) return;
    auto const now = context_.clock.now();
    if (end_deadline_ && now >= *end_deadline_) return fail(lost());
    auto const reason = watch_.exceeded(now);
    if (!reason) return rearm();
    fail({ErrorCode::timed_out, "imap connection to " + peer + ": " + *reason});
}

Duration Connection::line_wait() const {
    auto const now = context_.clock.now();
    return receiving_.total(now) + std::max(sending_.total(now) - refused_, Duration::zero());
}

Error Connection::lost() const {
    auto const what = "imap connection to " + peer;
    if (protocol_.bye()) return classify(*protocol_.bye(), what, side_, bye_occasion_);
    return {.code = ErrorCode::connection_lost, .message = what + ": closed by the server", .side = side_};
}

void Connection::throw_if_failed() const {
    if (failure_) throw Failure(*failure_);
}

void Connection::fail(Error error) noexcept {
    if (failure_) return;
    if (!error.side) error.side = side_;
    // Nobody learns more from "cut off" than from the server's own farewell.
    auto const cut_off = error.code == ErrorCode::connection_lost;
    failure_ = cut_off && protocol_.bye() ? lost() : std::move(error);
    alarm_.reset();
    stream_->abort();
    for (auto const& [id, pending] : under_way_) pending->changed.set();
    if (turn_holder_) turn_holder_->changed.set();  // May be answered, and so no longer under way.
    queue_changed_.set();
    step_done_.set();
}

Task<> Connection::log_out() {
    if (failure_) co_return;
    end_deadline_ = context_.clock.now() + timeouts_.logout;
    if (!protocol_.bye()) logout_ = start(command::Logout{}, {})->id;
    rearm();
    while (!failure_ && !reading_ended_.is_set()) co_await reading_ended_.wait();
    if (!failure_) co_await stream_->close(context_.clock.now() + timeouts_.logout);
    fail({ErrorCode::cancelled, "imap connection to " + peer + ": closed"});
}

void Connection::leave() {
    if (failure_ || std::exchange(leaving_, true)) return;
    boost::asio::co_spawn(executor_, own_loop(shared_from_this(), log_out(), nullptr), boost::asio::detached);
}

void Connection::run_loops(boost::asio::any_io_executor executor) {
    executor_ = executor;
    auto on_alarm = [weak = weak_from_this()] {
        if (auto const self = weak.lock()) self->on_alarm();
    };
    alarm_ = context_.clock.make_alarm(std::move(on_alarm));
    auto const self = shared_from_this();
    boost::asio::co_spawn(executor, own_loop(self, read_loop(), &reading_ended_), boost::asio::detached);
    boost::asio::co_spawn(executor, own_loop(self, write_loop(), nullptr), boost::asio::detached);
}

/// Keeps the connection alive as long as the loop runs, and ends it with the loop's error.
Task<> Connection::own_loop(std::shared_ptr<Connection> self, Task<> loop, Event* ended) {
    auto const result = co_await as_result(std::move(loop));
    if (!result) self->fail(result.error());
    if (ended != nullptr) ended->set();
}

}  // namespace imapcopy::imap
