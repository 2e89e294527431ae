#include "daemon/bus/provider_dict.hpp"

namespace imapcopy::bus {
namespace {

std::string login_form(config::LoginForm form) {
    switch (form) {
        case config::LoginForm::address: return "address";
        case config::LoginForm::local_part: return "local-part";
        case config::LoginForm::either: return "either";
    }
    return {};
}

std::string name_in(config::Provider const& provider, std::string const& language) {
    for (auto const& wanted : {language, std::string("en")}) {
        auto const name = provider.name.find(wanted);
        if (name != provider.name.end()) return name->second;
    }
    return provider.id;
}

}  // namespace

bool serves(config::Provider const& provider, std::optional<Side> side) {
    if (!side) return true;
    return *side == Side::source ? provider.source : provider.destination;
}

Dict to_dict(config::Provider const& provider, std::string const& language) {
    return {
        {"id", provider.id},
        {"name", name_in(provider, language)},
        {"domains", provider.domains},
        {"host", provider.host},
        {"host_hint", provider.host_hint},
        {"port", static_cast<std::uint32_t>(provider.port)},
        {"tls", std::string(to_string(provider.tls))},
        {"login", login_form(provider.login)},
        {"auth", provider.auth},
        {"source", provider.source},
        {"destination", provider.destination},
        {"retired", provider.retired},
        {"connections_max", provider.connections_max},
        {"lists", provider.lists},
        {"note", provider.note},
    };
}

}  // namespace imapcopy::bus
