#include "daemon/imap/session.hpp"

#include <utility>

#include "common/outcome.hpp"
#include "daemon/imap/connection.hpp"
#include "daemon/imap/login.hpp"

namespace imapcopy::imap {

struct Session::Impl {
    ConnectionOwner owner;
    Connection& connection() const { return *owner.get(); }
};

struct Session::Ticket::State {
    std::shared_ptr<Connection> connection;
    PendingPtr pending;
};

Session::Ticket::Ticket(std::unique_ptr<State> state) : state_(std::move(state)) {}

Session::Ticket::~Ticket() {
    state_->connection->abandon(state_->pending);
}

Task<Reply> Session::Ticket::reply() {
    return state_->connection->await_reply(state_->pending);
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Session::~Session() = default;

Task<std::unique_ptr<Session>> Session::open(Context context, net::Connector& connector, net::Target target,
                                             Credentials credentials, Side side, SessionTimeouts timeouts) {
    auto logging_in = log_in(context, connector, std::move(target), std::move(credentials), side, timeouts);
    auto owner = co_await as_result(std::move(logging_in));
    if (!owner) {
        auto error = owner.error();
        error.side = side;
        throw Failure(std::move(error));
    }
    auto impl = std::make_unique<Impl>(Impl{std::move(*owner)});
    co_return std::unique_ptr<Session>(new Session(std::move(impl)));
}

Capabilities const& Session::capabilities() const {
    return impl_->connection().protocol().capabilities();
}

bool Session::has(std::string_view capability) const {
    return capabilities().contains(capability);
}

std::string const& Session::greeting() const {
    return impl_->connection().greeting;
}

std::string const& Session::peer() const {
    return impl_->connection().peer;
}

std::unique_ptr<Session::Ticket> Session::start(command::Command command, Handlers handlers) {
    auto pending = impl_->connection().start(std::move(command), std::move(handlers));
    auto state = std::make_unique<Ticket::State>(Ticket::State{impl_->owner.get(), std::move(pending)});
    return std::unique_ptr<Ticket>(new Ticket(std::move(state)));
}

Task<Reply> Session::run(command::Command command, Handlers handlers) {
    auto const ticket = start(std::move(command), std::move(handlers));
    co_return co_await ticket->reply();
}

Task<std::unique_ptr<Session::Append>> Session::append(MailboxName mailbox) {
    return Append::begin(impl_->owner.get(), std::move(mailbox));
}

Task<> Session::close() {
    auto const connection = impl_->owner.get();
    co_await connection->log_out();
}

void Session::leave() {
    impl_->connection().leave();
}

void Session::abort() noexcept {
    impl_->connection().fail({ErrorCode::cancelled, "imap connection to " + peer() + ": aborted"});
}

std::uint64_t Session::bytes_transferred() const {
    return impl_->connection().bytes_transferred();
}

bool Session::compression_proven() const {
    return impl_->connection().compression_proven();
}

Duration Session::round_trip() const {
    return impl_->connection().round_trip();
}

Duration Session::line_wait() const {
    return impl_->connection().line_wait();
}

}  // namespace imapcopy::imap
