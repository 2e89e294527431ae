// Real handshakes on the loopback with certificates made here: whom the connector trusts, and what it says if
// not.

#include "daemon/net/tcp_connector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/loop_runner.hpp"
#include "tests/support/loopback_server.hpp"
#include "tests/support/manual_clock.hpp"

namespace imapcopy::net {
namespace {

using namespace std::chrono_literals;
using test::CertificateOptions;
using test::CertifiedKey;
using test::Script;
using testing::AllOf;
using testing::HasSubstr;

class TcpConnectorTest : public testing::Test {
 protected:
    using Connected = test::Running<std::unique_ptr<Stream>>;

    ~TcpConnectorTest() override {
        server_.reset();
        clock_.poll();
    }

    void serve(Script const& script, TlsMode tls, std::optional<CertifiedKey> key = std::nullopt) {
        server_.emplace(io_, script, tls, std::move(key));
    }
    void serve_tls(CertifiedKey key) { serve(Script{}.reply("* OK"), TlsMode::implicit, std::move(key)); }

    std::shared_ptr<Connected> connect(std::string host, TlsMode tls = TlsMode::implicit,
                                       std::string pin = "") {
        TcpConnector connector(io_.get_executor(), clock_, policy_, look_up_);
        auto connecting =
            connector.connect({std::move(host), server_->port(), tls, std::move(pin)}, clock_.now() + 30s);
        return runner_.run(std::move(connecting));
    }

