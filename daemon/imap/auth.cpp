#include "daemon/imap/auth.hpp"

#include <string_view>

namespace imapcopy::imap {
namespace {

bool has(Capabilities const& capabilities, std::string_view name) {
    return capabilities.contains(name);
}

Result<> no_nul(Credentials const& credentials) {
    auto const clean = [](std::string_view text) { return text.find('\0') == std::string_view::npos; };
    if (clean(credentials.login) && clean(credentials.authorize_as) && clean(credentials.secret.reveal()))
        return {};
    return Error{ErrorCode::invalid_argument, "log in: a NUL in the login or the secret"};
}

/// Moves `bytes` into a Secret and wipes them.
Secret take(std::string& bytes) {
    Secret secret{bytes};
    wipe(bytes);
    return secret;
}

bool offers_only_tokens(Capabilities const& capabilities) {
    return has(capabilities, "AUTH=XOAUTH2") || has(capabilities, "AUTH=OAUTHBEARER");
}

Result<command::Command> by_token(Credentials const& credentials, Capabilities const& capabilities) {
    if (!has(capabilities, "AUTH=XOAUTH2")) {
        return Error{ErrorCode::auth_mechanism_unavailable,
                     "log in: the server offers no XOAUTH2; give a password instead of a token"};
    }
    auto response = xoauth2_response(credentials);
    if (!response) return response.error();
    return command::Authenticate{"XOAUTH2", std::move(*response)};
}

}  // namespace

Result<Secret> plain_response(Credentials const& credentials) {
    if (auto const clean = no_nul(credentials); !clean) return clean.error();
    std::string bytes;
    // Enough at once: growing would leave copies of the password behind.
    bytes.reserve(credentials.authorize_as.size() + credentials.login.size() + credentials.secret.size() + 2);
    bytes.append(credentials.authorize_as).append(1, '\0').append(credentials.login).append(1, '\0');
    bytes.append(credentials.secret.reveal());
    return take(bytes);
}

Result<Secret> xoauth2_response(Credentials const& credentials) {
    if (auto const clean = no_nul(credentials); !clean) return clean.error();
    auto const& user = credentials.authorize_as.empty() ? credentials.login : credentials.authorize_as;
    if (user.find('\x01') != std::string::npos) {
        return Error{ErrorCode::invalid_argument, "log in: a control character in the login"};
    }
    constexpr std::string_view before_token =
        "\x01"
        "auth=Bearer ";
    std::string bytes;
    bytes.reserve(user.size() + before_token.size() + credentials.secret.size() + 8);
    bytes.append("user=")
        .append(user)
        .append(before_token)
        .append(credentials.secret.reveal())
        .append("\x01\x01");
    return take(bytes);
}

Result<command::Command> sign_in_command(Credentials const& credentials, Capabilities const& capabilities) {
    if (credentials.auth == AuthMethod::xoauth2) return by_token(credentials, capabilities);
    if (has(capabilities, "AUTH=PLAIN")) {
        auto response = plain_response(credentials);
        if (!response) return response.error();
        return command::Authenticate{"PLAIN", std::move(*response)};
    }
    if (!credentials.authorize_as.empty()) {
        return Error{ErrorCode::auth_mechanism_unavailable,
                     "log in as \"" + credentials.authorize_as +
                         "\": the server offers no AUTHENTICATE PLAIN, which alone can name another mailbox"};
    }
    if (has(capabilities, "LOGINDISABLED")) {
        if (offers_only_tokens(capabilities)) {
            return Error{ErrorCode::oauth_consent_required,
                         "log in: the server takes OAuth tokens only; give one with the xoauth2 method"};
        }
        return Error{ErrorCode::auth_mechanism_unavailable,
                     "log in: the server forbids LOGIN and offers no mechanism that we speak"};
    }
    if (auto const clean = no_nul(credentials); !clean) return clean.error();
    return command::Login{credentials.login, credentials.secret.clone()};
}

std::string answer_to_challenge(std::string_view mechanism) {
    return mechanism == "XOAUTH2" ? "\r\n" : "*\r\n";
}

}  // namespace imapcopy::imap
