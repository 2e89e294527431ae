#include "tests/support/scripted_stream.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/text.hpp"

namespace imapcopy::test {
namespace {

enum class Match { complete, partial, different };

struct Matched {
    Match match = Match::partial;
    std::size_t length = 0;
};

bool is_token(char c) {
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

bool is_blank(std::string_view pattern, std::size_t at) {
    return pattern[at] == '$' && at + 1 < pattern.size() &&
           (pattern[at + 1] == '*' || (pattern[at + 1] >= '1' && pattern[at + 1] <= '9'));
}

std::string fill(std::string_view text, std::map<char, std::string> const& captures) {
    std::string filled;
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto const capture = is_blank(text, i) ? captures.find(text[i + 1]) : captures.end();
        if (capture == captures.end()) {
            filled += text[i];
        } else {
            filled += capture->second;
            ++i;
        }
    }
    return filled;
}

/// Compares the beginning of `input` with `pattern`; `captures` gains what a blank stood for.
Matched match(std::string_view pattern, std::string_view input, std::map<char, std::string>& captures) {
    std::size_t in = 0;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (!is_blank(pattern, i)) {
            if (in == input.size()) return {Match::partial};
            if (input[in++] != pattern[i]) return {Match::different};
            continue;
        }
        char const name = pattern[++i];
        auto const begin = in;
        while (in < input.size() && (name == '*' ? input[in] != '\r' : is_token(input[in]))) ++in;
        if (in == input.size()) return {Match::partial};
        auto const text = std::string(input.substr(begin, in - begin));
        if (name == '*') continue;
        if (text.empty() || captures.try_emplace(name, text).first->second != text) return {Match::different};
    }
    return {Match::complete, in};
}

}  // namespace

Script Script::first(std::size_t count) const {
    Script part;
    for (std::size_t i = 0; i < count && i < steps_.size(); ++i) part.steps_.push_back(steps_[i]);
    return part;
}

ScriptedPeer::ScriptedPeer(boost::asio::io_context& io, Clock& clock, Script script)
    : clock_(clock), script_(std::move(script)), changed_(io, boost::asio::steady_timer::time_point::max()) {
    match_written();
}

std::string ScriptedPeer::position() const {
    return "step " + std::to_string(step_) + " of " + std::to_string(script_.steps().size()) + ", unread \"" +
           printable(pending_) + "\"";
}

Script::Step const* ScriptedPeer::current() const {
    return step_ < script_.steps().size() ? &script_.steps()[step_] : nullptr;
}

void ScriptedPeer::next_step() {
    ++step_;
    reply_done_ = 0;
    reply_.clear();
    match_written();
    wake();
}

void ScriptedPeer::match_written() {
    auto const* const step = current();
    if (!step) {
        if (!pending_.empty()) mismatch("nothing more");
        return;
    }
    if (auto const* const failure = std::get_if<Script::Fail>(step)) over_ = failure->error;
    if (auto const* const reply = std::get_if<Script::Reply>(step)) {
        reply_ = fill(reply->bytes, captures_);
        if (reply_.empty()) return next_step();
    }
    auto const* const wanted = std::get_if<Script::Expect>(step);
    if (!wanted) return;
    // Blanks are bound by a whole match only: half a tag must not stay.
    auto captures = captures_;
    auto const matched = match(wanted->bytes, pending_, captures);
    if (matched.match == Match::different) return mismatch(fill(wanted->bytes, captures_));
    if (matched.match == Match::partial) return;
    captures_ = std::move(captures);
    pending_.erase(0, matched.length);
    next_step();
}

void ScriptedPeer::mismatch(std::string const& expected) {
    ADD_FAILURE() << "script step " << step_ << ": expected \"" << printable(expected)
                  << "\", client wrote \"" << printable(pending_) << '"';
    over_ = Error{ErrorCode::connection_lost, "the client left the script"};
    wake();
}

void ScriptedPeer::throw_if_over() const {
    if (over_) throw Failure(*over_);
}

Task<> ScriptedPeer::wait_for_change(TimePoint deadline, std::string what) {
    if (clock_.now() >= deadline) over_ = Error{ErrorCode::timed_out, std::move(what)};
    throw_if_over();
    auto on_alarm = [this, what] {
        if (!over_) over_ = Error{ErrorCode::timed_out, what};
        wake();
    };
    auto const alarm = clock_.make_alarm(std::move(on_alarm));
    alarm->set(deadline);
    boost::system::error_code error;
    auto const cancellation = co_await boost::asio::this_coro::cancellation_state;
    co_await changed_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, error));
    if (cancellation.cancelled() != boost::asio::cancellation_type::none) {
        throw Failure(ErrorCode::cancelled, std::move(what));
    }
    throw_if_over();
}

