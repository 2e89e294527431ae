#include "daemon/net/tcp_stream.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <sstream>

#include "common/attempt.hpp"
#include "common/text.hpp"
#include "daemon/net/peer_window.hpp"

namespace imapcopy::net {
namespace {

using boost::asio::redirect_error;
using boost::asio::use_awaitable;
using boost::asio::ip::tcp;

/// Steps (of up to 64 KiB) that one direction may take without waiting before others on the loop get their
/// turn.
constexpr unsigned steps_in_a_row_max = 8;

std::string name_of(tcp::socket const& socket) {
    boost::system::error_code error;
    auto const endpoint = socket.remote_endpoint(error);
    if (error) return "a lost connection";
    std::ostringstream text;
    text << endpoint;
    return text.str();
}

/// The step that a plain socket call came to.
Result<IoStep> plain_step(std::size_t bytes, boost::system::error_code const& error, Wants wants,
                          char const* doing, std::string const& peer) {
    if (!error) return IoStep{bytes};
    if (error == boost::asio::error::eof) return IoStep{0, Wants::nothing, true};
    if (error == boost::asio::error::would_block || error == boost::asio::error::interrupted) {
        return IoStep{0, wants};
    }
    return Error{ErrorCode::connection_lost, doing + peer + ": " + ascii_lower(error.message())};
}

}  // namespace

TcpStream::TcpStream(tcp::socket socket, Clock& clock, TlsContext context, TlsPeer peer)
    : socket_(std::move(socket)),
      clock_(clock),
      context_(std::move(context)),
      tls_peer_(std::move(peer)),
      name_(name_of(socket_)) {
    boost::system::error_code error;
    socket_.non_blocking(true, error);
    // Commands are small and must leave at once; writers gather what belongs together.
    socket_.set_option(tcp::no_delay(true), error);
    socket_.set_option(boost::asio::socket_base::keep_alive(true), error);
    reading_.alarm = make_alarm("reading from ");
    writing_.alarm = make_alarm("writing to ");
}

TcpStream::~TcpStream() {
    abort();
}

std::unique_ptr<Alarm> TcpStream::make_alarm(char const* doing) {
    auto on_alarm = [this, doing] {
        end({ErrorCode::timed_out, doing + name_ + ": nothing moved before the deadline"});
    };
    return clock_.make_alarm(std::move(on_alarm));
}

void TcpStream::end(Error error) noexcept {
    if (!ended_) ended_ = std::move(error);
    boost::system::error_code ignored;
    (void)socket_.cancel(ignored);  // Waits end; the operations then report `ended_`.
}

void TcpStream::throw_if_ended() const {
    if (ended_) throw Failure(*ended_);
}

Result<IoStep> TcpStream::try_read(std::span<char> buffer) {
    if (tls_) return tls_->read(buffer);
    boost::system::error_code error;
    auto const bytes = socket_.read_some(boost::asio::buffer(buffer.data(), buffer.size()), error);
    return plain_step(bytes, error, Wants::readable, "reading from ", name_);
}

Result<IoStep> TcpStream::try_write(std::string_view bytes) {
    if (tls_) return tls_->write(bytes);
    boost::system::error_code error;
    auto const written = socket_.write_some(boost::asio::buffer(bytes), error);
    return plain_step(written, error, Wants::writable, "writing to ", name_);
}

/// Waits until the socket is ready for what is wanted. The alarm is only touched here: a read that finds its
/// bytes waiting costs no timer.
Task<> TcpStream::wait(Way& way, Wants wants, TimePoint deadline, char const* doing) {
    way.steps_in_a_row = 0;
    if (clock_.now() >= deadline)
        end({ErrorCode::timed_out, doing + name_ + ": nothing moved before the deadline"});
    throw_if_ended();
    way.alarm->set(deadline);
    auto const what = wants == Wants::readable ? tcp::socket::wait_read : tcp::socket::wait_write;
    boost::system::error_code error;
    co_await socket_.async_wait(what, redirect_error(use_awaitable, error));
    way.alarm->clear();
    throw_if_ended();
    if (error == boost::asio::error::operation_aborted) {
        throw Failure(ErrorCode::cancelled, doing + name_ + ": cancelled");
    }
    // Any other error shows itself, with its name, when the operation is tried again.
}

/// Lets others run after a long stretch without waiting.
Task<> TcpStream::take_turns(Way& way) {
    if (++way.steps_in_a_row < steps_in_a_row_max) co_return;
    way.steps_in_a_row = 0;
    co_await boost::asio::post(socket_.get_executor(), use_awaitable);
    throw_if_ended();
}

Task<std::size_t> TcpStream::read_some(std::span<char> buffer, TimePoint deadline) {
    assert(!buffer.empty());
    for (;;) {
        throw_if_ended();
        auto const step = try_read(buffer);
        if (!step) end(step.error());
        throw_if_ended();
        if (step->ended) co_return 0;
        if (step->wants == Wants::nothing) {
            co_await take_turns(reading_);
            co_return step->bytes;
        }
        co_await wait(reading_, step->wants, deadline, "reading from ");
    }
}

Task<> TcpStream::write_all(std::string_view bytes, TimePoint deadline) {
    auto const patience = deadline - clock_.now();
    while (!bytes.empty()) {
        throw_if_ended();
        auto const step = try_write(bytes);
        if (!step) end(step.error());
        if (step && step->ended)
            end({ErrorCode::connection_lost, "writing to " + name_ + ": the peer has closed"});
        throw_if_ended();
        if (step->wants == Wants::nothing) {
            bytes.remove_prefix(step->bytes);
            deadline = clock_.now() + patience;
            co_await take_turns(writing_);
        } else {
            co_await wait(writing_, step->wants, deadline, "writing to ");
        }
    }
}

Task<> TcpStream::start_tls(TimePoint deadline) {
    assert(!tls_);
    throw_if_ended();
    tls_ = std::make_unique<TlsChannel>(context_, socket_, tls_peer_);
    for (;;) {
        auto const step = tls_->handshake();
        if (!step) end(step.error());
        throw_if_ended();
        if (step->wants == Wants::nothing) co_return;
        co_await wait(reading_, step->wants, deadline, "TLS handshake with ");
    }
}

Duration TcpStream::refused_by_peer() {
    return time_without_window(socket_.native_handle());
}

bool TcpStream::is_secure() const {
    return tls_ && tls_->established();
}

Task<> TcpStream::close_gently(TimePoint deadline) {
    for (auto wants = Wants::writable; tls_ && wants != Wants::nothing;) {
        auto const step = tls_->shut_down();
        if (!step) break;  // The TLS layer is broken; the TCP connection still ends in an orderly way.
        wants = step->wants;
        if (wants != Wants::nothing) co_await wait(writing_, wants, deadline, "closing ");
    }
    boost::system::error_code error;
    socket_.shutdown(tcp::socket::shutdown_send, error);
    std::array<char, 4096> unread{};
    while (!error && clock_.now() < deadline) {
        socket_.read_some(boost::asio::buffer(unread), error);
        if (!error) co_await take_turns(reading_);
        if (error != boost::asio::error::would_block) continue;
        error.clear();
        co_await wait(reading_, Wants::readable, deadline, "closing ");
    }
}

Task<> TcpStream::close(TimePoint deadline) {
    if (!ended_) {
        auto gently = close_gently(deadline);
        // The contract is not to throw: an end that is not orderly is an end all the same.
        (void)co_await attempt(std::move(gently));
    }
    abort();
}

void TcpStream::abort() noexcept {
    end({ErrorCode::cancelled, "connection to " + name_ + ": aborted"});
    boost::system::error_code ignored;
    (void)socket_.close(ignored);
}

}  // namespace imapcopy::net
