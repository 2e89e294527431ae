#pragma once

// ScriptedStream: a Stream whose peer follows a script, and fail_every_step(), which breaks it at each step
// in turn.
//
//     auto const script = Script{}.reply("* OK ready\r\n").expect("$1 NOOP\r\n").reply("$1 OK done\r\n");
//     ScriptedPeer peer(io, clock, script);
//     Session session(context, std::make_unique<ScriptedStream>(peer));
//     … EXPECT_TRUE(peer.finished()) << peer.position();
//
// The peer is owned by the test and outlives the stream, so that the test can look at it afterwards.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "daemon/net/connector.hpp"

namespace imapcopy::test {

/// What the peer does, in order. A step is over before the next one begins; what the client writes ahead of
/// its turn (pipelining) waits until an `expect` asks for it.
class Script {
 public:
    /// The client must write `bytes`. "$1" … "$9" stand for a run of letters and digits: anything at first
    /// sight, later the same again. "$*" stands for the rest of the line.
    struct Expect {
        std::string bytes;
    };
    /// The client reads `bytes`; "$1" … "$9" are replaced by what they stood for.
    struct Reply {
        std::string bytes;
    };
    /// The client must call start_tls.
    struct StartTls {};
    /// Nothing moves any more, in either direction; only deadlines and abort() end an operation.
    struct Stall {};
    /// Nothing moves for so long.
    struct Pause {
        Duration length;
    };
    /// The peer closes in an orderly way: reads give 0, writes are lost.
    struct PeerClose {};
    /// Every operation under way, and every later one, fails with `error`.
    struct Fail {
        Error error;
    };
    using Step = std::variant<Expect, Reply, StartTls, Stall, Pause, PeerClose, Fail>;

    Script& expect(std::string bytes) { return add(Expect{std::move(bytes)}); }
    Script& reply(std::string bytes) { return add(Reply{std::move(bytes)}); }
    Script& start_tls() { return add(StartTls{}); }
    Script& stall() { return add(Stall{}); }
    Script& pause(Duration length) { return add(Pause{length}); }
    Script& peer_close() { return add(PeerClose{}); }
    Script& fail(Error error) { return add(Fail{std::move(error)}); }
    Script& fail(ErrorCode code = ErrorCode::connection_lost) {
        return fail(Error{code, "scripted failure"});
    }
    Script& add(Step step) {
        steps_.push_back(std::move(step));
        return *this;
    }

    std::vector<Step> const& steps() const { return steps_; }
    /// The first `count` steps.
    Script first(std::size_t count) const;

 private:
    std::vector<Step> steps_;
};

/// The far end of one connection. After the last step it is silent, and anything more that the client writes
/// is a test failure.
class ScriptedPeer {
 public:
    ScriptedPeer(boost::asio::io_context& io, Clock& clock, Script script);
    ~ScriptedPeer() = default;
    ScriptedPeer(ScriptedPeer const&) = delete;
    ScriptedPeer& operator=(ScriptedPeer const&) = delete;

    /// True when every step is over and nothing that the client wrote is left.
    bool finished() const { return step_ == script_.steps().size() && pending_.empty(); }
    /// Where the conversation stands, for failure messages: `step 3 of 5, unread "a1 NOO"`.
    std::string position() const;
    /// All that the client has written.
    std::string const& written() const { return written_; }
    bool tls_started() const { return tls_started_; }
    bool closed() const { return closed_; }
    bool aborted() const { return aborted_; }
    /// What the client's end tells of the peer's refusal to read.
    void set_refused(Duration refused) { refused_ = refused; }
    /// Replies arrive in pieces of at most this many bytes; 1 tests every boundary.
    void set_piece_bytes(std::size_t bytes) { piece_bytes_ = bytes; }

 private:
    friend class ScriptedStream;

    Script::Step const* current() const;
    void next_step();
    void match_written();
    void mismatch(std::string const& expected);
    void wake() { changed_.cancel(); }
    /// Throws what ended the connection, if anything did.
    void throw_if_over() const;
    Task<> wait_for_change(TimePoint deadline, std::string what);

    Clock& clock_;
    Script script_;
    std::size_t step_ = 0;
    std::size_t reply_done_ = 0;
    std::string reply_;  ///< The current reply with its blanks filled, once it has begun.
    std::string pending_;
    std::string written_;
    std::map<char, std::string> captures_;
    std::optional<Error> over_;
    std::size_t piece_bytes_ = 65536;
    Duration refused_{};
    bool tls_started_ = false;
    bool closed_ = false;
    bool aborted_ = false;
    boost::asio::steady_timer changed_;  ///< Never expires; cancelled whenever something has changed.
};

/// The client's end. `peer` must outlive it.
class ScriptedStream final : public net::Stream {
 public:
    explicit ScriptedStream(ScriptedPeer& peer, TlsMode tls = TlsMode::starttls)
        : peer_(peer), secure_(tls == TlsMode::implicit) {}

    Task<std::size_t> read_some(std::span<char> buffer, TimePoint deadline) override;
    Task<> write_all(std::string_view bytes, TimePoint deadline) override;
    Task<> start_tls(TimePoint deadline) override;
    bool is_secure() const override { return secure_; }
    Task<> close(TimePoint deadline) override;
    void abort() noexcept override;
    Duration refused_by_peer() override { return peer_.refused_; }
    std::string peer() const override { return "192.0.2.1:993"; }

 private:
    ScriptedPeer& peer_;
    bool secure_ = false;
};

/// Hands out one scripted stream per connect(), in the order of add(); refuses when none is left.
class ScriptedConnector final : public net::Connector {
 public:
    ScriptedConnector(boost::asio::io_context& io, Clock& clock) : io_(io), clock_(clock) {}

    /// The peer of the next connection that has none yet. The reference stays valid.
    ScriptedPeer& add(Script script);
    /// The next connection that has no peer yet fails with `error`.
    void add(Error error);
    Task<std::unique_ptr<net::Stream>> connect(net::Target target, TimePoint deadline) override;

    std::vector<net::Target> const& targets() const { return targets_; }
    /// True when every connection was made and every script has finished.
    bool finished() const;

 private:
    using Answer = std::variant<ScriptedPeer*, Error>;
    boost::asio::io_context& io_;
    Clock& clock_;
    std::list<ScriptedPeer> peers_;
    std::vector<Answer> answers_;
    std::vector<net::Target> targets_;
};

/// Calls `run` with `script` broken at every step in every way: the connection is lost, the peer closes, the
/// peer falls silent, and each reply breaks off in its middle. `run` holds a whole conversation, must end it
/// and says what has to be true of it then; the failing case is named in the trace.
void fail_every_step(Script const& script, std::function<void(Script const& broken)> const& run);

}  // namespace imapcopy::test
