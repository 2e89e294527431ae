// imapcopyd: reads the configuration, builds the parts bottom up, runs them, and says how it ended.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "common/context.hpp"
#include "common/event.hpp"
#include "common/result.hpp"
#include "daemon/bus/bus.hpp"
#include "daemon/config/config.hpp"
#include "daemon/config/providers.hpp"
#include "daemon/jobs/degraded_service.hpp"
#include "daemon/jobs/local_service.hpp"
#include "daemon/jobs/pass_runner.hpp"
#include "daemon/net/tcp_connector.hpp"
#include "daemon/notifier.hpp"
#include "daemon/options.hpp"
#include "daemon/store/job_store.hpp"
#include "daemon/store/reports.hpp"
#include "daemon/store/vault.hpp"
#include "daemon/store/writer.hpp"

namespace imapcopy {
namespace {

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
/// The database could not be used, or failed meanwhile.
constexpr int exit_store = 3;

net::NetPolicy policy_of(config::Config const& config) {
    return {config.security.cleartext_hosts, config.security.ca_file, config.security.deny_networks,
            config.security.allow_networks};
}

/// The configuration as far as it can be judged without the presets. Throws Failure(invalid_argument).
config::Config load_config(std::string const& file) {
    auto config = config::load(file).value();
    net::validate(policy_of(config)).value();
    return config;
}

jobs::Settings load_settings(std::string const& file) {
    auto config = load_config(file);
    auto providers = config::Providers::load(config.providers_dir).value();
    return {std::move(config), std::move(providers)};
}

std::string status_line(jobs::ServiceStatus const& status) {
    auto const waiting = status.jobs_by_state.find(JobState::not_started);
    auto const count = waiting == status.jobs_by_state.end() ? 0 : waiting->second;
    return status.state + ": " + std::to_string(status.workers_busy) + " jobs running, " +
           std::to_string(count) + " not started";
}

/// Time, randomness, log and the loop: what everything else stands on.
struct Ground {
    explicit Ground(LogLevel level) : log(level) {}

    boost::asio::io_context io{1};
    /// Runs until it is stopped, also while there is nothing to do.
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
    RealClock clock{io.get_executor()};
    SystemRandom random;
    ProcessLog log;
    StopSignal stop;
    Context context{clock, random, log, stop};
};

/// Without a key, sealed passwords stay where they are and cannot be opened. Throws Failure where the
/// configuration names a key that cannot be used.
Secret load_key(config::Config const& config, Log& log) {
    try {
        if (auto key = store::load_key(config.secrets.key_file)) return std::move(*key);
        log.write(LogLevel::warning,
                  "no key for passwords: stored ones are locked, and none can be stored; see imapcopyd(8)");
    } catch (Failure const& failure) {
        if (!config.secrets.key_file.empty()) throw;
        log.write(LogLevel::error, "stored passwords are locked", {{"error", failure.what()}});
    }
    return {};
}

/// The parts of a daemon that works, bottom up. Throws Failure where one cannot be built.
struct Works {
    Works(Ground& ground, Options const& options, jobs::Settings settings)
        : vault(load_key(settings.config, ground.log), ground.random),
          writer(options.state_dir + "/imapcopyd.sqlite", ground.io.get_executor()),
          job_store(writer, vault),
          reports(writer),
          connector(ground.io.get_executor(), ground.clock, policy_of(settings.config)),
          runner(jobs::make_pass_runner(connector, writer)),
          service(ground.io.get_executor(), ground.context, {job_store, reports, *runner},
                  std::move(settings), reloader(ground, options)) {}

    jobs::Reloader reloader(Ground& ground, Options const& options) {
        auto const load = [file = options.config_file] { return load_config(file); };
        auto const applied = [this, &log = ground.log](config::Config const& config) {
            connector.set_policy(policy_of(config));
            log.set_level(config.log_level);
        };
        return {load, applied};
    }

    store::Vault vault;
    store::Writer writer;
    store::JobStore job_store;
    store::Reports reports;
    net::TcpConnector connector;
    std::unique_ptr<jobs::PassRunner> runner;
    jobs::LocalService service;
};

class Daemon {
 public:
    Daemon(Options const& options, jobs::Settings settings)
        : ground_(settings.config.log_level), signals_(ground_.io), notifier_(ground_.clock) {
        // What comes while the jobs are read is answered afterwards.
        for (auto const number : {SIGTERM, SIGINT, SIGHUP}) signals_.add(number);
        build(options, std::move(settings));
        auto const on_lost = [this](Error const& error) { end(error); };
        auto const on_status = [this](jobs::ServiceStatus const& status) {
            notifier_.status(status_line(status));
        };
        bus_.emplace(ground_.context, ground_.io.get_executor(), service(), options.bus,
                     bus::BusHooks{on_lost, on_status});
    }

    int run() {
        watch_signals();
        auto const on_end = [this](std::exception_ptr const& exception) {
            failure_ = exception;
            ground_.io.stop();
        };
        boost::asio::co_spawn(ground_.io, serve(), on_end);
        ground_.io.run();
        if (failure_) std::rethrow_exception(failure_);
        if (lost_) return exit_failed;
        return service().status().store_error ? exit_store : EXIT_SUCCESS;
    }

