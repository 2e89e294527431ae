#include "daemon/imap/login.hpp"

#include <utility>

#include "common/text.hpp"
#include "daemon/imap/auth.hpp"

namespace imapcopy::imap {
namespace {

using response::StatusKind;

Task<Reply> run(Connection& connection, command::Command command) {
    auto const pending = connection.start(std::move(command), {});
    co_return co_await connection.await_reply(pending);
}

/// True: PREAUTH, nobody needs to log in.
Task<bool> read_greeting(Connection& connection, TimePoint deadline) {
    auto event = co_await connection.next_event(deadline);
    auto const* const greeting = std::get_if<event::Greeting>(&event);
    if (greeting == nullptr)
        throw Failure(ErrorCode::server_bug, "connect to " + connection.peer + ": no greeting");
    auto const& status = greeting->status;
    connection.greeting = printable(status.text);
    if (status.kind == StatusKind::bye) {
        Reply const bye{status.kind, status.code, status.text};
        throw Failure(classify(bye, "connect to " + connection.peer, connection.side(), Occasion::greeting));
    }
    co_return status.kind == StatusKind::preauth;
}

/// Sends STARTTLS and waits for its tagged reply; whatever else is said in clear is not believed.
Task<Reply> ask_for_tls(Connection& connection, TimePoint deadline) {
    auto& protocol = connection.protocol();
    auto const id = protocol.begin({});
    auto const fragments = command::encode(protocol.tag(id), command::StartTls{}, {}).value();
    for (auto const& fragment : fragments) co_await connection.write(fragment.bytes);
    for (;;) {
        auto event = co_await connection.next_event(deadline);
        if (auto* const completed = std::get_if<event::Completed>(&event))
            co_return std::move(completed->reply);
    }
}

Task<> start_tls(Connection& connection, TimePoint deadline) {
    auto const what = "secure the connection to " + connection.peer;
    auto& protocol = connection.protocol();
    if (protocol.knows_capabilities() && !protocol.capabilities().contains("STARTTLS")) {
        throw Failure(ErrorCode::tls_required,
                      what + ": the server offers no STARTTLS; use imaps:// on port 993");
    }
    // Bytes that came before the command was sent cannot answer it: somebody in the middle may have put them
    // there.
    if (!protocol.is_drained())
        throw Failure(ErrorCode::tls_handshake, what + ": unexpected data before STARTTLS");
    auto const reply = co_await ask_for_tls(connection, deadline);
    if (!reply.ok()) {
        auto error = classify(reply, what + ": the server refuses STARTTLS; use imaps:// on port 993",
                              connection.side(), Occasion::command);
        error.code = ErrorCode::tls_required;
        throw Failure(std::move(error));
    }
    if (!protocol.is_drained())
        throw Failure(ErrorCode::tls_handshake, what + ": data in clear after STARTTLS");
    co_await connection.stream().start_tls(deadline);
    protocol.forget_capabilities();
}

Task<> ask_capabilities(Connection& connection) {
    if (connection.protocol().knows_capabilities()) co_return;
    auto const reply = co_await run(connection, command::Capability{});
    if (!reply.ok())
        throw Failure(refusal(reply, "ask " + connection.peer + " what it can do", connection.side()));
}

Task<> sign_in(Connection& connection, Credentials credentials, TlsMode tls) {
    auto const what = "log in to " + connection.peer + " as \"" + printable(credentials.login) + '"';
    if (!connection.stream().is_secure() && tls != TlsMode::cleartext) {
        throw Failure(ErrorCode::tls_required, what + ": the connection is not secure");
    }
    auto command = sign_in_command(credentials, connection.protocol().capabilities());
    if (!command) throw Failure(command.error());
    auto const pending = connection.start(std::move(*command), {});
    // Only what the server says from here on is true of a client that has logged in.
    connection.protocol().forget_capabilities();
    auto const reply = co_await connection.await_reply(pending);
    if (!reply.ok()) throw Failure(classify(reply, what, connection.side(), Occasion::login));
}

}  // namespace

ConnectionOwner::~ConnectionOwner() {
    if (connection_ && !connection_->leaving())
        connection_->fail({ErrorCode::cancelled, "imap connection to " + connection_->peer + ": ended"});
}

Task<ConnectionOwner> log_in(Context context, net::Connector& connector, net::Target target,
                             Credentials credentials, Side side, SessionTimeouts timeouts) {
    auto stream = co_await connector.connect(target, context.clock.now() + timeouts.connect);
    auto const deadline = context.clock.now() + timeouts.greeting;
    ConnectionOwner owner(std::make_shared<Connection>(context, std::move(stream), side, timeouts));
    auto& connection = *owner.get();
    auto const preauth = co_await read_greeting(connection, deadline);
    if (target.tls == TlsMode::starttls) {
        // RFC 9051 §11.1: STARTTLS is impossible after PREAUTH, so a forged one would strip TLS.
        if (preauth) {
            throw Failure(ErrorCode::tls_required,
                          "secure the connection to " + connection.peer + ": the server logs in without TLS");
        }
        co_await start_tls(connection, deadline);
    }
    auto const executor = co_await boost::asio::this_coro::executor;
    connection.run_loops(executor);
    if (!preauth) {
        co_await ask_capabilities(connection);
        co_await sign_in(connection, std::move(credentials), target.tls);
    }
    co_await ask_capabilities(connection);
    connection.set_logged_in();
    if (connection.protocol().capabilities().contains("ID")) {
        // Nobody waits for the answer.
        command::Id id{{{"name", "imapcopyd"}, {"version", IMAPCOPY_VERSION}}};
        (void)connection.start(std::move(id), {});
    }
    co_return owner;
}

}  // namespace imapcopy::imap
