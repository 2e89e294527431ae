#pragma once

// Provider presets: data files, no code per provider.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/job.hpp"

namespace imapcopy::config {

enum class LoginForm : std::uint8_t { address, local_part, either };

struct Provider {
    std::string id;                           ///< "gmail"
    std::map<std::string, std::string> name;  ///< Language → name; "en" is always there.
    std::vector<std::string> domains;
    std::string host;  ///< Empty: the user gives it; host_hint says how it looks.
    std::string host_hint;
    std::uint16_t port = 993;
    TlsMode tls = TlsMode::implicit;
    LoginForm login = LoginForm::address;
    std::vector<std::string> auth;  ///< "password", "app-password", "oauth2".
    bool source = true;
    bool destination = true;
    bool retired = false;
    std::uint32_t connections_max = 2;  ///< Per account.
    std::vector<std::string> lists;     ///< Languages in whose guided form it stands.
    std::string note;                   ///< One sentence for users: where to get an app password, …
    bool operator==(Provider const&) const = default;
};

std::optional<LoginForm> parse_login_form(std::string_view text);  ///< "address", "local", "either".

/// The presets of one file. `name` stands for the file in messages. Error(invalid_argument) lists every
/// mistake.
Result<std::vector<Provider>> parse_providers(std::string_view text, std::string const& name);

class Providers {
 public:
    /// Every *.toml of `directory`, in the order of names; a later file overrides a provider by id. Errors
    /// list every mistake like config::load. A missing directory is empty.
    static Result<Providers> load(std::string const& directory);

    std::vector<Provider> const& all() const { return all_; }
    Provider const* find(std::string_view id) const;
    /// By the domain of a mail address, without regard to case; of several, the one that was loaded last.
    Provider const* detect(std::string_view address) const;
    /// Fills host, port, TLS and login form of `account` from its provider, or from the domain of its login
    /// if it has neither host nor provider; lower-cases the host; sets address. What the account says itself
    /// stays; a port of its own brings its own TLS mode. Errors: unknown_provider, invalid_address (no host
    /// known, wrong side, service retired: says the way out), oauth_consent_required (preset takes only OAuth
    /// and no token was given).
    Result<AccountSpec> resolve(AccountSpec account, Side side) const;

 private:
    std::vector<Provider> all_;
};

}  // namespace imapcopy::config
