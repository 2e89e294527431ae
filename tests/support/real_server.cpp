#include "tests/support/real_server.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "common/text.hpp"
#include "tests/support/places.hpp"

namespace imapcopy::test {
namespace {

std::string const tools = in_source("tests/support/");

std::string quoted(std::string const& text) {
    std::string result = "'";
    for (char const c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result + "'";
}

struct Ran {
    int status = 0;
    std::string output;
};

Ran run(std::string const& command) {
    Ran ran;
    auto* const pipe = popen((command + " 2>&1").c_str(), "r");
    if (!pipe) return {1, "cannot run " + command};
    std::array<char, 4096> buffer{};
    while (auto const count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
        ran.output.append(buffer.data(), count);
    }
    auto const status = pclose(pipe);
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    ran.output = std::string(trim(ran.output));
    return ran;
}

/// Two ports that nobody used a moment ago, held open together so that they differ.
std::array<std::uint16_t, 2> free_ports() {
    boost::asio::io_context io;
    boost::asio::ip::tcp::endpoint const any(boost::asio::ip::address_v4::loopback(), 0);
    boost::asio::ip::tcp::acceptor const first(io, any);
    boost::asio::ip::tcp::acceptor const second(io, any);
    return {first.local_endpoint().port(), second.local_endpoint().port()};
}

std::string start_command(RealServerOptions const& options, std::string const& folder, std::uint16_t port,
                          std::uint16_t tls_port) {
    auto command = tools + "mailserver start --dir " + folder + " --port " + std::to_string(port) +
                   " --tls-port " + std::to_string(tls_port) + " --storage " + options.storage +
                   " --separator " + quoted(options.separator) + " --server " + options.server;
    if (!options.prefix.empty()) command += " --prefix " + quoted(options.prefix);
    if (!options.capability.empty()) command += " --capability " + quoted(options.capability);
    for (auto const& setting : options.settings) command += " --set " + quoted(setting);
    return command;
}

}  // namespace

RealServer::RealServer(std::string folder, std::uint16_t port, std::uint16_t tls_port)
    : folder_(std::move(folder)), port_(port), tls_port_(tls_port) {}

Result<std::unique_ptr<RealServer>> RealServer::start(RealServerOptions const& options) {
    // The sockets in it allow a short path only, and the server's users must be able to enter it.
    std::string folder = "/tmp/imapcopy-server-XXXXXX";
    if (!mkdtemp(folder.data())) return Error{ErrorCode::unavailable, "cannot make " + folder};
    std::string reason;
    for (int attempt = 0; attempt < 3; ++attempt) {  // Somebody else may take a free port before the server.
        auto const [port, tls_port] = free_ports();
        auto const ran = run(start_command(options, folder, port, tls_port));
        if (ran.status == 0) return std::unique_ptr<RealServer>(new RealServer(folder, port, tls_port));
        reason = ran.output;
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    return Error{ErrorCode::unavailable, reason};
}

RealServer::~RealServer() {
    (void)run(tools + "mailserver stop --dir " + folder_);  // What is left of it goes with its folder.
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

bool RealServer::seed(std::string const& login, std::string const& arguments) const {
    auto const ran = run(tools + "seed_mail --account " + quoted(account(login)) + " " + arguments);
    EXPECT_EQ(ran.status, 0) << ran.output;
    return ran.status == 0;
}

std::string RealServer::account(std::string const& login) const {
    return "127.0.0.1:" + std::to_string(port_) + ":" + login + ":pass";
}

std::string compare_mail(std::string const& source_account, std::string const& destination_account) {
    return run(tools + "compare_mail " + quoted(source_account) + " " + quoted(destination_account)).output;
}

void skip_without_server(Error const& reason) {
    auto const* const ci = std::getenv("CI");
    if (ci && std::string_view(ci) == "true") FAIL() << "no mail server: " << reason.message;
    GTEST_SKIP() << "no mail server: " << reason.message;
}

RealServers::Servers& RealServers::servers() {
    static Servers both;
    return both;
}

void RealServers::SetUpTestSuite() {
    servers().source = RealServer::start();
    servers().destination = RealServer::start({"sdbox"});
}

void RealServers::TearDownTestSuite() {
    servers() = {};
}

void RealServers::SetUp() {
    for (auto const* const server : {&servers().source, &servers().destination}) {
        if (!*server) return skip_without_server(server->error());
    }
}

}  // namespace imapcopy::test
