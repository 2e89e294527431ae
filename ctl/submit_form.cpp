#include "ctl/submit_form.hpp"

#include <algorithm>

#include "common/account_address.hpp"
#include "common/text.hpp"
#include "ctl/accounts.hpp"
#include "ctl/caught.hpp"
#include "ctl/secret_pair.hpp"

namespace imapcopy::ctl {
namespace {

/// Servers lock accounts after a handful of refused logins.
constexpr int attempts_max = 5;

/// The few fields of a provider that the form uses.
struct Choice {
    std::string id;
    std::string name;
    std::string host;
    std::string host_hint;
    std::string login_form;
    std::string note;
};

std::string text_of(Dict const& dict, std::string const& key) {
    auto const found = dict.find(key);
    auto const* const text = found == dict.end() ? nullptr : std::get_if<std::string>(&found->second);
    return text == nullptr ? std::string() : *text;
}

bool is_set(Dict const& dict, std::string const& key) {
    auto const found = dict.find(key);
    auto const* const value = found == dict.end() ? nullptr : std::get_if<bool>(&found->second);
    return value != nullptr && *value;
}

/// "Other" stands last and has no id: the person names the server.
std::vector<Choice> choices(Call const& call, Side side) {
    std::vector<Choice> out;
    for (auto const& provider : call.client.list_providers(to_string(side), call.style().language)) {
        if (is_set(provider, "retired") || text_of(provider, "id") == "other") continue;
        out.push_back({text_of(provider, "id"), text_of(provider, "name"), text_of(provider, "host"),
                       text_of(provider, "host_hint"), text_of(provider, "login"),
                       text_of(provider, "note")});
    }
    out.push_back({.id = "",
                   .name = call.say(Message::ctl_form_other),
                   .host = "",
                   .host_hint = "",
                   .login_form = "",
                   .note = ""});
    return out;
}

/// Beside the questions: a program that reads the output gets one document.
void tell(Call const& call, std::string const& text) {
    bool const for_program = is_json(call.style()) || call.style().quiet;
    for_program ? call.terminal.err(text) : call.terminal.out(text);
}

/// Asks until the answer is not empty; nothing at the end of input.
std::optional<std::string> answer(Call const& call, std::string const& question) {
    for (;;) {
        auto const line = call.terminal.ask(question);
        if (!line) return std::nullopt;
        if (auto const text = trim(*line); !text.empty()) return std::string(text);
    }
}

/// Enter means yes.
std::optional<bool> yes_by_default(Call const& call, Message question) {
    if (call.arguments.assume_yes) return true;
    auto const line = call.terminal.ask(call.say(question));
    if (!line) return std::nullopt;
    auto const text = trim(*line);
    return text.empty() || ascii_lower(text.front()) != 'n';
}

std::optional<Choice> ask_service(Call const& call, Side side) {
    auto const all = choices(call, side);
    std::string list;
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto const number = std::to_string(i + 1);
        list += std::string(4 - std::min<std::size_t>(3, number.size()), ' ') + number + "  " +
                printable(all[i].name);
        if (!all[i].id.empty()) list += " (" + printable(all[i].id) + ")";
        list += "\n";
    }
    tell(call, list);
    for (;;) {
        auto const text = answer(call, call.say(Message::ctl_form_service));
        if (!text) return std::nullopt;
        auto const number = parse_number(*text);
        if (number && *number >= 1 && *number <= all.size()) return all[*number - 1];
        auto const found = std::ranges::find_if(
            all, [&](Choice const& c) { return ascii_iequals(c.id, *text) || ascii_iequals(c.name, *text); });
        if (found != all.end()) return *found;
        tell(call, call.say(Message::ctl_form_again) + "\n");
    }
}

std::optional<std::string> ask_host(Call const& call, Choice const& choice) {
    auto const hint = choice.host_hint.empty() ? "" : "(" + printable(choice.host_hint) + ") ";
    return answer(call, call.say(Message::ctl_form_server) + hint);
}

std::optional<TlsMode> ask_tls(Call const& call) {
    auto const implicit = yes_by_default(call, Message::ctl_form_tls);
    if (!implicit) return std::nullopt;
    return *implicit ? TlsMode::implicit : TlsMode::starttls;
}

/// Server and TLS, for a service that does not know them.
bool ask_server(Call const& call, Choice const& choice, AccountArguments const& options,
                AccountSpec& account) {
    auto const host = options.host.empty() ? ask_host(call, choice) : options.host;
    if (!host) return false;
    auto const tls = options.tls ? options.tls : ask_tls(call);
    if (!tls) return false;
    account.host = ascii_lower(*host);
    account.tls = *tls;
    account.port = default_port(account.tls);
    auto const colon = account.host.rfind(':');
    auto const port =
        colon == std::string::npos ? std::nullopt : parse_number(account.host.substr(colon + 1));
    if (port && *port >= 1 && *port <= 65535) {
        account.port = static_cast<std::uint16_t>(*port);
        account.host.resize(colon);
    }
    return true;
}

std::optional<AccountSpec> ask_account(Call const& call, Side side, AccountArguments const& options) {
    // A server that is named needs no service.
    auto const choice = options.host.empty() ? ask_service(call, side) : Choice();
    if (!choice) return std::nullopt;
    if (!choice->note.empty()) tell(call, printable(choice->note) + "\n");
    auto const question =
        choice->login_form == "local-part" ? Message::ctl_form_login_local : Message::ctl_form_login;
    auto const login = answer(call, call.say(question));
    if (!login) return std::nullopt;
    AccountSpec account;
    account.provider = choice->id;
    account.login = *login;
    account.address = *login;
    if (choice->host.empty() && !ask_server(call, *choice, options, account)) return std::nullopt;
    return account;
}

struct Filled {
    AccountSpec account;
    Secret secret;
};

/// `given` is the password by option; where it is empty, or refused, the person is asked.
std::optional<Filled> ask_side(Call const& call, Side side, Secret const& given) {
    auto const& options = side == Side::source ? call.arguments.source : call.arguments.destination;
    auto const heading = side == Side::source ? Message::ctl_form_source : Message::ctl_form_destination;
    tell(call, colored(call.say(heading), Color::bold, call.style()) + "\n");
    bool asks = given.empty();
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        auto const typed = ask_account(call, side, options);
        if (!typed) return std::nullopt;
        auto const request =
            with_options({.account = *typed, .password_file = {}, .password_fd = {}}, options);
        std::optional<Error> error;
        if (request.has_error()) {
            error = request.error();
        } else {
            auto const& account = request->account;
            auto secret = asks ? asked_secret(account, side, call.arguments, call.terminal) : given.clone();
            if (call.arguments.test_first) {
                call.client.begin_test(account, side, secret);
                error = caught([&] { (void)finished_test(call, account, side); });
            }
            if (!error) return Filled{account, std::move(secret)};
        }
        asks = asks || info(error->code).retry == RetryClass::credentials;  // Not the same one again.
        show_error(call.terminal, *error, call.style().language);
        tell(call, call.say(Message::ctl_form_again) + "\n");
    }
    return std::nullopt;
}

}  // namespace

std::optional<FilledForm> ask_form(Call const& call) {
    auto const given = given_secrets(call.arguments);
    auto source = ask_side(call, Side::source, given.source);
    if (!source) return std::nullopt;
    auto destination = ask_side(call, Side::destination, given.destination);
    if (!destination) return std::nullopt;
    auto const start = call.arguments.dry_run ? true : yes_by_default(call, Message::ctl_form_start);
    if (!start || !*start) return std::nullopt;
    return FilledForm{std::move(source->account), std::move(source->secret), std::move(destination->account),
                      std::move(destination->secret)};
}

}  // namespace imapcopy::ctl
