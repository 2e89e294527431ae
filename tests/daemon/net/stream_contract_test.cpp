// One suite for every Stream: the same script is played by a ScriptedPeer and by a real server on the
// loopback, in clear and with TLS. Deadlines pass on the manual clock.

#include <gtest/gtest.h>

#include <array>

#include "daemon/net/tcp_connector.hpp"
#include "tests/support/loop_runner.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/scripted_stream.hpp"

namespace imapcopy::test {
namespace {

using namespace std::chrono_literals;

enum class Kind { scripted, tcp, tls };

std::string name_of(Kind kind) {
    switch (kind) {
        case Kind::scripted: return "Scripted";
        case Kind::tcp: return "Tcp";
        case Kind::tls: return "Tls";
    }
    return {};
}

Task<std::string> read_bytes(net::Stream& stream, std::size_t count, TimePoint deadline) {
    std::string bytes(count, '\0');
    std::size_t done = 0;
    while (done < count) {
        auto const rest = std::span(bytes).subspan(done);
        auto const more = co_await stream.read_some(rest, deadline);
        if (more == 0) break;
        done += more;
    }
    bytes.resize(done);
    co_return bytes;
}

Task<std::size_t> read_once(net::Stream& stream, TimePoint deadline) {
    std::array<char, 100> buffer{};
    co_return co_await stream.read_some(buffer, deadline);
}

class StreamContract : public testing::TestWithParam<Kind> {
 protected:
    ~StreamContract() override {
        stream_.reset();
        server_.reset();
        clock_.poll();
    }

    /// A stream whose far end plays `script`.
    net::Stream& open(Script const& script) {
        if (GetParam() == Kind::scripted) {
            peer_.emplace(io_, clock_, script);
            stream_ = std::make_unique<ScriptedStream>(*peer_, TlsMode::cleartext);
            return *stream_;
        }
        auto const tls = GetParam() == Kind::tls ? TlsMode::implicit : TlsMode::cleartext;
        server_.emplace(io_, script, tls, authority_.issue());
        connector_.emplace(io_.get_executor(), clock_,
                           net::NetPolicy{{"127.0.0.1"}, ca_file_.path(), {}, {}});
        auto connecting = connector_->connect({"127.0.0.1", server_->port(), tls, ""}, deadline());
        auto const connected = runner_.run(std::move(connecting));
        if (!connected->result.ok()) throw std::runtime_error(connected->message());
        stream_ = std::move(*connected->result.value);
        return *stream_;
    }

    TimePoint deadline() const { return clock_.now() + 10s; }

