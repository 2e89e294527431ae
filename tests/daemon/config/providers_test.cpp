#include "daemon/config/providers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/places.hpp"

namespace imapcopy::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

/// A directory of its own that goes with the test.
class TemporaryDirectory {
 public:
    TemporaryDirectory() {
        std::string name = testing::TempDir() + "providersXXXXXX";
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    TemporaryDirectory(TemporaryDirectory const&) = delete;
    TemporaryDirectory& operator=(TemporaryDirectory const&) = delete;

    std::string path() const { return path_; }
    void write(std::string const& name, std::string const& text) const {
        std::ofstream(path_ + "/" + name) << text;
    }

 private:
    std::string path_;
};

Providers const& shipped() {
    static Providers const providers = Providers::load(test::in_source("config/providers.d")).value();
    return providers;
}

AccountSpec account(std::string provider, std::string login) {
    AccountSpec spec;
    spec.provider = std::move(provider);
    spec.login = std::move(login);
    return spec;
}

AccountSpec resolved(std::string provider, std::string login, Side side = Side::source) {
    return shipped().resolve(account(std::move(provider), std::move(login)), side).value();
}

Error refused(AccountSpec spec, Side side = Side::source) {
    auto const result = shipped().resolve(std::move(spec), side);
    return result.has_error() ? result.error() : Error{ErrorCode::internal, "was accepted"};
}

std::string mistakes(std::string_view text) {
    auto const providers = parse_providers(text, "p.toml");
    return providers.has_error() ? providers.error().message : "";
}

std::vector<std::string> listed(std::string const& language) {
    std::vector<std::string> ids;
    for (auto const& provider : shipped().all()) {
        if (std::ranges::find(provider.lists, language) != provider.lists.end()) ids.push_back(provider.id);
    }
    return ids;
}

TEST(Providers, ShippedOnesCoverTheGuidedForms) {
    EXPECT_THAT(listed("fr"), ElementsAre("aol", "free", "gmail", "laposte", "orange", "sfr", "yahoo",
                                          "exchange-hosted", "exchange-private", "ovh", "other"));
    EXPECT_EQ(listed("pt"), listed("fr"));
    EXPECT_EQ(listed("lt"), listed("fr"));
    EXPECT_THAT(listed("es"), ElementsAre("gmail", "yahoo", "hotmail", "exchange-hosted", "exchange-private",
                                          "ovh", "other"));
    EXPECT_THAT(listed("fi"), ElementsAre("gmail", "yahoo", "hotmail", "ovh", "suomi24", "other"));
    EXPECT_GE(shipped().all().size(), 35U);
}

TEST(Providers, ShippedOnesAreUsable) {
    for (auto const& provider : shipped().all()) {
        EXPECT_TRUE(provider.name.contains("en")) << provider.id;
        EXPECT_FALSE(provider.auth.empty()) << provider.id;
        EXPECT_TRUE(provider.source || provider.destination) << provider.id;
        EXPECT_EQ(provider.tls, TlsMode::implicit) << provider.id;
        for (auto const& domain : provider.domains)
            EXPECT_EQ(shipped().detect("x@" + domain), &provider) << domain;
    }
}

TEST(Providers, ReadEveryField) {
    auto const providers = parse_providers(R"(
[[provider]]
note = "n"
lists = ["fr"]
connections_max = 7
retired = true
sides = ["destination"]
auth = ["oauth2"]
login = "either"
tls = "starttls"
host = "IMAP.example.org"
host_hint = "h"
domains = ["Example.org"]
name = { en = "E", fr = "F" }
id = "e-1"
)",
                                           "f")
                               .value();
    Provider const expected{.id = "e-1",
                            .name = {{"en", "E"}, {"fr", "F"}},
                            .domains = {"example.org"},
                            .host = "imap.example.org",
                            .host_hint = "h",
                            .port = 143,
                            .tls = TlsMode::starttls,
                            .login = LoginForm::either,
                            .auth = {"oauth2"},
                            .source = false,
                            .destination = true,
                            .retired = true,
                            .connections_max = 7,
                            .lists = {"fr"},
                            .note = "n"};
    EXPECT_THAT(providers, ElementsAre(expected));
}