Task<std::size_t> ScriptedStream::read_some(std::span<char> buffer, TimePoint deadline) {
    for (;;) {
        peer_.throw_if_over();
        auto const* const step = peer_.current();
        if (step && std::holds_alternative<Script::PeerClose>(*step)) co_return 0;
        if (step && std::holds_alternative<Script::Reply>(*step)) break;
        if (auto const* const pause = step ? std::get_if<Script::Pause>(step) : nullptr) {
            co_await peer_.clock_.sleep_for(pause->length);
            if (peer_.current() == step) peer_.next_step();
            continue;
        }
        co_await peer_.wait_for_change(deadline, "reading from the scripted peer");
    }
    auto const count = std::min({buffer.size(), peer_.piece_bytes_, peer_.reply_.size() - peer_.reply_done_});
    std::copy_n(peer_.reply_.begin() + static_cast<std::ptrdiff_t>(peer_.reply_done_), count, buffer.begin());
    peer_.reply_done_ += count;
    if (peer_.reply_done_ == peer_.reply_.size()) peer_.next_step();
    co_return count;
}

Task<> ScriptedStream::write_all(std::string_view bytes, TimePoint deadline) {
    peer_.throw_if_over();
    auto const stands_still = [this] {
        auto const* const step = peer_.current();
        return step &&
               (std::holds_alternative<Script::Stall>(*step) || std::holds_alternative<Script::Pause>(*step));
    };
    while (stands_still()) co_await peer_.wait_for_change(deadline, "writing to the scripted peer");
    if (peer_.current() && std::holds_alternative<Script::PeerClose>(*peer_.current())) {
        peer_.over_ = Error{ErrorCode::connection_lost, "the scripted peer has closed"};
    }
    peer_.throw_if_over();
    peer_.written_ += bytes;
    peer_.pending_ += bytes;
    peer_.match_written();
    peer_.throw_if_over();
}

Task<> ScriptedStream::start_tls(TimePoint deadline) {
    peer_.throw_if_over();
    while (peer_.current() && std::holds_alternative<Script::Stall>(*peer_.current())) {
        co_await peer_.wait_for_change(deadline, "TLS handshake with the scripted peer");
    }
    auto const* const step = peer_.current();
    if (step && std::holds_alternative<Script::PeerClose>(*step)) {
        peer_.over_ = Error{ErrorCode::connection_lost, "the scripted peer has closed"};
    } else if (!step || !std::holds_alternative<Script::StartTls>(*step)) {
        ADD_FAILURE() << "start_tls is not in the script here: " << peer_.position();
        peer_.over_ = Error{ErrorCode::tls_handshake, "the client left the script"};
    }
    peer_.throw_if_over();
    peer_.tls_started_ = true;
    secure_ = true;
    peer_.next_step();
}

Task<> ScriptedStream::close(TimePoint) {
    peer_.closed_ = true;
    if (!peer_.over_) peer_.over_ = Error{ErrorCode::connection_lost, "the stream is closed"};
    peer_.wake();
    co_return;
}

void ScriptedStream::abort() noexcept {
    peer_.aborted_ = true;
    if (!peer_.over_) peer_.over_ = Error{ErrorCode::cancelled, "the connection was aborted"};
    peer_.wake();
}

ScriptedPeer& ScriptedConnector::add(Script script) {
    auto& peer = peers_.emplace_back(io_, clock_, std::move(script));
    answers_.emplace_back(&peer);
    return peer;
}

void ScriptedConnector::add(Error error) {
    answers_.emplace_back(std::move(error));
}

Task<std::unique_ptr<net::Stream>> ScriptedConnector::connect(net::Target target, TimePoint) {
    auto const number = targets_.size();
    targets_.push_back(target);
    // Even a scripted connection takes a turn of the loop, so that nobody relies on it being immediate.
    co_await boost::asio::post(io_, boost::asio::use_awaitable);
    if (number >= answers_.size()) {
        throw Failure(ErrorCode::connection_refused,
                      "no script for connection " + std::to_string(number + 1));
    }
    if (auto const* const error = std::get_if<Error>(&answers_[number])) throw Failure(*error);
    co_return std::make_unique<ScriptedStream>(*std::get<ScriptedPeer*>(answers_[number]), target.tls);
}

bool ScriptedConnector::finished() const {
    return targets_.size() == answers_.size() && std::ranges::all_of(peers_, &ScriptedPeer::finished);
}

void fail_every_step(Script const& script, std::function<void(Script const& broken)> const& run) {
    auto const run_named = [&](std::string const& name, Script const& broken) {
        SCOPED_TRACE(name);
        run(broken);
    };
    for (std::size_t i = 0; i < script.steps().size(); ++i) {
        auto const at = " at step " + std::to_string(i);
        run_named("connection lost" + at, script.first(i).fail());
        run_named("peer closes" + at, script.first(i).peer_close());
        run_named("peer falls silent" + at, script.first(i).stall());
        auto const* const reply = std::get_if<Script::Reply>(&script.steps()[i]);
        if (!reply || reply->bytes.size() < 2) continue;
        auto const half = reply->bytes.substr(0, reply->bytes.size() / 2);
        run_named("reply breaks off" + at, script.first(i).reply(half).fail());
    }
}

}  // namespace imapcopy::test
