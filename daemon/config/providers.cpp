#include "daemon/config/providers.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "common/account_address.hpp"
#include "common/account_file.hpp"
#include "common/text.hpp"
#include "daemon/config/units.hpp"

namespace imapcopy::config {
namespace {

constexpr std::size_t file_bytes_max = 4U << 20U;
constexpr std::size_t files_max = 1000;
constexpr std::uint64_t connections_most = 1000;

std::optional<std::string> parse_id(std::string_view text) {
    auto const belongs = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    if (text.empty() || text.size() > 64 || !std::ranges::all_of(text, belongs)) return std::nullopt;
    return std::string(text);
}

std::optional<std::string> parse_host(std::string_view text) {
    if (!is_host(text)) return std::nullopt;
    return ascii_lower(text);
}

std::map<std::string, std::string> read_name(TomlTable& provider) {
    std::map<std::string, std::string> name;
    auto table = provider.table("name");
    if (table) {
        for (auto const& language : table->keys()) name[language] = table->string(language).value_or("");
    }
    if (!name.contains("en"))
        provider.must_be("name", "a table with at least an English name: { en = \"…\" }");
    return name;
}

/// Strings out of a small set of words.
std::vector<std::string> words(TomlTable& provider, std::string_view key,
                               std::set<std::string_view> const& known) {
    auto found = provider.strings(key).value_or(std::vector<std::string>{});
    for (auto const& word : found) {
        if (known.contains(word)) continue;
        std::string choice;
        for (auto const& possible : known)
            choice += (choice.empty() ? "\"" : ", \"") + std::string(possible) + "\"";
        provider.mistake(key, "holds \"" + printable(word, 64) + "\"; possible are " + choice);
    }
    return found;
}

void read_sides(TomlTable& table, Provider& provider) {
    if (!table.contains("sides")) return;
    auto const sides = words(table, "sides", {"source", "destination"});
    provider.source = std::ranges::find(sides, "source") != sides.end();
    provider.destination = std::ranges::find(sides, "destination") != sides.end();
}

void read_server(TomlTable& table, Provider& provider) {
    provider.host =
        table.word("host", parse_host, "the name of a server, without scheme and port").value_or("");
    provider.host_hint = table.string("host_hint").value_or("");
    auto const tls = table.word("tls", parse_tls_mode, "\"implicit\", \"starttls\" or \"cleartext\"");
    provider.tls = tls.value_or(TlsMode::implicit);
    auto const port = table.number("port", 1, 65535);
    provider.port = static_cast<std::uint16_t>(port.value_or(default_port(provider.tls)));
}

Provider read_provider(TomlTable table) {
    Provider provider;
    provider.id = table.word("id", parse_id, "made of a–z, 0–9 and \"-\"").value_or("");
    if (!table.contains("id")) table.mistake("id", "is missing");
    provider.name = read_name(table);
    provider.domains = table.strings("domains").value_or(std::vector<std::string>{});
    for (auto& domain : provider.domains) {
        if (!is_host(domain))
            table.mistake("domains", "holds \"" + printable(domain, 64) + "\", which is no domain");
        domain = ascii_lower(domain);
    }
    read_server(table, provider);
    provider.login = table.word("login", parse_login_form, R"("address", "local" or "either")")
                         .value_or(LoginForm::address);
    provider.auth = words(table, "auth", {"password", "app-password", "oauth2"});
    if (provider.auth.empty() && !table.contains("auth"))
        table.mistake("auth", "is missing: how does one sign in?");
    read_sides(table, provider);
    provider.retired = table.boolean("retired").value_or(false);
    auto const connections = table.number("connections_max", 1, connections_most);
    provider.connections_max = static_cast<std::uint32_t>(connections.value_or(provider.connections_max));
    provider.lists = table.strings("lists").value_or(std::vector<std::string>{});
    provider.note = table.string("note").value_or("");
    if (!table.contains("host") && provider.host_hint.empty() && !provider.retired) {
        table.mistake("host", "is missing; where the user names it, say how it looks in host_hint");
    }
    return provider;
}

/// Every *.toml of `directory`, in the order of names. A missing directory is empty.
Result<std::vector<std::string>> files_of(std::string const& directory) {
    std::vector<std::string> files;
    std::error_code error;
    auto entry = std::filesystem::directory_iterator(directory, error);
    if (error == std::errc::no_such_file_or_directory) return files;
    while (!error && entry != std::filesystem::end(entry)) {
        if (entry->path().extension() == ".toml") files.push_back(entry->path().string());
        entry.increment(error);
    }
    if (error) return Error{ErrorCode::invalid_argument, "read " + directory + ": " + error.message()};
    if (files.size() > files_max) {
        return Error{ErrorCode::invalid_argument,
                     "read " + directory + ": more than " + std::to_string(files_max) + " files"};
    }
    std::ranges::sort(files);
    return files;
}

/// The part of a mail address behind the last "@"; empty where there is none.
std::string_view domain_of(std::string_view address) {
    auto const at = address.rfind('@');
    return at == std::string_view::npos ? std::string_view{} : address.substr(at + 1);
}

Error refusal(Side side, std::string const& what) {
    return {ErrorCode::invalid_address, std::string(to_string(side)) + ": " + what, "", side};
}

std::string in_quotes(std::string_view text) {
    return '"' + printable(text, 128) + '"';
}

bool takes_only_oauth(Provider const& provider) {
    return !provider.auth.empty() &&
           std::ranges::all_of(provider.auth, [](auto const& way) { return way == "oauth2"; });
}

/// May this preset be used as asked?
Result<> check_use(Provider const& provider, AccountSpec const& account, Side side) {
    auto const& name = provider.name.at("en");
    if (provider.retired && account.host.empty()) {
        return refusal(side, name + " is retired" +
                                 (provider.note.empty() ? "" : " (" + provider.note + ")") +
                                 "; where the mailbox still exists, write imaps://login@host");
    }
    if (!(side == Side::source ? provider.source : provider.destination)) {
        return refusal(side, name + " is no " + std::string(to_string(side)) +
                                 " by its preset; to use it nevertheless, write imaps://login@host");
    }
    if (takes_only_oauth(provider) && account.auth == AuthMethod::password) {
        auto error = refusal(
            side, name +
                      " accepts no password over IMAP; give an OAuth 2.0 access token in its place with --" +
                      std::string(to_string(side)) + "-auth=xoauth2");
        error.code = ErrorCode::oauth_consent_required;
        return error;
    }
    return {};
}

/// Login and address in the form that the preset asks for. A login that opens another mailbox stays as it is.
Result<> shape_login(Provider const& provider, AccountSpec& account, Side side) {
    auto const at = account.login.rfind('@');
    auto const has_domain = at != std::string::npos;
    auto const knows_domain = provider.domains.size() == 1;
    auto const address =
        !has_domain && knows_domain ? account.login + '@' + provider.domains.front() : account.login;
    if (account.address.empty() || account.address == account.login) account.address = address;
    if (!account.authorize_as.empty() || provider.login == LoginForm::either) return {};
    if (provider.login == LoginForm::local_part) {
        if (has_domain) account.login.resize(at);
        if (account.login.empty())
            return refusal(side, in_quotes(account.address) + " has nothing before the \"@\"");
        return {};
    }
    if (!has_domain && !knows_domain) {
        return refusal(side, provider.name.at("en") + " signs in with the whole mail address: write " +
                                 provider.id + ':' + printable(account.login, 128) + "@…");
    }
    account.login = address;
    return {};
}

Result<> fill_server(Provider const& provider, AccountSpec& account, Side side) {
    if (!account.host.empty()) return {};
    if (provider.host.empty()) {
        return refusal(side, provider.name.at("en") + " has no server of its own; name it (" +
                                 provider.host_hint + ") with --" + std::string(to_string(side)) + "-host");
    }
    account.host = provider.host;
    if (account.port == 0) {
        account.port = provider.port;
        account.tls = provider.tls;
    }
    return {};
}

}  // namespace

std::optional<LoginForm> parse_login_form(std::string_view text) {
    if (text == "address") return LoginForm::address;
    if (text == "local") return LoginForm::local_part;
    if (text == "either") return LoginForm::either;
    return std::nullopt;
}

Result<std::vector<Provider>> parse_providers(std::string_view text, std::string const& name) {
    TomlFile file(text, name);
    auto root = file.root();
    std::vector<Provider> providers;
    std::set<std::string> ids;
    for (auto const& table : root.tables("provider")) {
        providers.push_back(read_provider(table));
        auto const& id = providers.back().id;
        auto again = table;
        if (!id.empty() && !ids.insert(id).second) again.mistake("id", "stands twice in this file: " + id);
    }
    auto const end = file.finish();
    if (end.has_error()) return end.error();
    return providers;
}

Result<Providers> Providers::load(std::string const& directory) {
    auto const files = files_of(directory);
    if (files.has_error()) return files.error();
    Providers providers;
    std::string mistakes;
    auto const note = [&mistakes](Error const& error) {
        mistakes += (mistakes.empty() ? "" : "\n") + error.message;
    };
    for (auto const& path : *files) {
        auto const text = read_small_file(path, file_bytes_max);
        auto const read =
            text.has_error() ? Result<std::vector<Provider>>(text.error()) : parse_providers(*text, path);
        if (read.has_error()) {
            note(read.error());
            continue;
        }
        for (auto const& provider : *read) {
            std::erase_if(providers.all_, [&provider](auto const& known) { return known.id == provider.id; });
            providers.all_.push_back(provider);
        }
    }
    if (!mistakes.empty()) return Error{ErrorCode::invalid_argument, std::move(mistakes)};
    return providers;
}

Provider const* Providers::find(std::string_view id) const {
    auto const found = std::ranges::find(all_, id, &Provider::id);
    return found == all_.end() ? nullptr : &*found;
}

Provider const* Providers::detect(std::string_view address) const {
    auto const domain = ascii_lower(domain_of(address));
    if (domain.empty()) return nullptr;
    auto const serves = [&domain](auto const& p) {
        return std::ranges::find(p.domains, domain) != p.domains.end();
    };
    auto const found = std::find_if(all_.rbegin(), all_.rend(), serves);
    return found == all_.rend() ? nullptr : &*found;
}

Result<AccountSpec> Providers::resolve(AccountSpec account, Side side) const {
    if (account.login.empty())
        return refusal(side, "the account has no login; write login@domain or provider:login");
    account.host = ascii_lower(account.host);
    auto const* provider = find(account.provider);
    if (provider == nullptr && !account.provider.empty()) {
        return Error{ErrorCode::unknown_provider,
                     std::string(to_string(side)) + ": no provider " + in_quotes(account.provider) +
                         "; imapcopyctl provider list shows them",
                     "", side};
    }
    if (provider == nullptr && account.host.empty()) provider = detect(account.login);
    if (provider == nullptr && account.host.empty()) {
        return refusal(side, "no provider is known for " + in_quotes(account.login) +
                                 "; name its server by imaps://login@host or with --" +
                                 std::string(to_string(side)) + "-host");
    }
    auto const opens_another = !account.authorize_as.empty();
    auto const has_own_address = !account.address.empty() && account.address != account.login;
    if (opens_another && !has_own_address) account.address = account.authorize_as;
    if (provider != nullptr) {
        account.provider = provider->id;
        auto const use = check_use(*provider, account, side);
        if (use.has_error()) return use.error();
        auto const server = fill_server(*provider, account, side);
        if (server.has_error()) return server.error();
        auto const login = shape_login(*provider, account, side);
        if (login.has_error()) return login.error();
    }
    if (account.port == 0) account.port = default_port(account.tls);
    if (account.address.empty()) account.address = account.login;
    return account;
}

}  // namespace imapcopy::config
