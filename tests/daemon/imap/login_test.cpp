// From the greeting to the logged-in session, and every way in which it must not get there.

#include "daemon/imap/login.hpp"

#include "tests/daemon/imap/conversation.hpp"

namespace imapcopy {
namespace {

using test::Conversation;
using test::Script;

constexpr auto plain = "AGFubmEAc2VjcmV0";  // NUL anna NUL secret

Error error_of_login(Script script, TlsMode tls = TlsMode::implicit,
                     imap::Credentials credentials = Conversation::password()) {
    Conversation talk;
    auto& peer = talk.connector.add(std::move(script));
    auto session = talk.open(tls, std::move(credentials));
    EXPECT_FALSE(session) << "logged in: " << peer.position();
    if (session) return {};
    EXPECT_EQ(session.error().side, Side::source);
    EXPECT_EQ(peer.written().find(plain) != std::string::npos && peer.tls_started() == false &&
                  tls == TlsMode::starttls,
              false)
        << "credentials in clear";
    return session.error();
}

TEST(Login, NeedsOneRoundTripWhereTheServerTellsEverything) {
    Conversation talk;
    auto& peer = talk.connector.add(test::logged_in("UIDPLUS LITERAL+"));
    auto session = talk.open();
    ASSERT_TRUE(session) << to_string(session.error());
    EXPECT_TRUE(peer.finished()) << peer.position();
    EXPECT_TRUE((*session)->has("UIDPLUS"));
    EXPECT_FALSE((*session)->has("AUTH=PLAIN")) << "what was true before login";
    EXPECT_EQ((*session)->greeting(), "ready");
}

TEST(Login, AsksForCapabilitiesThatNobodyTold) {
    Conversation talk;
    auto& peer = talk.connector.add(Script{}
                                        .reply("* OK hello\r\n")
                                        .expect("$1 CAPABILITY\r\n")
                                        .reply("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n$1 OK done\r\n")
                                        .expect("$2 AUTHENTICATE PLAIN\r\n")
                                        .reply("+ \r\n")
                                        .expect(std::string(plain) + "\r\n")
                                        .reply("$2 OK welcome\r\n")
                                        .expect("$3 CAPABILITY\r\n")
                                        .reply("* CAPABILITY IMAP4rev1 ID\r\n$3 OK done\r\n")
                                        .expect("$4 ID $*\r\n")
                                        .reply("* ID NIL\r\n$4 OK done\r\n"));
    auto session = talk.open();
    ASSERT_TRUE(session) << to_string(session.error());
    talk.clock.poll();
    EXPECT_TRUE(peer.finished()) << peer.position();
}

TEST(Login, ForgetsWhatWasSaidBeforeTls) {
    Conversation talk;
    auto& peer = talk.connector.add(Script{}
                                        .reply("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=LIE SASL-IR] hi\r\n")
                                        .expect("$1 STARTTLS\r\n")
                                        .reply("$1 OK go ahead\r\n")
                                        .start_tls()
                                        .expect("$2 CAPABILITY\r\n")
                                        .reply("* CAPABILITY IMAP4rev1\r\n$2 OK done\r\n")
                                        .expect("$3 LOGIN anna \"secret\"\r\n")
                                        .reply("$3 OK [CAPABILITY IMAP4rev1] done\r\n"));
    auto session = talk.open(TlsMode::starttls);
    ASSERT_TRUE(session) << to_string(session.error()) << peer.position();
    EXPECT_TRUE(peer.finished()) << peer.position();
}

TEST(Login, NamesTheMailboxOfSomebodyElse) {
    Conversation talk;
    auto& peer = talk.connector.add(Script{}
                                        .reply("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n")
                                        // carol NUL anna NUL secret
                                        .expect("$1 AUTHENTICATE PLAIN Y2Fyb2wAYW5uYQBzZWNyZXQ=\r\n")
                                        .reply("$1 OK [CAPABILITY IMAP4rev1] done\r\n"));
    auto session = talk.open(TlsMode::implicit, Conversation::password("anna", "carol"));
    ASSERT_TRUE(session) << to_string(session.error());
    EXPECT_TRUE(peer.finished()) << peer.position();
}

TEST(Login, AnswersTheChallengeThatExplainsARefusedToken) {
    auto credentials = Conversation::password();
    credentials.auth = AuthMethod::xoauth2;
    auto const error = error_of_login(Script{}
                                          .reply("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi\r\n")
                                          .expect("$1 AUTHENTICATE XOAUTH2 $*\r\n")
                                          .reply("+ eyJzdGF0dXMiOiI0MDAifQ==\r\n")
                                          .expect("\r\n")
                                          .reply("$1 NO invalid token\r\n"),
                                      TlsMode::implicit, std::move(credentials));
    EXPECT_EQ(error.code, ErrorCode::auth_rejected);
    EXPECT_EQ(error.server_text, "invalid token");
}

TEST(Login, TellsWhyItWasRefused) {
    auto const refused = [](std::string const& reply) {
        return error_of_login(Script{}
                                  .reply("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n")
                                  .expect("$1 AUTHENTICATE PLAIN $*\r\n")
                                  .reply(reply));
    };
    EXPECT_EQ(refused("$1 NO [AUTHENTICATIONFAILED] no\r\n").code, ErrorCode::auth_rejected);
    EXPECT_EQ(refused("$1 NO wrong\r\n").code, ErrorCode::auth_rejected);
    EXPECT_EQ(refused("$1 NO [UNAVAILABLE] later\r\n").code, ErrorCode::unavailable);
    EXPECT_EQ(refused("* BYE Too many connections from your IP\r\n").code, ErrorCode::too_many_connections);
    auto const bye = error_of_login(Script{}.reply("* BYE [UNAVAILABLE] down\r\n"));
    EXPECT_EQ(bye.code, ErrorCode::unavailable);
}

TEST(Login, ObeysLoginDisabled) {
    auto const error = error_of_login(Script{}.reply("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n"));
    EXPECT_EQ(error.code, ErrorCode::auth_mechanism_unavailable);
    auto const other = error_of_login(Script{}.reply("* OK [CAPABILITY IMAP4rev1] hi\r\n"), TlsMode::implicit,
                                      Conversation::password("anna", "carol"));
    EXPECT_EQ(other.code, ErrorCode::auth_mechanism_unavailable) << "LOGIN cannot name another mailbox";
    auto const tokens =
        error_of_login(Script{}.reply("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=XOAUTH2] hi\r\n"));
    EXPECT_EQ(tokens.code, ErrorCode::oauth_consent_required);
}

TEST(Login, NeverGoesOnInClear) {
    auto const starttls = [](std::string const& greeting, std::string const& reply) {
        auto script = Script{}.reply(greeting);
        if (!reply.empty()) script.expect("$1 STARTTLS\r\n").reply(reply);
        return error_of_login(script, TlsMode::starttls).code;
    };
    EXPECT_EQ(starttls("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n", ""), ErrorCode::tls_required);
    EXPECT_EQ(starttls("* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", ""), ErrorCode::tls_required);
    EXPECT_EQ(starttls("* OK hi\r\n", "$1 BAD unknown\r\n"), ErrorCode::tls_required);
    EXPECT_EQ(starttls("* OK hi\r\n", "$1 OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"),
              ErrorCode::tls_handshake);
    EXPECT_EQ(starttls("* OK hi\r\na1 OK go\r\n", ""), ErrorCode::tls_handshake);
    EXPECT_EQ(starttls("* OK hi\r\n* CAPA", ""), ErrorCode::tls_handshake);
}

TEST(Login, SendsNothingSecretOverAStreamThatIsNotSecure) {
    Conversation talk;
    auto& peer = talk.connector.add(Script{}.reply("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n"));
    // A connector that gives a stream in clear although TLS was asked for.
    struct Careless final : net::Connector {
        explicit Careless(test::ScriptedPeer& far) : peer(far) {}
        Task<std::unique_ptr<net::Stream>> connect(net::Target, TimePoint) override {
            co_return std::make_unique<test::ScriptedStream>(peer, TlsMode::cleartext);
        }
        test::ScriptedPeer& peer;
    } careless(peer);
    auto const session = talk.run(imap::Session::open(talk.context, careless, Conversation::target(),
                                                      Conversation::password(), Side::source));
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, ErrorCode::tls_required);
    EXPECT_EQ(peer.written(), "");
}

TEST(Login, EndsATarpit) {
    Conversation talk;
    auto script = Script{}
                      .reply("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n")
                      .expect("$1 AUTHENTICATE $*\r\n")
                      .stall();
    talk.connector.add(script);
    auto const session = talk.open();
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, ErrorCode::timed_out);
}

TEST(Login, SurvivesAnEndAtEveryStep) {
    auto const script = Script{}
                            .reply("* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n")
                            .expect("$1 STARTTLS\r\n")
                            .reply("$1 OK go ahead\r\n")
                            .start_tls()
                            .expect("$2 CAPABILITY\r\n")
                            .reply("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n$2 OK done\r\n")
                            .expect("$3 AUTHENTICATE PLAIN\r\n")
                            .reply("+ \r\n")
                            .expect(std::string(plain) + "\r\n")
                            .reply("$3 OK [CAPABILITY IMAP4rev1] done\r\n");
    auto const run = [](Script const& broken) {
        Conversation talk;
        auto& peer = talk.connector.add(broken);
        auto session = talk.open(TlsMode::starttls);
        ASSERT_FALSE(session);
        auto const code = session.error().code;
        EXPECT_TRUE(code == ErrorCode::connection_lost || code == ErrorCode::timed_out)
            << to_string(session.error());
        EXPECT_TRUE(peer.written().find(plain) == std::string::npos || peer.tls_started());
    };
    test::fail_every_step(script, run);
}

}  // namespace
}  // namespace imapcopy
