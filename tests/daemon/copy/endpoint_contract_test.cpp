// One suite over the account in memory, over a server in memory in all its dialects, and over real servers:
// Dovecot with all extensions and with none, Cyrus, Courier and GNU Mailutils.

#include "tests/support/endpoint_contract.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "common/attempt.hpp"
#include "daemon/copy/imap_endpoint.hpp"
#include "daemon/net/tcp_connector.hpp"
#include "tests/support/memory_imap_server.hpp"
#include "tests/support/real_server.hpp"
#include "tests/support/run_task.hpp"

namespace imapcopy::test {
namespace {

class MemoryHost final : public EndpointHost {
 public:
    MemoryHost() { server_.add_mailbox("INBOX"); }
    void run(Task<> task) override { run_task(io_, clock_, std::move(task)).rethrow(); }
    Task<std::unique_ptr<Endpoint>> connect() override {
        co_return std::make_unique<MemoryEndpoint>(server_, Side::destination);
    }

 private:
    boost::asio::io_context io_;
    ManualClock clock_{io_};
    MemoryServer server_{clock_};
};

/// The real ImapEndpoint over a server in memory.
class MemoryImapHost final : public EndpointHost {
 public:
    explicit MemoryImapHost(ImapDialect const& dialect) : server_(storage_, dialect) {
        storage_.add_mailbox("INBOX");
    }
    ServerNature nature() const override {
        ServerNature nature;
        if (!server_.dialect.append_keeps_flags) nature.kept_flags = {};
        return nature;
    }
    void run(Task<> task) override {
        run_task(io_, clock_, std::move(task)).rethrow();
        EXPECT_EQ(server_.misuses, std::vector<std::string>{});
    }
    Task<std::unique_ptr<Endpoint>> connect() override {
        net::Target target{"memory", 993, TlsMode::implicit, {}};
        imap::Credentials credentials;
        credentials.login = server_.login;
        credentials.secret = Secret(server_.password);
        auto opening = open_imap_endpoint({clock_, random_, log_, stop_}, server_, std::move(target),
                                          std::move(credentials), Side::destination, {});
        auto endpoint = co_await std::move(opening);
        co_return endpoint;
    }

 private:
    boost::asio::io_context io_;
    ManualClock clock_{io_};
    SeededRandom random_{3};
    NullLog log_;
    StopSignal stop_;
    MemoryServer storage_{clock_};
    MemoryImapServer server_;
};

/// Started at the first use, stopped at the end of the program.
Result<std::unique_ptr<RealServer>>& running(RealServerOptions const& options) {
    static std::map<std::string, Result<std::unique_ptr<RealServer>>> servers;
    auto const key = options.server + ' ' + options.prefix + ' ' + options.capability;
    auto const place = servers.find(key);
    if (place != servers.end()) return place->second;
    return servers.emplace(key, RealServer::start(options)).first->second;
}

class RealHost final : public EndpointHost {
 public:
    /// `login`: of an account that no other test has used.
    RealHost(RealServer const& server, std::string login, ServerNature nature)
        : server_(server), login_(std::move(login)), nature_(std::move(nature)) {}

    ServerNature nature() const override { return nature_; }
    void run(Task<> task) override {
        std::exception_ptr failure;
        boost::asio::co_spawn(io_, std::move(task), [&](std::exception_ptr thrown) { failure = thrown; });
        io_.restart();
        io_.run();
        if (failure) std::rethrow_exception(failure);
    }
    Task<std::unique_ptr<Endpoint>> connect() override {
        net::Target target{"127.0.0.1", server_.port(), TlsMode::cleartext, {}};
        imap::Credentials credentials;
        credentials.login = login_;
        credentials.secret = Secret("pass");
        auto opening = open_imap_endpoint({clock_, random_, log_, stop_}, connector_, std::move(target),
                                          std::move(credentials), Side::destination, {});
        auto endpoint = co_await std::move(opening);
        co_return endpoint;
    }

 private:
    RealServer const& server_;
    std::string login_;
    ServerNature nature_;
    boost::asio::io_context io_;
    RealClock clock_{io_.get_executor()};
    SystemRandom random_;
    NullLog log_;
    StopSignal stop_;
    net::TcpConnector connector_{io_.get_executor(), clock_, net::NetPolicy{{"127.0.0.1"}, {}, {}, {}}};
};

std::unique_ptr<EndpointHost> make_memory() {
    return std::make_unique<MemoryHost>();
}

std::unique_ptr<EndpointHost> make_real(RealServerOptions const& options, ServerNature nature = {}) {
    auto const& server = running(options);
    if (server.has_error()) {
        skip_without_server(server.error());
        return nullptr;
    }
    static int users = 0;
    return std::make_unique<RealHost>(**server, "user" + std::to_string(++users), std::move(nature));
}

std::unique_ptr<EndpointHost> make_dovecot() {
    return make_real({});
}

std::unique_ptr<EndpointHost> make_plain_dovecot() {
    RealServerOptions options;
    options.capability = "IMAP4rev1";
    return make_real(options);
}

std::unique_ptr<EndpointHost> make_cyrus() {
    RealServerOptions options;
    options.server = "cyrus";
    return make_real(options);
}

/// Its folders lie below INBOX, and names are divided by dots.
std::unique_ptr<EndpointHost> make_old_cyrus() {
    RealServerOptions options;
    options.server = "cyrus";
    options.prefix = "INBOX.";
    options.separator = ".";
    return make_real(options, {"INBOX."});
}

std::unique_ptr<EndpointHost> make_courier() {
    RealServerOptions options;
    options.server = "courier";
    return make_real(options, {"INBOX."});
}

/// Knows no keywords, gives every message the date of its arrival, and forgets the flags that APPEND gives.
std::unique_ptr<EndpointHost> make_imap4d() {
    RealServerOptions options;
    options.server = "imap4d";
    return make_real(options, {"", Flags::parse("\\Seen"), {}, false});
}

std::vector<EndpointFactory> memory_imap_hosts() {
    std::vector<EndpointFactory> factories;
    for (auto const& dialect : imap_dialects())
        factories.emplace_back([&dialect] { return std::make_unique<MemoryImapHost>(dialect); });
    return factories;
}

INSTANTIATE_TEST_SUITE_P(Memory, EndpointContract, testing::Values(EndpointFactory{make_memory}));
INSTANTIATE_TEST_SUITE_P(Dovecot, EndpointContract, testing::Values(EndpointFactory{make_dovecot}));
INSTANTIATE_TEST_SUITE_P(MemoryImap, EndpointContract, testing::ValuesIn(memory_imap_hosts()));
INSTANTIATE_TEST_SUITE_P(DovecotWithoutExtensions, EndpointContract,
                         testing::Values(EndpointFactory{make_plain_dovecot}));
INSTANTIATE_TEST_SUITE_P(Cyrus, EndpointContract, testing::Values(EndpointFactory{make_cyrus}));
INSTANTIATE_TEST_SUITE_P(CyrusBelowInbox, EndpointContract, testing::Values(EndpointFactory{make_old_cyrus}));
INSTANTIATE_TEST_SUITE_P(Courier, EndpointContract, testing::Values(EndpointFactory{make_courier}));
INSTANTIATE_TEST_SUITE_P(Imap4d, EndpointContract, testing::Values(EndpointFactory{make_imap4d}));

}  // namespace
}  // namespace imapcopy::test