TEST(Providers, ReportAllMistakesAtOnce) {
    auto const message = mistakes(
        "[[provider]]\n"
        "id = \"Gmail!\"\n"
        "name = { fr = \"G\" }\n"
        "host = \"imaps://x\"\n"
        "port = 70000\n"
        "login = \"domain\"\n"
        "auth = [\"passwd\"]\n"
        "sides = [\"both\"]\n"
        "hosts = 1\n"
        "[[provider]]\n");
    for (auto const* expected :
         {"p.toml:2:6: provider.id must be made of",
          "provider.name must be a table with at least an English name",
          "p.toml:4:8: provider.host must be the name of a server", "p.toml:5:8: provider.port must be",
          "p.toml:6:9: provider.login must be",
          "holds \"passwd\"; possible are \"app-password\", \"oauth2\", \"password\"", "holds \"both\"",
          "p.toml:9:1: unknown key provider.hosts; known here: auth, ", "provider.id is missing",
          "provider.auth is missing", "provider.host is missing"}) {
        EXPECT_THAT(message, HasSubstr(expected));
    }
}

TEST(Providers, RefuseAnIdTwiceInOneFile) {
    std::string const one =
        "[[provider]]\nid = \"a\"\nname = { en = \"A\" }\nhost = \"a\"\nauth = [\"password\"]\n";
    EXPECT_EQ(mistakes(one), "");
    EXPECT_THAT(mistakes(one + one), HasSubstr("p.toml:7:6: provider.id stands twice in this file: a"));
}

TEST(ProvidersLoad, LaterFileReplacesAProviderById) {
    TemporaryDirectory const directory;
    auto const preset = [](std::string const& id, std::string const& host) {
        return "[[provider]]\nid = \"" + id +
               "\"\nname = { en = \"A\" }\ndomains = [\"d.example\"]\nhost = \"" + host +
               "\"\nauth = [\"password\"]\n";
    };
    directory.write("50-local.toml", preset("a", "second.example"));
    directory.write("10-first.toml", preset("a", "first.example") + preset("b", "b.example"));
    directory.write("README", "not read");
    auto const providers = Providers::load(directory.path()).value();
    EXPECT_EQ(providers.all().size(), 2U);
    EXPECT_EQ(providers.find("a")->host, "second.example");
    EXPECT_EQ(providers.detect("x@D.EXAMPLE")->id, "a");
    EXPECT_EQ(providers.find("c"), nullptr);
}

