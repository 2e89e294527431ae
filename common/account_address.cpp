#include "common/account_address.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "common/text.hpp"

namespace imapcopy {
namespace {

/// The longest address worth reading; a login and a host have at most 255 bytes each.
constexpr std::size_t address_bytes_max = 1024;

struct Scheme {
    std::string_view prefix;
    TlsMode tls;
};
constexpr std::array<Scheme, 3> schemes = {Scheme{"imaps://", TlsMode::implicit},
                                           Scheme{"imap://", TlsMode::starttls},
                                           Scheme{"imap+cleartext://", TlsMode::cleartext}};

/// Never shows `text` itself where it may hold a password.
Error refusal(std::string_view what) {
    return {ErrorCode::invalid_address, std::string(what)};
}

Error refusal(std::string_view text, std::string_view what) {
    return refusal("address \"" + printable(text, 128) + "\": " + std::string(what));
}

std::optional<unsigned> hex_digit(char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    auto const position = digits.find(ascii_lower(c));
    if (position == std::string_view::npos) return std::nullopt;
    return static_cast<unsigned>(position);
}

/// RFC 3986 §2.1. Nothing for a "%" without two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        auto const high = hex_digit(text[i + 1]);
        auto const low = hex_digit(text[i + 2]);
        if (!high || !low) return std::nullopt;
        out += static_cast<char>(*high << 4U | *low);
        i += 2;
    }
    return out;
}

/// Encodes what would read differently in a URL: the delimiters, blanks, and bytes that are not printable
/// ASCII.
std::string percent_encoded(std::string_view text) {
    constexpr std::string_view delimiters = "%:/?#[] ";
    std::string out;
    for (char const c : text) {
        bool const plain = c > 0x20 && c < 0x7f && delimiters.find(c) == std::string_view::npos;
        out += plain ? std::string(1, c) : "%" + hex({&c, 1});
    }
    return out;
}

bool is_clean(std::string_view text) {
    return is_utf8(text) && std::ranges::none_of(text, [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
           });
}

bool is_dns_name(std::string_view host) {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-._";
    return !host.empty() && host.size() <= 253 && host.find_first_not_of(allowed) == std::string_view::npos &&
           host.front() != '.' && host.front() != '-' && host.find("..") == std::string_view::npos;
}

bool is_ipv6(std::string_view host) {
    return std::ranges::count(host, ':') >= 2 &&
           host.find_first_not_of("0123456789abcdef:.") == std::string_view::npos;
}

struct HostPort {
    std::string host;
    std::uint16_t port = 0;
};

Result<HostPort> parse_host_port(std::string_view text, std::string_view whole) {
    HostPort result;
    std::string_view port;
    if (text.starts_with('[')) {
        auto const end = text.find(']');
        result.host = ascii_lower(text.substr(1, end == std::string_view::npos ? end : end - 1));
        if (end == std::string_view::npos || !is_ipv6(result.host)) {
            return refusal(whole, "an IPv6 host stands in brackets, as in imaps://anna@[2001:db8::1]:993");
        }
        port = text.substr(end + 1);
        if (!port.empty() && !port.starts_with(':'))
            return refusal(whole, "after \"]\" comes \":PORT\" or nothing");
    } else {
        auto const colon = text.find(':');
        result.host = ascii_lower(text.substr(0, colon));
        if (colon != std::string_view::npos) port = text.substr(colon);
        if (!is_dns_name(result.host))
            return refusal(whole, "\"" + printable(result.host, 64) + "\" is not a host name");
    }
    if (port.empty()) return result;
    auto const number = parse_number(port.substr(1));
    if (!number || *number == 0 || *number > std::numeric_limits<std::uint16_t>::max()) {
        return refusal(whole, "the port is a number from 1 to 65535");
    }
    result.port = static_cast<std::uint16_t>(*number);
    return result;
}

