// Session::Append: the one command whose arguments are too large to be a value.

#include <utility>

#include "daemon/imap/connection.hpp"
#include "daemon/imap/session.hpp"

namespace imapcopy::imap {
namespace {

/// Small messages are collected up to this size. The last byte of a message always waits for what follows it,
/// or for commit().
constexpr std::size_t collected_bytes_max = 32 * 1024;

}  // namespace

struct Session::Append::State {
    State(std::shared_ptr<Connection> carrier, MailboxName name)
        : connection(std::move(carrier)), pending(connection->queue_append()), mailbox(std::move(name)) {}
    ~State();
    State(State const&) = delete;
    State& operator=(State const&) = delete;

    Task<bool> announce(command::AppendMessage message);
    Task<bool> send_start();
    Task<bool> end_refused();
    Task<> send(std::string_view bytes);
    Task<> send_all_but_one();
    Task<> send_all();

    std::shared_ptr<Connection> connection;
    PendingPtr pending;
    MailboxName mailbox;
    std::string collected;
    std::uint64_t body_bytes_left = 0;
    bool started = false;
};

/// Without commit() the command must never become whole: the connection ends, unless nothing was sent yet.
Session::Append::State::~State() {
    auto const half_sent = pending->begun && !pending->turn_over;
    if (half_sent)
        connection->fail({ErrorCode::cancelled, "append to \"" + mailbox.utf8 + "\" was given up"});
    if (!pending->turn_over) connection->end_turn(pending);
    connection->abandon(pending);
}

Task<> Session::Append::State::send(std::string_view bytes) {
    pending->begun = true;
    return connection->write(bytes);
}

Task<> Session::Append::State::send_all() {
    auto const bytes = std::exchange(collected, {});
    co_await send(bytes);
}

Task<> Session::Append::State::send_all_but_one() {
    auto const bytes = std::exchange(collected, {});
    collected.reserve(bytes.size());
    collected = bytes.back();
    co_await send(std::string_view(bytes).substr(0, bytes.size() - 1));
}

/// "TAG APPEND mailbox". False: refused before anything was uploaded.
Task<bool> Session::Append::State::send_start() {
    started = true;
    auto const tag = connection->protocol().tag(pending->id);
    auto const fragments = command::encode_append_start(tag, mailbox, connection->encode_options()).value();
    for (auto const& fragment : fragments) {
        collected += fragment.bytes;
        if (!fragment.wait_for_continuation) continue;
        auto const bytes = std::exchange(collected, {});
        auto const go_on = co_await connection->write_and_await_continuation(pending, bytes);
        if (!go_on) co_return false;
    }
    co_return true;
}

/// The server answered between two messages. What was uploaded with LITERAL+ is part of a line that must end.
Task<bool> Session::Append::State::end_refused() {
    collected += "\r\n";
    co_await send_all();
    connection->end_turn(pending);
    co_return false;
}

Task<bool> Session::Append::State::announce(command::AppendMessage message) {
    if (pending->reply && started) co_return co_await end_refused();
    auto go_on = true;
    if (!started) go_on = co_await send_start();
    if (go_on) {
        auto const header = command::encode_append_message(message, connection->encode_options());
        collected += header.bytes;
        body_bytes_left = message.size_bytes;
        if (!header.wait_for_continuation) co_return true;
        auto const bytes = std::exchange(collected, {});
        go_on = co_await connection->write_and_await_continuation(pending, bytes);
    }
    // A synchronising literal that was refused ends the command at the server; nothing more may be sent.
    if (!go_on) connection->end_turn(pending);
    co_return go_on;
}

Session::Append::Append(std::unique_ptr<State> state) : state_(std::move(state)) {}

Session::Append::~Append() = default;

Task<bool> Session::Append::message(command::AppendMessage message) {
    if (state_->body_bytes_left != 0) {
        throw Failure(ErrorCode::internal,
                      "append to \"" + state_->mailbox.utf8 + "\": a message ended too early");
    }
    return state_->announce(std::move(message));
}

Task<> Session::Append::write(std::string_view bytes) {
    auto& state = *state_;
    if (bytes.size() > state.body_bytes_left) {
        throw Failure(ErrorCode::internal,
                      "append to \"" + state.mailbox.utf8 + "\": more bytes than announced");
    }
    state.connection->throw_if_failed();
    state.body_bytes_left -= bytes.size();
    bool const ends = state.body_bytes_left == 0;
    if (!ends && state.collected.empty() && bytes.size() > collected_bytes_max) {
        co_return co_await state.send(bytes);
    }
    state.collected += bytes;
    if (state.collected.size() <= collected_bytes_max) co_return;
    if (ends) {
        co_await state.send_all_but_one();
    } else {
        co_await state.send_all();
    }
}

Task<> Session::Append::commit() {
    auto& state = *state_;
    if (state.pending->turn_over) co_return;  // Refused before; reply() tells.
    if (state.body_bytes_left != 0 || !state.started) {
        throw Failure(ErrorCode::internal,
                      "append to \"" + state.mailbox.utf8 + "\": a message ended too early");
    }
    state.collected += "\r\n";
    state.connection->mark_sent(state.pending);
    co_await state.send_all();
    state.connection->end_turn(state.pending);
}

Task<Reply> Session::Append::reply() {
    return state_->connection->await_reply(state_->pending);
}

Task<std::unique_ptr<Session::Append>> Session::Append::begin(std::shared_ptr<Connection> connection,
                                                              MailboxName mailbox) {
    auto state = std::make_unique<State>(std::move(connection), std::move(mailbox));
    co_await state->connection->await_turn(state->pending);
    co_return std::unique_ptr<Append>(new Append(std::move(state)));
}

}  // namespace imapcopy::imap