    boost::asio::io_context io_;
    test::ManualClock clock_{io_};
    test::LoopRunner runner_{io_};
    test::CertificateAuthority authority_;
    test::TemporaryFile ca_file_{authority_.certificate_pem()};
    NetPolicy policy_{{}, ca_file_.path(), {}, {}};
    Resolver::LookUp look_up_ = [](std::string const&) {
        return Result<Addresses>(Addresses{boost::asio::ip::make_address("127.0.0.1")});
    };
    std::optional<test::LoopbackServer> server_;
};

TEST_F(TcpConnectorTest, TrustsACertificateOfTheFileForItsNameAndAddress) {
    serve_tls(authority_.issue());
    for (auto const* const host : {"localhost", "LocalHost", "127.0.0.1"}) {
        auto const connected = connect(host);
        ASSERT_TRUE(connected->result.ok()) << host << ": " << connected->message();
        EXPECT_TRUE((*connected->result.value)->is_secure());
    }
}

/// Reads the greeting, behind which TLS 1.3 brings sessions to resume, and hangs up.
Task<std::size_t> greet(Stream& stream, TimePoint deadline) {
    std::array<char, 100> buffer{};
    auto const count = co_await stream.read_some(buffer, deadline);
    co_await stream.close(deadline);
    co_return count;
}

TEST_F(TcpConnectorTest, ResumesTheTlsSessionsOfTheSameNameAndPinOnly) {
    auto const key = authority_.issue();
    serve(Script{}.reply("* OK").peer_close(), TlsMode::implicit, key);
    TcpConnector connector(io_.get_executor(), clock_, policy_, look_up_);
    auto const connect_again = [&](std::string host, std::string pin) {
        net::Target target{std::move(host), server_->port(), TlsMode::implicit, std::move(pin)};
        auto const connected = runner_.run(connector.connect(target, clock_.now() + 30s));
        ASSERT_TRUE(connected->result.ok()) << connected->message();
        auto& stream = **connected->result.value;
        EXPECT_TRUE(stream.is_secure());
        EXPECT_EQ(runner_.run(greet(stream, clock_.now() + 30s))->result.value, 4U);
    };
    connect_again("localhost", "");
    EXPECT_EQ(server_->resumed(), 0U);
    connect_again("localhost", "");
    EXPECT_EQ(server_->resumed(), 1U);
    connect_again("127.0.0.1", "");
    connect_again("localhost", key.pin);
    EXPECT_EQ(server_->resumed(), 1U) << "who was trusted by another name or key is looked at again";
    connect_again("localhost", key.pin);
    connect_again("LOCALHOST", "");
    EXPECT_EQ(server_->resumed(), 3U);
    std::string const other_pin(64, 'a');
    net::Target target{"localhost", server_->port(), TlsMode::implicit, other_pin};
    EXPECT_EQ(runner_.run(connector.connect(target, clock_.now() + 30s))->failure(),
              ErrorCode::tls_untrusted);
}

TEST_F(TcpConnectorTest, RefusesASelfSignedCertificateAndOffersItsPin) {
    auto const key = test::self_signed();
    serve_tls(key);
    auto const connected = connect("localhost");
    EXPECT_EQ(connected->failure(), ErrorCode::tls_untrusted);
    EXPECT_THAT(connected->message(),
                AllOf(HasSubstr("\"localhost\""), HasSubstr("self-signed"), HasSubstr("[security] ca_file"),
                      HasSubstr("tls_pin " + key.pin)));
}

TEST_F(TcpConnectorTest, RefusesAnUnknownAuthority) {
    serve_tls(test::CertificateAuthority{}.issue());
    auto const connected = connect("localhost");
    EXPECT_EQ(connected->failure(), ErrorCode::tls_untrusted);
    EXPECT_THAT(connected->message(), HasSubstr("unable to get local issuer certificate"));
}

TEST_F(TcpConnectorTest, RefusesAnExpiredCertificate) {
    serve_tls(authority_.issue({"DNS:localhost", -20, -10}));
    auto const connected = connect("localhost");
    EXPECT_EQ(connected->failure(), ErrorCode::tls_untrusted);
    EXPECT_THAT(connected->message(), HasSubstr("certificate has expired"));
}

TEST_F(TcpConnectorTest, RefusesACertificateThatIsNotValidYet) {
    serve_tls(authority_.issue({"DNS:localhost", 10, 20}));
    EXPECT_EQ(connect("localhost")->failure(), ErrorCode::tls_untrusted);
}

TEST_F(TcpConnectorTest, RefusesCertificatesOfOtherNames) {
    struct Row {
        char const* names;
        char const* host;
    };
    for (auto const& row :
         {Row{"DNS:mail.example.org", "localhost"}, Row{"DNS:localhost", "127.0.0.1"},
          Row{"IP:127.0.0.2", "127.0.0.1"}, Row{"DNS:*.example.org", "a.b.example.org"},
          Row{"DNS:*.example.org", "example.org"}, Row{"DNS:m*.example.org", "mail.example.org"},
          Row{"DNS:*", "localhost"}, Row{"email:a@localhost", "localhost"}}) {
        serve_tls(authority_.issue({row.names}));
        auto const connected = connect(row.host);
        EXPECT_EQ(connected->failure(), ErrorCode::tls_name_mismatch)
            << row.names << ' ' << connected->message();
        EXPECT_THAT(connected->message(), HasSubstr("certificate is for another host")) << row.names;
    }
}

TEST_F(TcpConnectorTest, NamesTheHostsThatTheCertificateIsFor) {
    serve_tls(authority_.issue({"DNS:mail.example.org,IP:192.0.2.7"}));
    EXPECT_THAT(connect("localhost")->message(), HasSubstr("(mail.example.org, 192.0.2.7)"));
}

TEST_F(TcpConnectorTest, AWildcardStandsForOneLabel) {
    serve_tls(authority_.issue({"DNS:*.example.org"}));
    auto const connected = connect("mail.example.org");
    EXPECT_TRUE(connected->result.ok()) << connected->message();
}

TEST_F(TcpConnectorTest, APinnedKeyIsTrustedWithoutChainNameAndDate) {
    auto const key = test::self_signed({"DNS:elsewhere.example", -20, -10});
    serve_tls(key);
    auto const connected = connect("localhost", TlsMode::implicit, key.pin);
    ASSERT_TRUE(connected->result.ok()) << connected->message();
    EXPECT_TRUE((*connected->result.value)->is_secure());
}

TEST_F(TcpConnectorTest, AnotherKeyThanThePinnedOneIsRefusedEvenWithAGoodCertificate) {
    auto const key = authority_.issue();
    serve_tls(key);
    auto const connected = connect("localhost", TlsMode::implicit, std::string(64, 'a'));
    EXPECT_EQ(connected->failure(), ErrorCode::tls_untrusted);
    EXPECT_THAT(connected->message(), HasSubstr(key.pin));
}

TEST_F(TcpConnectorTest, StartTlsDemandsTheSameTrust) {
    serve(Script{}.start_tls(), TlsMode::starttls, test::self_signed());
    auto const connected = connect("localhost", TlsMode::starttls);
    ASSERT_TRUE(connected->result.ok()) << connected->message();
    auto& stream = **connected->result.value;
    auto const started = runner_.run(stream.start_tls(clock_.now() + 30s));
    EXPECT_EQ(started->failure(), ErrorCode::tls_untrusted);
    EXPECT_FALSE(stream.is_secure());
}

TEST_F(TcpConnectorTest, SaysThatAPortDoesNotSpeakTls) {
    serve(Script{}.reply("* OK IMAP4rev1 ready\r\n"), TlsMode::cleartext);
    auto const connected = connect("localhost");
    EXPECT_EQ(connected->failure(), ErrorCode::tls_handshake);
    EXPECT_THAT(connected->message(), AllOf(HasSubstr("wrong version number"), HasSubstr("imap://")));
}

TEST_F(TcpConnectorTest, ReportsAServerThatHangsUpDuringTheHandshake) {
    serve(Script{}.peer_close(), TlsMode::cleartext);
    EXPECT_EQ(connect("localhost")->failure(), ErrorCode::connection_lost);
}

TEST_F(TcpConnectorTest, RefusesCleartextUnlessTheHostIsListed) {
    serve(Script{}, TlsMode::cleartext);
    auto const refused = connect("localhost", TlsMode::cleartext);
    EXPECT_EQ(refused->failure(), ErrorCode::tls_required);
    EXPECT_THAT(refused->message(), HasSubstr("[security] cleartext_hosts"));
    for (auto const& listed : {std::string("LOCALHOST"), "localhost:" + std::to_string(server_->port())}) {
        policy_.cleartext_hosts = {listed};
        auto const connected = connect("localhost", TlsMode::cleartext);
        EXPECT_TRUE(connected->result.ok()) << listed << ": " << connected->message();
    }
    for (auto const& other : {"localhost:1", "ocalhost", "localhost.", "*"}) {
        policy_.cleartext_hosts = {other};
        EXPECT_EQ(connect("localhost", TlsMode::cleartext)->failure(), ErrorCode::tls_required) << other;
    }
}

TEST_F(TcpConnectorTest, JudgesTheResolvedAddressNotTheName) {
    serve_tls(authority_.issue());
    policy_.deny_networks = {"127.0.0.0/8"};
    auto const connected = connect("localhost");
    EXPECT_EQ(connected->failure(), ErrorCode::address_not_allowed);
    EXPECT_THAT(connected->message(), AllOf(HasSubstr("localhost"), HasSubstr("127.0.0.1")));
}

TEST_F(TcpConnectorTest, TriesAllAddressesInTurn) {
    serve_tls(authority_.issue());
    look_up_ = [](std::string const&) {
        // The first is refused by the policy, the second by the host (nothing listens there), the third
        // answers.
        Addresses addresses;
        for (auto const* const text : {"169.254.1.1", "127.0.0.2", "127.0.0.1"}) {
            addresses.push_back(boost::asio::ip::make_address(text));
        }
        return Result<Addresses>(addresses);
    };
    auto const connected = connect("localhost");
    EXPECT_TRUE(connected->result.ok()) << connected->message();
}

TEST_F(TcpConnectorTest, NamesEveryAddressThatFailed) {
    serve_tls(authority_.issue());
    look_up_ = [](std::string const&) {
        Addresses addresses;
        for (auto const* const text : {"169.254.1.1", "127.0.0.2"}) {
            addresses.push_back(boost::asio::ip::make_address(text));
        }
        return Result<Addresses>(addresses);
    };
    auto const connected = connect("localhost");
    EXPECT_EQ(connected->failure(), ErrorCode::connection_refused);
    EXPECT_THAT(connected->message(),
                AllOf(HasSubstr("169.254.1.1"), HasSubstr("127.0.0.2: connection refused")));
}

TEST_F(TcpConnectorTest, ClosesWithFinAndNeverWithReset) {
    // The peer still sends while we close: what is on its way must be read, or the kernel answers with a
    // reset.
    serve(Script{}.expect("x").reply(std::string(200'000, 'y')), TlsMode::cleartext);
    policy_.cleartext_hosts = {"localhost"};
    auto const connected = connect("localhost", TlsMode::cleartext);
    ASSERT_TRUE(connected->result.ok()) << connected->message();
    auto& stream = **connected->result.value;
    ASSERT_TRUE(runner_.run(stream.write_all("x", clock_.now() + 10s))->result.ok());
    auto const closing = runner_.start(stream.close(clock_.now() + 10s));
    runner_.run_until([&] { return !server_->ending().empty(); });
    EXPECT_EQ(server_->ending(), "fin");
    stream.abort();
    runner_.run_until([&] { return closing->done; });
}

TEST_F(TcpConnectorTest, SetPolicyChangesNothingWhenItIsWrong) {
    serve_tls(authority_.issue());
    TcpConnector connector(io_.get_executor(), clock_, policy_, look_up_);
    EXPECT_THROW(connector.set_policy({{}, "/nonexistent", {}, {}}), Failure);
    auto connecting =
        connector.connect({"localhost", server_->port(), TlsMode::implicit, ""}, clock_.now() + 30s);
    auto const connected = runner_.run(std::move(connecting));
    EXPECT_TRUE(connected->result.ok()) << connected->message();
}

TEST(NetPolicy, ValidateReportsAllMistakesAtOnce) {
    EXPECT_TRUE(validate({}));
    auto const verdict = validate({{}, "/nonexistent/ca.pem", {"x"}, {"10.0.0.1/8"}});
    ASSERT_FALSE(verdict);
    EXPECT_EQ(verdict.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(verdict.error().message, AllOf(HasSubstr("/nonexistent/ca.pem"), HasSubstr("deny_networks"),
                                               HasSubstr("allow_networks")));
}

TEST(NetPolicy, ValidateRefusesAFileWithoutCertificates) {
    test::TemporaryFile const empty("no certificate\n");
    EXPECT_FALSE(validate({{}, empty.path(), {}, {}}));
}

}  // namespace
}  // namespace imapcopy::net