TEST(ProvidersLoad, ListsTheMistakesOfAllFiles) {
    TemporaryDirectory const directory;
    directory.write("1.toml", "x = 1\n");
    directory.write("2.toml", "y = \n");
    auto const providers = Providers::load(directory.path());
    ASSERT_TRUE(providers.has_error());
    EXPECT_EQ(providers.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(providers.error().message, HasSubstr("/1.toml:1:1: unknown key x"));
    EXPECT_THAT(providers.error().message, HasSubstr("/2.toml:1:"));
}

TEST(ProvidersLoad, MissingDirectoryIsEmpty) {
    EXPECT_TRUE(Providers::load("/nonexistent/providers.d").value().all().empty());
}

TEST(ProvidersDetect, GoesByTheDomainAlone) {
    EXPECT_EQ(shipped().detect("Anna@GoogleMail.com")->id, "gmail");
    EXPECT_EQ(shipped().detect("anna@gmail.com@web.de")->id, "webde");
    for (auto const* address :
         {"", "anna", "anna@", "gmail.com", "anna@example.org", "anna@mail.gmail.com"}) {
        EXPECT_EQ(shipped().detect(address), nullptr) << address;
    }
}

TEST(ProvidersResolve, FillsServerAndLogin) {
    auto const gmail = resolved("gmail", "anna@gmail.com", Side::destination);
    EXPECT_EQ(gmail.host, "imap.gmail.com");
    EXPECT_EQ(gmail.port, 993);
    EXPECT_EQ(gmail.tls, TlsMode::implicit);
    EXPECT_EQ(gmail.login, "anna@gmail.com");
    EXPECT_EQ(gmail.address, "anna@gmail.com");
}

TEST(ProvidersResolve, DetectsTheProviderFromTheLogin) {
    auto const orange = resolved("", "anna@wanadoo.fr");
    EXPECT_EQ(orange.provider, "orange");
    EXPECT_EQ(orange.host, "imap.orange.fr");
}

TEST(ProvidersResolve, GivesTheLoginItsForm) {
    auto const cut = resolved("free", "anna@free.fr");
    EXPECT_EQ(cut.login, "anna");
    EXPECT_EQ(cut.address, "anna@free.fr");
    auto const kept = resolved("free", "anna");
    EXPECT_EQ(kept.login, "anna");
    EXPECT_EQ(kept.address, "anna@free.fr");
    auto const completed = resolved("sapo", "anna");
    EXPECT_EQ(completed.login, "anna@sapo.pt");
    EXPECT_EQ(completed.address, "anna@sapo.pt");
    auto const many_domains = refused(account("orange", "anna"));
    EXPECT_EQ(many_domains.code, ErrorCode::invalid_address);
    EXPECT_THAT(many_domains.message, HasSubstr("write orange:anna@"));
}

TEST(ProvidersResolve, LeavesAMasterLoginAlone) {
    auto spec = account("free", "admin@free.fr");
    spec.authorize_as = "anna@free.fr";
    auto const result = shipped().resolve(spec, Side::source).value();
    EXPECT_EQ(result.login, "admin@free.fr");
    EXPECT_EQ(result.address, "anna@free.fr");
}

TEST(ProvidersResolve, KeepsWhatTheAccountSaysItself) {
    auto own = account("", "anna@gmail.com");
    own.host = "Mail.Example.ORG";
    own.tls = TlsMode::starttls;
    auto const by_host = shipped().resolve(own, Side::source).value();
    EXPECT_EQ(by_host.provider, "");
    EXPECT_EQ(by_host.host, "mail.example.org");
    EXPECT_EQ(by_host.port, 143);
    EXPECT_EQ(by_host.tls, TlsMode::starttls);
    auto mixed = account("ovh", "anna@example.org");
    mixed.port = 143;
    mixed.tls = TlsMode::starttls;
    mixed.address = "other@example.org";
    auto const by_port = shipped().resolve(mixed, Side::source).value();
    EXPECT_EQ(by_port.host, "ssl0.ovh.net");
    EXPECT_EQ(by_port.tls, TlsMode::starttls);
    EXPECT_EQ(by_port.address, "other@example.org");
}

TEST(ProvidersResolve, IsAFixedPoint) {
    for (auto const& [provider, login] :
         {std::pair{"free", "anna"}, std::pair{"gmail", "anna@gmail.com"}, std::pair{"sapo", "anna"}}) {
        auto const once = resolved(provider, login);
        EXPECT_EQ(shipped().resolve(once, Side::source).value(), once) << provider;
    }
}

TEST(ProvidersResolve, OAuthOnlyServicesWantAToken) {
    for (auto const* provider : {"hotmail", "m365"}) {
        auto spec = account(provider, "anna@outlook.com");
        auto const error = refused(spec, Side::destination);
        EXPECT_EQ(error.code, ErrorCode::oauth_consent_required);
        EXPECT_EQ(error.side, Side::destination);
        EXPECT_THAT(error.message, HasSubstr("--destination-auth=xoauth2"));
        spec.auth = AuthMethod::xoauth2;
        EXPECT_EQ(shipped().resolve(spec, Side::destination).value().host, "outlook.office365.com");
    }
}

TEST(ProvidersResolve, RefusalsSayTheWayOut) {
    auto const unknown = refused(account("gmial", "anna"));
    EXPECT_EQ(unknown.code, ErrorCode::unknown_provider);
    EXPECT_THAT(unknown.message, HasSubstr("imapcopyctl provider list"));
    EXPECT_EQ(unknown.side, Side::source);

    auto const no_host = refused(account("", "anna@example.org"));
    EXPECT_EQ(no_host.code, ErrorCode::invalid_address);
    EXPECT_THAT(no_host.message, HasSubstr("--source-host"));

    auto const own_server = refused(account("exchange-private", "anna@example.org"), Side::destination);
    EXPECT_EQ(own_server.code, ErrorCode::invalid_address);
    EXPECT_THAT(own_server.message, HasSubstr("--destination-host"));

    auto const retired = refused(account("", "anna@suomi24.fi"));
    EXPECT_EQ(retired.code, ErrorCode::invalid_address);
    EXPECT_THAT(retired.message, HasSubstr("retired"));

    auto const wrong_side = refused(account("aol", "anna@aol.com"), Side::destination);
    EXPECT_EQ(wrong_side.code, ErrorCode::invalid_address);
    EXPECT_THAT(wrong_side.message, HasSubstr("AOL is no destination"));

    EXPECT_EQ(refused(account("gmail", "")).code, ErrorCode::invalid_address);
    EXPECT_EQ(refused(account("free", "@free.fr")).code, ErrorCode::invalid_address);
}

}  // namespace
}  // namespace imapcopy::config
