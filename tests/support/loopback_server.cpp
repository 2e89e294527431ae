#include "tests/support/loopback_server.hpp"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <list>

#include "common/text.hpp"

namespace imapcopy::test {
namespace {

using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::asio::ip::tcp;
using boost::system::error_code;

/// One client: in clear until `tls` is set.
struct Client {
    explicit Client(tcp::socket connected, boost::asio::ssl::context& context)
        : tls(std::move(connected), context) {}
    boost::asio::ssl::stream<tcp::socket> tls;
    bool secure = false;
};

Task<> read_exactly(Client& client, std::string& into, error_code& error) {
    auto const buffer = boost::asio::buffer(into);
    if (client.secure) {
        co_await boost::asio::async_read(client.tls, buffer, redirect_error(use_awaitable, error));
    } else {
        co_await boost::asio::async_read(client.tls.next_layer(), buffer,
                                         redirect_error(use_awaitable, error));
    }
}

Task<> write_exactly(Client& client, std::string const& bytes, error_code& error) {
    auto const buffer = boost::asio::buffer(bytes);
    if (client.secure) {
        co_await boost::asio::async_write(client.tls, buffer, redirect_error(use_awaitable, error));
    } else {
        co_await boost::asio::async_write(client.tls.next_layer(), buffer,
                                          redirect_error(use_awaitable, error));
    }
}

Task<> shake_hands(Client& client, error_code& error) {
    co_await client.tls.async_handshake(boost::asio::ssl::stream_base::server,
                                        redirect_error(use_awaitable, error));
    client.secure = !error;
}

Task<> close_orderly(Client& client, error_code& error) {
    if (client.secure) {
        error_code ignored;
        co_await client.tls.async_shutdown(redirect_error(use_awaitable, ignored));
    }
    client.tls.next_layer().shutdown(tcp::socket::shutdown_send, error);
}

void reset(Client& client, error_code& error) {
    client.tls.next_layer().set_option(boost::asio::socket_base::linger(true, 0), error);
    client.tls.next_layer().close(error);
    error = boost::asio::error::connection_aborted;
}

/// Waits for the client to go; reports how.
Task<std::string> wait_for_end(Client& client) {
    std::array<char, 4096> unread{};
    error_code error;
    while (!error) {
        co_await client.tls.next_layer().async_read_some(boost::asio::buffer(unread),
                                                         redirect_error(use_awaitable, error));
    }
    if (error == boost::asio::error::eof) co_return "fin";
    co_return error == boost::asio::error::connection_reset ? "reset" : error.message();
}

}  // namespace

struct LoopbackServer::State {
    State(boost::asio::io_context& io, Script played, TlsMode mode)
        : script(std::move(played)),
          tls(mode),
          context(boost::asio::ssl::context::tls_server),
          acceptor(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {}

    static Task<> accept(std::shared_ptr<State> self);
    static Task<> serve(std::shared_ptr<State> self, Client& client);
    Task<> play(Script::Step const& step, Client& client, error_code& error);

    Script script;
    TlsMode tls;
    boost::asio::ssl::context context;
    tcp::acceptor acceptor;
    std::list<Client> clients;
    std::string received;
    std::string ending;
    std::size_t finished = 0;
    std::size_t resumed = 0;
};

Task<> LoopbackServer::State::accept(std::shared_ptr<State> self) {
    for (;;) {
        error_code error;
        auto socket = co_await self->acceptor.async_accept(redirect_error(use_awaitable, error));
        if (error) co_return;
        auto& client = self->clients.emplace_back(std::move(socket), self->context);
        boost::asio::co_spawn(self->acceptor.get_executor(), serve(self, client), boost::asio::detached);
    }
}

Task<> LoopbackServer::State::serve(std::shared_ptr<State> self, Client& client) {
    error_code error;
    if (self->tls == TlsMode::implicit) co_await shake_hands(client, error);
    if (client.secure && SSL_session_reused(client.tls.native_handle()) == 1) ++self->resumed;
    bool stalled = false;
    for (auto const& step : self->script.steps()) {
        stalled = std::holds_alternative<Script::Stall>(step);
        if (error || stalled) break;
        co_await self->play(step, client, error);
    }
    ++self->finished;
    if (error || stalled) co_return;
    self->ending = co_await wait_for_end(client);
}

Task<> LoopbackServer::State::play(Script::Step const& step, Client& client, error_code& error) {
    if (auto const* const wanted = std::get_if<Script::Expect>(&step)) {
        std::string bytes(wanted->bytes.size(), '\0');
        co_await read_exactly(client, bytes, error);
        EXPECT_TRUE(error || bytes == wanted->bytes) << "received " << printable(bytes);
        received += bytes;
    } else if (auto const* const reply = std::get_if<Script::Reply>(&step)) {
        co_await write_exactly(client, reply->bytes, error);
    } else if (std::holds_alternative<Script::StartTls>(step)) {
        co_await shake_hands(client, error);
    } else if (std::holds_alternative<Script::PeerClose>(step)) {
        co_await close_orderly(client, error);
    } else {
        reset(client, error);
    }
}

LoopbackServer::LoopbackServer(boost::asio::io_context& io, Script script, TlsMode tls,
                               std::optional<CertifiedKey> key)
    : state_(std::make_shared<State>(io, std::move(script), tls)) {
    if (key) {
        state_->context.use_certificate_chain(boost::asio::buffer(key->certificate_pem));
        state_->context.use_private_key(boost::asio::buffer(key->key_pem), boost::asio::ssl::context::pem);
    }
    boost::asio::co_spawn(io, State::accept(state_), boost::asio::detached);
}

LoopbackServer::~LoopbackServer() {
    error_code ignored;
    state_->acceptor.close(ignored);
    for (auto& client : state_->clients) client.tls.next_layer().close(ignored);
}

std::uint16_t LoopbackServer::port() const {
    return state_->acceptor.local_endpoint().port();
}
std::string const& LoopbackServer::received() const {
    return state_->received;
}
std::size_t LoopbackServer::resumed() const {
    return state_->resumed;
}

std::size_t LoopbackServer::finished() const {
    return state_->finished;
}
std::string const& LoopbackServer::ending() const {
    return state_->ending;
}

}  // namespace imapcopy::test