 private:
    /// Before anything else runs on the loop. Throws what `task` throws.
    void run_to_end(Task<> task) {
        std::exception_ptr thrown;
        bool ended = false;
        auto const on_end = [&](std::exception_ptr const& exception) {
            thrown = exception;
            ended = true;
        };
        boost::asio::co_spawn(ground_.io, std::move(task), on_end);
        while (!ended) ground_.io.run_one();
        if (thrown) std::rethrow_exception(thrown);
    }

    /// A database that cannot be used leaves a daemon that says so. A large one shows it when it is first
    /// read.
    void build(Options const& options, jobs::Settings settings) {
        auto const providers = settings.providers;
        try {
            works_ = std::make_unique<Works>(ground_, options, std::move(settings));
            run_to_end(works_->service.load());
        } catch (Failure const& failure) {
            if (failure.error().code != ErrorCode::store_corrupt) throw;
            works_.reset();
            ground_.log.write(LogLevel::error, "degraded: the database cannot be used",
                              {{"error", failure.what()}});
            degraded_ = jobs::make_degraded_service(failure.error(), providers);
        }
    }

    jobs::Service& service() {
        if (works_) return works_->service;
        return *degraded_;
    }

    /// From the first job to the last answer.
    Task<> serve() {
        if (works_) works_->service.start();
        open_bus();
        co_await ended_.wait();
        notifier_.stopping();
        ground_.log.write(LogLevel::info, "stopping");
        // Callers are answered until the last attempt has drained.
        if (works_) co_await works_->service.stop();
        co_await bus_->stop();
        ground_.log.write(LogLevel::info, "stopped");
    }

    /// Where the bus refuses, what runs already still ends in order.
    void open_bus() {
        try {
            bus_->start();
        } catch (Failure const& failure) {
            return end(failure.error());
        }
        notifier_.ready(status_line(service().status()));
        ground_.log.write(LogLevel::info, "imapcopyd " IMAPCOPY_VERSION " is ready");
    }

    void watch_signals() {
        auto const on_signal = [this](boost::system::error_code error, int number) {
            if (error) return;
            if (number == SIGHUP) {
                reload();
            } else {
                stop();
            }
            watch_signals();
        };
        signals_.async_wait(on_signal);
    }

    /// Drains; the second time there is no patience left.
    void stop() {
        if (std::exchange(told_to_stop_, true) && works_) works_->service.stop_at_once();
        ended_.set();
    }

    void reload() {
        notifier_.reloading();
        auto const on_end = [this](std::exception_ptr const& exception) {
            if (exception) report_reload(exception);
            notifier_.ready(status_line(service().status()));
        };
        boost::asio::co_spawn(ground_.io, service_reload(), on_end);
    }

    Task<> service_reload() { co_await service().reload(); }

    void report_reload(std::exception_ptr const& exception) {
        try {
            std::rethrow_exception(exception);
        } catch (std::exception const& error) {
            ground_.log.write(LogLevel::error, "the configuration stays as it was",
                              {{"error", error.what()}});
        }
    }

    void end(Error const& error) {
        lost_ = true;
        ground_.log.write(LogLevel::error, "ending without the bus", {{"error", to_string(error)}});
        ended_.set();
    }

    Ground ground_;
    boost::asio::signal_set signals_;
    Notifier notifier_;
    Event ended_;
    std::unique_ptr<Works> works_;
    std::unique_ptr<jobs::Service> degraded_;
    std::optional<bus::Bus> bus_;
    std::exception_ptr failure_;
    bool lost_ = false;
    bool told_to_stop_ = false;  ///< By a signal.
};

/// Nobody but the owner reads what is written; no core dump, no debugger of the same user; a peer that hangs
/// up is an error of its connection, not a signal.
void harden() {
    ::umask(077);
    // Both are best effort, and both are there on every kernel that Debian ships.
    (void)::prctl(PR_SET_DUMPABLE, 0);
    (void)::signal(SIGPIPE, SIG_IGN);
}

int run(Options const& options) {
    switch (options.action) {
        case Options::Action::show_help: std::fputs(options_help, stdout); return EXIT_SUCCESS;
        case Options::Action::show_version: std::puts("imapcopyd " IMAPCOPY_VERSION); return EXIT_SUCCESS;
        case Options::Action::check_config:
            (void)load_settings(options.config_file);
            std::puts("The configuration is valid.");
            return EXIT_SUCCESS;
        case Options::Action::run: break;
    }
    Daemon daemon(options, load_settings(options.config_file));
    return daemon.run();
}

int exit_status_of(ErrorCode code) {
    if (code == ErrorCode::invalid_argument) return exit_usage;
    return code == ErrorCode::store_full || code == ErrorCode::store_corrupt ? exit_store : exit_failed;
}

int guarded_run(std::span<char const* const> arguments) {
    try {
        auto const* folder = std::getenv("STATE_DIRECTORY");
        return run(parse_options(arguments, folder == nullptr ? "" : folder).value());
    } catch (Failure const& failure) {
        std::fprintf(stderr, "imapcopyd: %s\n", failure.what());
        return exit_status_of(failure.error().code);
    } catch (std::exception const& error) {
        std::fprintf(stderr, "imapcopyd: %s\n", error.what());
        return exit_failed;
    }
}

}  // namespace
}  // namespace imapcopy

int main(int argc, char** argv) {
    imapcopy::harden();
    return imapcopy::guarded_run({argv, static_cast<std::size_t>(argc)});
}
