#include "daemon/jobs/pass_runner.hpp"

#include <algorithm>
#include <utility>

#include "daemon/copy/imap_endpoint.hpp"
#include "daemon/imap/session.hpp"

namespace imapcopy::jobs {
namespace {

imap::SessionTimeouts session_timeouts(config::Config::Timeouts const& timeouts) {
    imap::SessionTimeouts session;
    session.connect = timeouts.connect;
    session.greeting = timeouts.greeting;
    session.login = timeouts.login;
    session.idle = timeouts.idle;
    session.command = timeouts.command;
    return session;
}

net::Target target_of(AccountSpec const& account) {
    return {account.host, account.port, account.tls, account.tls_pin};
}

imap::Credentials credentials_of(Access const& access) {
    imap::Credentials credentials;
    credentials.login = access.account.login;
    credentials.authorize_as = access.account.authorize_as;
    credentials.auth = access.account.auth;
    credentials.secret = access.secret.clone();
    return credentials;
}

class ImapConnections final : public copy::Connections {
 public:
    ImapConnections(Context context, net::Connector& connector, Access source, Access destination,
                    copy::ImapOptions options)
        : context_(context),
          connector_(connector),
          source_(std::move(source)),
          destination_(std::move(destination)),
          options_(options) {}

    Task<std::unique_ptr<copy::Endpoint>> connect(Side side) override {
        auto const& access = side == Side::source ? source_ : destination_;
        auto credentials = credentials_of(access);
        auto target = target_of(access.account);
        auto options = options_;
        options.compression = side == Side::source ? &source_compression_ : &destination_compression_;
        auto opening = copy::open_imap_endpoint(context_, connector_, std::move(target),
                                                std::move(credentials), side, options);
        auto endpoint = co_await std::move(opening);
        co_return endpoint;
    }

 private:
    Context context_;
    net::Connector& connector_;
    Access source_;
    Access destination_;
    copy::ImapOptions options_;
    copy::CompressionTrial source_compression_;
    copy::CompressionTrial destination_compression_;
};

class ImapPassRunner final : public PassRunner {
 public:
    ImapPassRunner(net::Connector& connector, store::Writer& writer)
        : connector_(connector), writer_(writer) {}

    std::unique_ptr<copy::Connections> connections(Context context, Access source, Access destination,
                                                   config::Config const& config) override {
        copy::ImapOptions const options{session_timeouts(config.timeouts), config.limits.compress_below};
        return std::make_unique<ImapConnections>(context, connector_, std::move(source),
                                                 std::move(destination), options);
    }

    std::unique_ptr<copy::Journal> journal(store::PairId pair) override {
        return store::make_ledger(writer_, pair);
    }

    Task<copy::PassResult> run(Context context, copy::Connections& connections, copy::Journal& journal,
                               copy::PassOptions options, copy::Observer& observer) override {
        return copy::run_pass(context, connections, journal, std::move(options), observer);
    }

    Task<copy::PlanSummary> plan(Context context, copy::Connections& connections, copy::Journal& journal,
                                 copy::PassOptions options) override {
        return copy::plan_pass(context, connections, journal, std::move(options));
    }

    Task<copy::VerifyResult> verify(Context context, copy::Connections& connections, copy::Journal& journal,
                                    copy::VerifyOptions options) override {
        return copy::verify_pass(context, connections, journal, std::move(options));
    }

    Task<Probe> probe(Context context, Access access, Side side, config::Config::Timeouts timeouts) override {
        auto credentials = credentials_of(access);
        auto target = target_of(access.account);
        auto opening = imap::Session::open(context, connector_, std::move(target), std::move(credentials),
                                           side, session_timeouts(timeouts));
        auto session = co_await std::move(opening);
        Probe probe;
        probe.greeting = session->greeting();
        probe.capabilities.assign(session->capabilities().begin(), session->capabilities().end());
        imap::Handlers handlers;
        handlers.untagged = [&probe](imap::response::Response const& response) {
            if (std::holds_alternative<imap::response::List>(response)) ++probe.folders;
        };
        imap::command::Command list = imap::command::List{};
        auto listing = session->run(std::move(list), std::move(handlers));
        auto const reply = co_await std::move(listing);
        if (!reply.ok()) throw Failure(imap::refusal(reply, "list the folders", side));
        session->leave();
        co_return probe;
    }

 private:
    net::Connector& connector_;
    store::Writer& writer_;
};

}  // namespace

std::unique_ptr<PassRunner> make_pass_runner(net::Connector& connector, store::Writer& writer) {
    return std::make_unique<ImapPassRunner>(connector, writer);
}

copy::PassOptions pass_options(FolderOptions const& folders, config::Config const& config) {
    // A quarter of each job's share: each lane's two connections have buffers of up to 0.7 MiB beside it, and
    // with COMPRESS of twice that.
    constexpr std::size_t buffer_bytes_min = 64 * 1024;
    constexpr std::size_t buffer_bytes_max = 1024 * 1024;
    auto const share = config.limits.memory_bytes / std::max<std::uint64_t>(config.limits.max_jobs, 1) / 4;
    copy::PassOptions options;
    options.folders = folders;
    options.labels = config.labels;
    options.buffer_bytes = std::clamp<std::size_t>(share, buffer_bytes_min, buffer_bytes_max);
    options.message_bytes_max = config.limits.message_bytes;
    return options;
}

}  // namespace imapcopy::jobs
