#include "tests/daemon/jobs/job_daemon.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <utility>

#include "daemon/jobs/empty_journal.hpp"

namespace imapcopy::test {
namespace {

/// Refuses what the runner refuses to this login.
class ScriptedConnections final : public copy::Connections {
 public:
    ScriptedConnections(ScriptedPassRunner& runner, std::string login)
        : runner_(runner), login_(std::move(login)), inner_(runner.source, runner.destination) {}
    Task<std::unique_ptr<copy::Endpoint>> connect(Side side) override {
        auto const code = runner_.refuse ? runner_.refuse(login_, side) : std::nullopt;
        if (code) {
            Error error{*code, "connect"};
            error.side = side;
            throw Failure(std::move(error));
        }
        auto connecting = inner_.connect(side);
        auto endpoint = co_await std::move(connecting);
        co_return endpoint;
    }

 private:
    ScriptedPassRunner& runner_;
    std::string login_;
    MemoryConnections inner_;
};

class Counted {
 public:
    explicit Counted(ScriptedPassRunner& runner) : running_(runner.running) {
        runner.running_max = std::max(runner.running_max, ++*running_);
    }
    ~Counted() { --*running_; }
    Counted(Counted const&) = delete;
    Counted& operator=(Counted const&) = delete;

 private:
    std::shared_ptr<std::uint32_t> running_;
};

Secret test_key() {
    return Secret(std::string(32, 'k'));
}

jobs::Settings settings_of(config::Config config) {
    return {std::move(config), {}};
}

}  // namespace

Task<copy::PassResult> copy_one_message(copy::Observer& observer) {
    observer.phase(Phase::planning);
    observer.phase(Phase::copying);
    Progress progress;
    progress.messages_total = progress.messages_done = 1;
    progress.bytes_total = progress.bytes_done = 100;
    observer.progress(progress);
    copy::PassResult result;
    copy::FolderResult folder;
    folder.source = folder.destination = "INBOX";
    folder.messages = folder.copied = 1;
    result.folders.push_back(folder);
    result.messages_copied = 1;
    result.changed = true;
    co_return result;
}

Task<copy::PassResult> fail_with(ErrorCode code, Side side) {
    Error error{code, "test"};
    error.side = side;
    throw Failure(std::move(error));
    co_return copy::PassResult{};
}

Task<copy::PassResult> work_for(Context context, copy::Observer& observer, std::chrono::seconds seconds) {
    observer.phase(Phase::planning);
    copy::PassResult result;
    for (auto left = seconds; left.count() > 0; --left) {
        co_await context.clock.sleep_for(std::chrono::seconds(1));
        result.stopped = context.stop.requested();
        if (result.stopped) break;
    }
    co_return result;
}

Task<copy::VerifyResult> verify_until_stopped(Context context) {
    for (int left = 24 * 3600; left > 0 && !context.stop.requested(); --left)
        co_await context.clock.sleep_for(std::chrono::seconds(1));
    throw Failure(ErrorCode::cancelled, "the verification was stopped");
    co_return copy::VerifyResult{};
}

Task<copy::PassResult> hang(Context context) {
    co_await context.clock.sleep_for(std::chrono::hours(24));
    co_return copy::PassResult{};
}

std::unique_ptr<copy::Connections> ScriptedPassRunner::connections(Context context,
                                                                   jobs::Access source_access, jobs::Access,
                                                                   config::Config const&) {
    auto const& login = source_access.account.login;
    last_password[login] = std::string(source_access.secret.reveal());
    logins_[&context.stop] = login;
    return std::make_unique<ScriptedConnections>(*this, login);
}

std::unique_ptr<copy::Journal> ScriptedPassRunner::journal(store::PairId) {
    return jobs::make_empty_journal();
}

Task<copy::PassResult> ScriptedPassRunner::run(Context context, copy::Connections& connections,
                                               copy::Journal&, copy::PassOptions options,
                                               copy::Observer& observer) {
    Counted const counted(*this);
    last_options = std::move(options);
    auto const login = logins_.at(&context.stop);
    ++attempts[login];
    if (engine) {
        auto copying = engine(context, connections, observer);
        auto result = co_await std::move(copying);
        co_return result;
    }
    for (auto const side : {Side::source, Side::destination}) {
        auto connecting = connections.connect(side);
        (void)co_await std::move(connecting);
    }
    auto pass = script ? script(login, context, observer) : copy_one_message(observer);
    auto result = co_await std::move(pass);
    co_return result;
}

Task<copy::PlanSummary> ScriptedPassRunner::plan(Context, copy::Connections&, copy::Journal&,
                                                 copy::PassOptions) {
    copy::PlanSummary summary;
    summary.folders.push_back({"INBOX", "INBOX", false, 3, 2, 100});
    co_return summary;
}

Task<copy::VerifyResult> ScriptedPassRunner::verify(Context context, copy::Connections&, copy::Journal&,
                                                    copy::VerifyOptions options) {
    if (on_verify) return on_verify(context, std::move(options));
    auto const answer = []() -> Task<copy::VerifyResult> { co_return copy::VerifyResult{1, 3, {}, {}}; };
    return answer();
}

Task<jobs::Probe> ScriptedPassRunner::probe(Context context, jobs::Access, Side, config::Config::Timeouts) {
    if (on_probe) return on_probe(context);
    auto const answer = []() -> Task<jobs::Probe> { co_return jobs::Probe{"ready", {"IMAP4REV1"}, 3}; };
    return answer();
}

JobDaemon::JobDaemon(std::string const& folder, config::Config config, store::OpenOptions const& options)
    : vault_(test_key(), random),
      writer_(folder + "/jobs.db", io.get_executor(), options),
      store_(writer_, vault_),
      reports_(writer_) {
    service_ = std::make_unique<jobs::LocalService>(
        io.get_executor(), Context{clock, random, log, stop}, jobs::AttemptParts{store_, reports_, runner},
        settings_of(std::move(config)),
        jobs::Reloader{[this] { return reloaded; }, [this](config::Config const&) { ++applied; }});
    service_->set_listener(&listener);
    call(service_->load());
    service_->start();
}

JobDaemon::~JobDaemon() {
    service_->set_listener(nullptr);
}

void JobDaemon::call(Task<> task) {
    std::exception_ptr error;
    bool ended = false;
    auto on_end = [&](std::exception_ptr thrown) {
        error = std::move(thrown);
        ended = true;
    };
    boost::asio::co_spawn(io, std::move(task), std::move(on_end));
    run_until([&] { return ended; });
    if (error) std::rethrow_exception(error);
}

std::optional<Error> JobDaemon::error_of(Task<> task) {
    try {
        call(std::move(task));
    } catch (Failure const& failure) {
        return failure.error();
    }
    return std::nullopt;
}

void JobDaemon::run_until(std::function<bool()> const& condition) {
    // The database works on a thread of its own: a turn of the loop may find nothing ready yet.
    constexpr int turns_max = 20'000;
    for (int turn = 0; turn < turns_max; ++turn) {
        clock.poll();
        if (condition()) return;
        io.restart();
        io.run_one_for(std::chrono::milliseconds(1));
    }
    throw std::runtime_error("the awaited never happened");
}

void JobDaemon::settle() {
    // Each round trip takes along what was queued before it; an attempt needs a few of them.
    for (int i = 0; i < 8; ++i) (void)call(store_.load_all());
}

void JobDaemon::pass_time(std::chrono::seconds seconds) {
    settle();
    for (auto left = seconds; left.count() > 0; --left) {
        clock.advance(std::chrono::seconds(1));
        settle();
    }
}

JobId JobDaemon::submit(std::string const& login, JobSpec spec) {
    spec.source.host = "old.example";
    spec.source.port = 993;
    spec.source.login = login;
    spec.destination.host = "new.example";
    spec.destination.port = 993;
    spec.destination.login = login;
    return call(service_->submit({1000}, std::move(spec), Secret("old password"), Secret("new password")));
}

JobView JobDaemon::view(JobId id) {
    return service_->job(id).value();
}
Phase JobDaemon::phase(JobId id) {
    return view(id).phase;
}

}  // namespace imapcopy::test