    boost::asio::io_context io_;
    ManualClock clock_{io_};
    LoopRunner runner_{io_};
    CertificateAuthority authority_;
    TemporaryFile ca_file_{authority_.certificate_pem()};
    std::optional<ScriptedPeer> peer_;
    std::optional<LoopbackServer> server_;
    std::optional<net::TcpConnector> connector_;
    std::unique_ptr<net::Stream> stream_;
};

INSTANTIATE_TEST_SUITE_P(Streams, StreamContract, testing::Values(Kind::scripted, Kind::tcp, Kind::tls),
                         [](auto const& test) { return name_of(test.param); });

TEST_P(StreamContract, ReadsWhatThePeerSends) {
    auto& stream = open(Script{}.reply("* OK ").reply("ready\r\n"));
    auto const read = runner_.run(read_bytes(stream, 12, deadline()));
    EXPECT_EQ(read->result.value, "* OK ready\r\n") << read->message();
}

TEST_P(StreamContract, HoldsAConversation) {
    auto& stream =
        open(Script{}.expect("a1 NOOP\r\n").reply("a1 OK\r\n").expect("a2 NOOP\r\n").reply("a2 OK\r\n"));
    // Both commands at once: the second waits until the peer asks for it.
    EXPECT_TRUE(runner_.run(stream.write_all("a1 NOOP\r\na2 NOOP\r\n", deadline()))->result.ok());
    EXPECT_EQ(runner_.run(read_bytes(stream, 14, deadline()))->result.value, "a1 OK\r\na2 OK\r\n");
}

TEST_P(StreamContract, CarriesMuchInBothDirectionsAtOnce) {
    std::string large(3'000'000, 'x');
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i * 31 % 26);
    auto& stream = open(Script{}.reply(large).expect(large).reply("done"));
    auto const read = runner_.start(read_bytes(stream, large.size() + 4, deadline()));
    auto const written = runner_.start(stream.write_all(large, deadline()));
    runner_.run_until([&] { return read->done && written->done; });
    EXPECT_TRUE(written->result.ok()) << written->message();
    EXPECT_TRUE(read->result.value == large + "done") << read->message();
}

TEST_P(StreamContract, ReadGivesZeroWhenThePeerHasClosed) {
    auto& stream = open(Script{}.reply("* BYE\r\n").peer_close());
    EXPECT_EQ(runner_.run(read_bytes(stream, 100, deadline()))->result.value, "* BYE\r\n");
    EXPECT_EQ(runner_.run(read_once(stream, deadline()))->result.value, 0U);
}

TEST_P(StreamContract, ReadTimesOutWhenThePeerIsSilent) {
    auto& stream = open(Script{}.stall());
    auto const read = runner_.start(read_once(stream, deadline()));
    clock_.poll();
    clock_.advance(9s);
    clock_.poll();
    EXPECT_FALSE(read->done);
    clock_.advance(2s);
    clock_.poll();
    ASSERT_TRUE(read->done);
    EXPECT_EQ(read->failure(), ErrorCode::timed_out) << read->message();
}

TEST_P(StreamContract, ReadTimesOutAtOnceWhenItsDeadlineHasPassed) {
    auto& stream = open(Script{}.stall());
    auto const read = runner_.start(read_once(stream, clock_.now()));
    clock_.poll();
    EXPECT_EQ(read->failure(), ErrorCode::timed_out) << read->message();
}

TEST_P(StreamContract, WriteTimesOutWhenNothingLeaves) {
    auto& stream = open(Script{}.stall());
    std::string const much(64 << 20, 'x');
    auto const write = runner_.start(stream.write_all(much, deadline()));
    clock_.poll();
    clock_.advance(11s);
    clock_.poll();
    ASSERT_TRUE(write->done);
    EXPECT_EQ(write->failure(), ErrorCode::timed_out) << write->message();
}

/// Only the system counts here, in ticks of some milliseconds: until then there is work for the processor.
TEST_P(StreamContract, TellsHowLongThePeerDidNotRead) {
    if (GetParam() == Kind::scripted) GTEST_SKIP() << "has no window";
    auto& stream = open(Script{}.stall());
    EXPECT_EQ(stream.refused_by_peer(), Duration::zero());
    std::string const much(64 << 20, 'x');
    auto const write = runner_.start(stream.write_all(much, deadline()));
    for (int i = 0; i < 1'000'000 && stream.refused_by_peer() == Duration::zero(); ++i) clock_.poll();
    EXPECT_GT(stream.refused_by_peer(), Duration::zero());
    stream.abort();
    clock_.poll();
    EXPECT_TRUE(write->done);
    EXPECT_EQ(stream.refused_by_peer(), Duration::zero()) << "there is no connection any more";
}

TEST_P(StreamContract, AbortEndsReadAndWriteUnderWay) {
    auto& stream = open(Script{}.stall());
    std::string const much(64 << 20, 'x');
    auto const read = runner_.start(read_once(stream, deadline()));
    auto const write = runner_.start(stream.write_all(much, deadline()));
    clock_.poll();
    stream.abort();
    clock_.poll();
    ASSERT_TRUE(read->done && write->done);
    EXPECT_EQ(read->failure(), ErrorCode::cancelled) << read->message();
    EXPECT_EQ(write->failure(), ErrorCode::cancelled) << write->message();
}

TEST_P(StreamContract, NothingWorksAfterAbort) {
    auto& stream = open(Script{}.reply("hello"));
    stream.abort();
    stream.abort();
    EXPECT_EQ(runner_.run(read_once(stream, deadline()))->failure(), ErrorCode::cancelled);
    EXPECT_EQ(runner_.run(stream.write_all("x", deadline()))->failure(), ErrorCode::cancelled);
}

TEST_P(StreamContract, ALostConnectionIsNotAnOrderlyEnd) {
    auto& stream = open(Script{}.expect("a1 NOOP\r\n").fail());
    EXPECT_TRUE(runner_.run(stream.write_all("a1 NOOP\r\n", deadline()))->failure() != ErrorCode::timed_out);
    auto const read = runner_.run(read_once(stream, deadline()));
    EXPECT_EQ(read->failure(), ErrorCode::connection_lost) << read->message();
}

TEST_P(StreamContract, CloseNeverThrows) {
    auto& stream = open(Script{}.reply("unread").expect("x").peer_close());
    EXPECT_TRUE(runner_.run(stream.write_all("x", deadline()))->result.ok());
    EXPECT_TRUE(runner_.run(stream.close(deadline()))->result.ok());
    EXPECT_TRUE(runner_.run(stream.close(deadline()))->result.ok());
}

TEST_P(StreamContract, CloseEndsAtItsDeadlineWhenThePeerStays) {
    auto& stream = open(Script{}.stall());
    auto const closing = runner_.start(stream.close(deadline()));
    clock_.poll();
    clock_.advance(11s);
    clock_.poll();
    ASSERT_TRUE(closing->done);
    EXPECT_TRUE(closing->result.ok()) << closing->message();
}

TEST_P(StreamContract, StartsTlsInTheMiddle) {
    if (GetParam() == Kind::tls) GTEST_SKIP() << "is TLS from the first byte";
    auto& stream = open(Script{}.expect("STARTTLS").reply("OK").start_tls().expect("secret").reply("fine"));
    EXPECT_FALSE(stream.is_secure());
    EXPECT_TRUE(runner_.run(stream.write_all("STARTTLS", deadline()))->result.ok());
    EXPECT_EQ(runner_.run(read_bytes(stream, 2, deadline()))->result.value, "OK");
    auto const started = runner_.run(stream.start_tls(deadline()));
    EXPECT_TRUE(started->result.ok()) << started->message();
    EXPECT_TRUE(stream.is_secure());
    EXPECT_TRUE(runner_.run(stream.write_all("secret", deadline()))->result.ok());
    EXPECT_EQ(runner_.run(read_bytes(stream, 4, deadline()))->result.value, "fine");
}

TEST_P(StreamContract, TlsHandshakeTimesOutWhenThePeerIsSilent) {
    if (GetParam() == Kind::tls) GTEST_SKIP() << "is TLS from the first byte";
    auto& stream = open(Script{}.stall());
    auto const started = runner_.start(stream.start_tls(deadline()));
    clock_.poll();
    clock_.advance(11s);
    clock_.poll();
    ASSERT_TRUE(started->done);
    EXPECT_EQ(started->failure(), ErrorCode::timed_out) << started->message();
    EXPECT_FALSE(stream.is_secure());
}

TEST_P(StreamContract, NamesItsPeer) {
    auto const peer = open(Script{}).peer();
    EXPECT_NE(peer.find(':'), std::string::npos) << peer;
}

}  // namespace
}  // namespace imapcopy::test
