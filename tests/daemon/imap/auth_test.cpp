#include "daemon/imap/auth.hpp"

#include <gtest/gtest.h>

namespace imapcopy::imap {
namespace {

using namespace std::string_literals;

Credentials credentials(std::string secret, std::string authorize_as = "") {
    Credentials credentials;
    credentials.login = "anna";
    credentials.authorize_as = std::move(authorize_as);
    credentials.secret = Secret(secret);
    return credentials;
}

std::string revealed(Result<Secret> const& secret) {
    return std::string(secret.value().reveal());
}

TEST(Auth, SpellsPlain) {
    EXPECT_EQ(revealed(plain_response(credentials("pass word"))), "\0anna\0pass word"s);
    EXPECT_EQ(revealed(plain_response(credentials("x", "carol"))), "carol\0anna\0x"s);
    EXPECT_FALSE(plain_response(credentials("a\0b"s))) << "a NUL would end the password early";
}

TEST(Auth, SpellsXoauth2ForTheMailboxThatIsMeant) {
    EXPECT_EQ(revealed(xoauth2_response(credentials("token"))), "user=anna\1auth=Bearer token\1\1"s);
    EXPECT_EQ(revealed(xoauth2_response(credentials("token", "team"))), "user=team\1auth=Bearer token\1\1"s);
    auto forged = credentials("token");
    forged.login = "anna\1auth=Bearer other";
    EXPECT_FALSE(xoauth2_response(forged));
}

TEST(Auth, ChoosesTheMechanism) {
    auto const mechanism = [](Credentials const& who, Capabilities const& offered) {
        auto const command = sign_in_command(who, offered);
        if (!command) return std::string(info(command.error().code).name);
        auto const* const authenticate = std::get_if<command::Authenticate>(&*command);
        return authenticate ? authenticate->mechanism : std::string("LOGIN");
    };
    EXPECT_EQ(mechanism(credentials("x"), {"AUTH=PLAIN", "AUTH=LOGIN", "LOGINDISABLED"}), "PLAIN");
    EXPECT_EQ(mechanism(credentials("x"), {"IMAP4REV1"}), "LOGIN");
    EXPECT_EQ(mechanism(credentials("x", "carol"), {"IMAP4REV1"}), "AuthMechanismUnavailable");
    EXPECT_EQ(mechanism(credentials("x"), {"LOGINDISABLED"}), "AuthMechanismUnavailable");
    EXPECT_EQ(mechanism(credentials("x"), {"LOGINDISABLED", "AUTH=XOAUTH2"}), "OAuthConsentRequired");
    auto token = credentials("x");
    token.auth = AuthMethod::xoauth2;
    EXPECT_EQ(mechanism(token, {"AUTH=PLAIN", "AUTH=XOAUTH2"}), "XOAUTH2");
    EXPECT_EQ(mechanism(token, {"AUTH=PLAIN"}), "AuthMechanismUnavailable") << "a token is no password";
}

TEST(Auth, AnswersAChallenge) {
    EXPECT_EQ(answer_to_challenge("XOAUTH2"), "\r\n");
    EXPECT_EQ(answer_to_challenge("PLAIN"), "*\r\n");
}

}  // namespace
}  // namespace imapcopy::imap