Result<AccountSpec> parse_url(std::string_view whole, Scheme const& scheme) {
    auto rest = whole.substr(scheme.prefix.size());
    if (rest.ends_with('/')) rest.remove_suffix(1);
    auto const at = rest.rfind('@');
    if (at == std::string_view::npos) {
        return refusal(whole, "the login is missing; write " + std::string(scheme.prefix) + "LOGIN@HOST");
    }
    auto const user = rest.substr(0, at);
    if (user.find(':') != std::string_view::npos) {
        return refusal(
            "an address takes no password: leave out what stands between \":\" and \"@\" and give it when "
            "asked, or with --source-password-file or --destination-password-file (a \":\" of the login "
            "itself is written %3A)");
    }
    auto const login = percent_decoded(user);
    if (!login) return refusal(whole, "a \"%\" of the login is written %25");
    if (login->empty() || !is_clean(*login))
        return refusal(whole, "the login is empty or holds control characters");
    auto const server = parse_host_port(rest.substr(at + 1), whole);
    if (server.has_error()) return server.error();
    AccountSpec account;
    account.tls = scheme.tls;
    account.host = server->host;
    account.port = server->port != 0 ? server->port : default_port(scheme.tls);
    account.login = *login;
    account.address = *login;
    return account;
}

bool is_provider_id(std::string_view text) {
    constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

Result<AccountSpec> parse_short(std::string_view whole) {
    AccountSpec account;
    auto login = whole;
    auto const colon = whole.find(':');
    if (colon != std::string_view::npos) {
        account.provider = ascii_lower(whole.substr(0, colon));
        login = whole.substr(colon + 1);
        if (!is_provider_id(account.provider)) {
            return refusal(
                "what stands before \":\" is not the name of a provider; an address takes no password, and a "
                "server is named as in imaps://LOGIN@HOST");
        }
    }
    if (login.empty() || login.find_first_of("/ ") != std::string_view::npos || !is_clean(login)) {
        return refusal(whole, "the login is empty or holds characters that do not belong there");
    }
    if (account.provider.empty()) {
        auto const at = login.rfind('@');
        auto const domain = at == std::string_view::npos ? "" : ascii_lower(login.substr(at + 1));
        if (at == 0 || !is_dns_name(domain)) {
            return refusal(whole, "write PROVIDER:LOGIN, LOGIN@DOMAIN or imaps://LOGIN@HOST");
        }
    }
    account.login = login;
    account.address = login;
    return account;
}

}  // namespace

Result<AccountSpec> parse_account_address(std::string_view text) {
    if (text.size() > address_bytes_max) {
        return refusal("an address has at most " + std::to_string(address_bytes_max) + " bytes");
    }
    for (auto const& scheme : schemes) {
        if (ascii_istarts_with(text, scheme.prefix)) return parse_url(text, scheme);
    }
    if (auto const end = text.find("://"); end != std::string_view::npos) {
        return refusal("\"" + printable(text.substr(0, end), 32) +
                       "://\" is not a known scheme; use imaps:// or imap:// (with STARTTLS)");
    }
    return parse_short(text);
}

std::string to_string(AccountSpec const& account) {
    if (!account.provider.empty()) return account.provider + ":" + account.login;
    if (account.host.empty()) return account.login;
    auto const scheme = std::ranges::find(schemes, account.tls, &Scheme::tls);
    bool const ipv6 = account.host.find(':') != std::string::npos;
    auto url = std::string(scheme->prefix) + percent_encoded(account.login) + "@";
    url += ipv6 ? "[" + account.host + "]" : account.host;
    if (account.port != 0 && account.port != default_port(account.tls))
        url += ":" + std::to_string(account.port);
    return url;
}

std::string server_name(AccountSpec const& account) {
    auto const host = ascii_lower(account.host);
    bool const usual = account.port == 0 || account.port == 993 || account.port == 143;
    return usual ? host : host + ":" + std::to_string(account.port);
}

std::uint16_t default_port(TlsMode mode) {
    return mode == TlsMode::implicit ? 993 : 143;
}

}  // namespace imapcopy
