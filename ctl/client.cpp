#include "ctl/client.hpp"

#include <poll.h>
#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <utility>

#include "Job_proxy.hpp"
#include "Manager_proxy.hpp"
#include "common/bus_value.hpp"
#include "ctl/client_values.hpp"

namespace imapcopy::ctl {
namespace {

constexpr std::chrono::seconds call_timeout{25};
constexpr std::chrono::seconds conversation_timeout{130};
/// In one answer: the daemon does nothing else for the 40 ms that it takes.
constexpr std::uint32_t jobs_per_page = 250;
static_assert(jobs_per_page <= jobs_shown_max);
/// The daemon ends a verification after a day.
constexpr std::chrono::hours verification_timeout{25};
constexpr char const* driver_name = "org.freedesktop.DBus";

// The generated proxies with what they leave to us: owning the connection's side, and being unregistered.

class ManagerProxy final : public sdbus::ProxyInterfaces<org::imapcopyd1::Manager_proxy> {
 public:
    explicit ManagerProxy(sdbus::IConnection& bus) : ProxyInterfaces(bus, bus_name, manager_path) {}
    BusDict all_properties() {
        BusDict properties;
        getProxy()
            .callMethod("GetAll")
            .onInterface("org.freedesktop.DBus.Properties")
            .withArguments(std::string(manager_interface))
            .storeResultsTo(properties);
        return properties;
    }
    void begin_test(BusDict const& account, sdbus::UnixFd const& secret, BusDict const& options,
                    std::function<void(sdbus::Error const*, BusDict const&)> const& on_answer) {
        getProxy()
            .callMethodAsync("Test")
            .onInterface(manager_interface)
            .withTimeout(conversation_timeout)
            .withArguments(account, secret, options)
            .uponReplyInvoke(on_answer);
    }

 private:
    void onJobEnded(std::uint32_t const&, sdbus::ObjectPath const&, std::string const&,
                    std::string const&) override {}
};

/// Of a call that is under way: nothing, or one of both.
struct TestAnswer {
    std::optional<BusDict> found;
    std::optional<Error> error;
};

class JobProxy final : public sdbus::ProxyInterfaces<org::imapcopyd1::Job_proxy> {
 public:
    JobProxy(sdbus::IConnection& bus, JobId id) : ProxyInterfaces(bus, bus_name, job_path(id)) {}
    BusDict all_properties() {
        BusDict properties;
        getProxy()
            .callMethod("GetAll")
            .onInterface("org.freedesktop.DBus.Properties")
            .withArguments(std::string(job_interface))
            .storeResultsTo(properties);
        return properties;
    }
};

std::unique_ptr<sdbus::IConnection> connect(std::string const& address) {
    try {
        if (address == "system") return sdbus::createSystemBusConnection();
        return sdbus::createSessionBusConnectionWithAddress(address);
    } catch (sdbus::Error const& error) {
        throw Failure(ErrorCode::connection_refused,
                      "connect to the bus \"" + address + "\": " + error.getMessage());
    }
}

/// Calls wait longer while it lives.
class Patience {
 public:
    Patience(sdbus::IConnection& bus, std::chrono::seconds timeout) : bus_(bus) {
        bus_.setMethodCallTimeout(timeout);
    }
    ~Patience() { bus_.setMethodCallTimeout(call_timeout); }
    Patience(Patience const&) = delete;
    Patience& operator=(Patience const&) = delete;

 private:
    sdbus::IConnection& bus_;
};

BusDict secret_options(Secret const& source, Secret const& destination) {
    BusDict options;
    if (!source.empty()) options.emplace("source_secret", seal(source));
    if (!destination.empty()) options.emplace("destination_secret", seal(destination));
    return options;
}

}  // namespace

class Client::Impl {
 public:
    explicit Impl(std::string const& address)
        : bus_(connect(address)), driver_(sdbus::createProxy(*bus_, driver_name, "/org/freedesktop/DBus")) {
        bus_->setMethodCallTimeout(call_timeout);
    }

    bool daemon_running();
    bool start();

    /// Runs `function` with the manager's proxy, and turns errors of the bus into ours.
    template <class Function>
    auto manager(Function const& function, std::optional<Side> side = {}) {
        auto const call = [&] {
            if (!manager_) manager_.emplace(*bus_);
            return function(*manager_);
        };
        return guarded(side, call);
    }

    template <class Function>
    auto job(JobId id, Function const& function, std::optional<Side> side = {}) {
        auto const call = [&] {
            JobProxy proxy(*bus_, id);
            return function(proxy);
        };
        return guarded(side, call);
    }

    /// Calls that talk to servers take longer than others.
    template <class Function>
    auto conversation(Function const& function) {
        Patience const patience(*bus_, conversation_timeout);
        return manager(function);
    }

    template <class Function>
    auto verification(JobId id, Function const& function) {
        Patience const patience(*bus_, verification_timeout);
        return job(id, function);
    }

    void begin_test(AccountSpec const& account, Side side, Secret const& secret);
    TestView finish_test(Side side);
    JobView remember(JobView job);
    void follow();
    std::vector<Event> wait_for_change(std::chrono::milliseconds timeout);

 private:
    template <class Function>
    auto guarded(std::optional<Side> side, Function const& function) {
        if (!daemon_running()) throw Failure(ErrorCode::connection_lost, "imapcopyd is not running");
        try {
            return function();
        } catch (sdbus::Error const& bus_error) {
            auto error = to_error(bus_error);
            if (!error.side) error.side = side;
            throw Failure(std::move(error));
        }
    }

    void match(std::string const& rule, void (Impl::*handler)(sdbus::Message&));
    void on_properties(sdbus::Message& message);
    void on_added(sdbus::Message& message);
    void on_removed(sdbus::Message& message);
    void on_ended(sdbus::Message& message);
    void on_owner(sdbus::Message& message);
    void note(Event::Kind kind, JobId id);
    void dispatch();
    void wait(std::chrono::milliseconds timeout);
    void complete(std::vector<Event>& events);

    std::unique_ptr<sdbus::IConnection> bus_;
    std::unique_ptr<sdbus::IProxy> driver_;
    std::optional<ManagerProxy> manager_;
    std::vector<sdbus::Slot> matches_;
    std::map<JobId, JobView> known_;
    std::vector<Event> events_;
    std::map<Side, TestAnswer> tests_;
};

void Client::Impl::begin_test(AccountSpec const& account, Side side, Secret const& secret) {
    auto& answer = tests_[side] = {};
    auto const on_answer = [&answer](sdbus::Error const* error, BusDict const& found) {
        if (error != nullptr) answer.error = to_error(*error);
        if (error == nullptr) answer.found = found;
    };
    auto const call = [&](ManagerProxy& manager) {
        BusDict const options{{"side", std::string(to_string(side))}};
        manager.begin_test(to_bus(to_dict(account)), seal(secret), options, on_answer);
    };
    manager(call, side);
}

TestView Client::Impl::finish_test(Side side) {
    auto& answer = tests_.at(side);
    for (dispatch(); !answer.found && !answer.error; dispatch()) wait(conversation_timeout);
    if (answer.found) return read_test(*answer.found);
    if (!answer.error->side) answer.error->side = side;
    throw Failure(*answer.error);
}

bool Client::Impl::daemon_running() {
    try {
        bool owned = false;
        driver_->callMethod("NameHasOwner")
            .onInterface(driver_name)
            .withArguments(std::string(bus_name))
            .storeResultsTo(owned);
        return owned;
    } catch (sdbus::Error const&) {
        return false;
    }
}

bool Client::Impl::start() {
    if (daemon_running()) return true;
    try {
        std::uint32_t outcome = 0;
        driver_->callMethod("StartServiceByName")
            .onInterface(driver_name)
            .withArguments(std::string(bus_name), std::uint32_t{0})
            .storeResultsTo(outcome);
        return true;
    } catch (sdbus::Error const&) {
        return false;
    }
}

JobView Client::Impl::remember(JobView job) {
    if (!matches_.empty()) known_.insert_or_assign(job.id, job);
    return job;
}

void Client::Impl::follow() {
    if (!matches_.empty()) return;
    auto const ours =
        std::string("type='signal',sender='") + bus_name + "',path_namespace='" + manager_path + "',";
    match(ours + "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged'",
          &Impl::on_properties);
    match(ours + "interface='org.freedesktop.DBus.ObjectManager',member='InterfacesAdded'", &Impl::on_added);
    match(ours + "interface='org.freedesktop.DBus.ObjectManager',member='InterfacesRemoved'",
          &Impl::on_removed);
    match(ours + "interface='" + manager_interface + "',member='JobEnded'", &Impl::on_ended);
    match(std::string("type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                      "member='NameOwnerChanged',arg0='") +
              bus_name + "'",
          &Impl::on_owner);
}

void Client::Impl::match(std::string const& rule, void (Impl::*handler)(sdbus::Message&)) {
    auto const on_message = [this, handler](sdbus::Message& message) {
        try {
            (this->*handler)(message);
        } catch (std::exception const&) {
            // A signal that is not what the XML says; nothing may be thrown through the bus library.
        }
    };
    try {
        matches_.push_back(bus_->addMatch(rule, on_message));
    } catch (sdbus::Error const& error) {
        throw Failure(to_error(error));
    }
}

void Client::Impl::note(Event::Kind kind, JobId id) {
    // Many changes of one job in a row are one.
    if (kind == Event::Kind::job_changed && !events_.empty() && events_.back().kind == kind &&
        events_.back().id == id) {
        return;
    }
    events_.push_back({kind, id, std::nullopt, {}});
}

void Client::Impl::on_properties(sdbus::Message& message) {
    std::string interface;
    BusDict changed;
    message >> interface >> changed;
    auto const id = parse_job_path(message.getPath());
    if (!id) {
        events_.push_back({Event::Kind::status_changed, JobId{}, std::nullopt, read_status_change(changed)});
        return;
    }
    auto const known = known_.find(*id);
    if (known != known_.end()) apply_properties(known->second, changed);
    note(Event::Kind::job_changed, *id);
}

void Client::Impl::on_added(sdbus::Message& message) {
    sdbus::ObjectPath path;
    std::map<std::string, BusDict> interfaces;
    message >> path >> interfaces;
    auto const id = parse_job_path(path);
    if (!id) return;
    JobView job;
    apply_properties(job, interfaces[job_interface]);
    known_.insert_or_assign(*id, job);
    // Told here and not asked for later: the job may be gone by the time the event is read.
    events_.push_back({Event::Kind::job_added, *id, std::move(job), {}});
}

void Client::Impl::on_removed(sdbus::Message& message) {
    sdbus::ObjectPath path;
    message >> path;
    auto const id = parse_job_path(path);
    if (!id) return;
    known_.erase(*id);
    note(Event::Kind::job_removed, *id);
}

void Client::Impl::on_ended(sdbus::Message& message) {
    std::uint32_t id = 0;
    message >> id;
    // The last PropertiesChanged may still be on its way: ask.
    known_.erase(JobId{id});
    note(Event::Kind::job_ended, JobId{id});
}

void Client::Impl::on_owner(sdbus::Message& message) {
    std::string name;
    std::string before;
    std::string now;
    message >> name >> before >> now;
    known_.clear();
    note(now.empty() ? Event::Kind::daemon_gone : Event::Kind::daemon_back, JobId{});
}

void Client::Impl::dispatch() {
    try {
        while (bus_->processPendingRequest()) {
        }
    } catch (sdbus::Error const& error) {
        throw Failure(ErrorCode::connection_lost, "the bus went away: " + error.getMessage());
    }
}

void Client::Impl::wait(std::chrono::milliseconds timeout) {
    auto const data = bus_->getEventLoopPollData();
    pollfd descriptor{data.fd, data.events, 0};
    // A signal of the operating system ends the wait, and the caller looks after it.
    (void)::poll(&descriptor, 1, static_cast<int>(timeout.count()));
}

std::vector<Event> Client::Impl::wait_for_change(std::chrono::milliseconds timeout) {
    dispatch();
    if (events_.empty()) {
        wait(timeout);
        dispatch();
    }
    auto events = std::exchange(events_, {});
    complete(events);
    return events;
}

/// Puts the whole job beside each event that needs one. Changes of a job that is gone meanwhile are left out:
/// the event of its removal follows.
void Client::Impl::complete(std::vector<Event>& events) {
    for (auto& event : events) {
        if (event.job || event.id.value() == 0 || event.kind == Event::Kind::job_removed) continue;
        auto const known = known_.find(event.id);
        if (known != known_.end()) {
            event.job = known->second;
            continue;
        }
        try {
            auto const properties = job(event.id, [](JobProxy& proxy) { return proxy.all_properties(); });
            JobView view;
            apply_properties(view, properties);
            event.job = remember(std::move(view));
        } catch (Failure const& failure) {
            auto const code = failure.error().code;
            if (code != ErrorCode::no_such_job && code != ErrorCode::connection_lost) throw;
        }
    }
    std::erase_if(events, [](Event const& event) {
        return !event.job && (event.kind == Event::Kind::job_added ||
                              event.kind == Event::Kind::job_changed || event.kind == Event::Kind::job_ended);
    });
}

Client::Client(std::string const& address) : impl_(std::make_unique<Impl>(address)) {}
Client::~Client() = default;

bool Client::daemon_running() {
    return impl_->daemon_running();
}
bool Client::start() {
    return impl_->start();
}

void Client::begin_test(AccountSpec const& account, Side side, Secret const& secret) {
    impl_->begin_test(account, side, secret);
}

TestView Client::finish_test(Side side) {
    return impl_->finish_test(side);
}

JobId Client::submit(JobSpec const& spec, Secret const& source, Secret const& destination) {
    auto const call = [&](ManagerProxy& manager) {
        auto const answer =
            manager.Submit(to_bus(to_dict(spec.source)), seal(source), to_bus(to_dict(spec.destination)),
                           seal(destination), to_bus(options_to_dict(spec)));
        return JobId{std::get<0>(answer)};
    };
    return impl_->manager(call);
}

PlanView Client::plan(JobSpec const& spec, Secret const& source, Secret const& destination) {
    auto const call = [&](ManagerProxy& manager) {
        return read_plan(manager.Plan(to_bus(to_dict(spec.source)), seal(source),
                                      to_bus(to_dict(spec.destination)), seal(destination),
                                      to_bus(options_to_dict(spec))));
    };
    return impl_->conversation(call);
}

std::vector<JobView> Client::jobs() {
    std::vector<JobView> jobs;
    std::size_t got = 0;
    do {
        auto const after = jobs.empty() ? JobId{} : jobs.back().id;
        auto const page = impl_->manager(
            [&](ManagerProxy& manager) { return manager.ListJobs(after.value(), jobs_per_page); });
        for (auto const& row : page) {
            JobView job;
            apply_properties(job, row.get<1>());
            jobs.push_back(impl_->remember(std::move(job)));
        }
        got = page.size();
    } while (got == jobs_per_page);
    return jobs;
}

std::optional<JobView> Client::job(JobId id) {
    try {
        auto const properties = impl_->job(id, [](JobProxy& proxy) { return proxy.all_properties(); });
        JobView job;
        apply_properties(job, properties);
        return impl_->remember(std::move(job));
    } catch (Failure const& failure) {
        if (failure.error().code != ErrorCode::no_such_job) throw;
        return std::nullopt;
    }
}

std::vector<JobId> Client::find(std::string_view source_address) {
    auto const call = [&](ManagerProxy& manager) {
        return manager.FindJobs(std::string(source_address), {});
    };
    std::vector<JobId> ids;
    for (auto const& path : impl_->manager(call)) {
        if (auto const id = parse_job_path(path)) ids.push_back(*id);
    }
    return ids;
}

void Client::hold(JobId id) {
    impl_->job(id, [](JobProxy& job) { job.Hold(); });
}

void Client::release(JobId id) {
    impl_->job(id, [](JobProxy& job) { job.Release(); });
}

void Client::cancel(JobId id) {
    impl_->job(id, [](JobProxy& job) { job.Cancel(); });
}

void Client::retry(JobId id, Secret const& source, Secret const& destination) {
    impl_->job(id, [&](JobProxy& job) { job.Retry(secret_options(source, destination)); });
}

void Client::resync(JobId id, Secret const& source, Secret const& destination) {
    impl_->job(id, [&](JobProxy& job) { job.Resync(secret_options(source, destination)); });
}

VerificationView Client::verify(JobId id, VerifyLevel level, Secret const& source,
                                Secret const& destination) {
    auto const call = [&](JobProxy& job) {
        auto options = secret_options(source, destination);
        options.emplace("level", std::string(to_string(level)));
        return read_verification(job.Verify(options));
    };
    return impl_->verification(id, call);
}

void Client::set_secret(JobId id, Side side, Secret const& secret) {
    auto const call = [&](JobProxy& job) { job.SetSecret(std::string(to_string(side)), seal(secret)); };
    impl_->job(id, call, side);
}

void Client::forget(JobId id, Ledger ledger) {
    BusDict const options{{"ledger", ledger == Ledger::forget}};
    impl_->job(id, [&](JobProxy& job) { job.Forget(options); });
}

std::vector<ItemView> Client::items(JobId id, std::string_view kind, std::uint32_t offset,
                                    std::uint32_t count) {
    auto const rows =
        impl_->job(id, [&](JobProxy& job) { return job.GetItems(std::string(kind), offset, count); });
    std::vector<ItemView> items;
    for (auto const& row : rows) {
        items.push_back({row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>(), row.get<4>(), row.get<5>()});
    }
    return items;
}

std::string Client::report(JobId id, std::string_view format, std::string_view language) {
    auto const memfd = make_memfd();
    impl_->job(id, [&](JobProxy& job) { job.GetReport(std::string(format), std::string(language), memfd); });
    return read_all(memfd);
}

void Client::hold_all() {
    impl_->manager([](ManagerProxy& manager) { manager.Hold(); });
}

void Client::release_all() {
    impl_->manager([](ManagerProxy& manager) { manager.Release(); });
}

void Client::reload() {
    impl_->manager([](ManagerProxy& manager) { manager.Reload(); });
}

StatusView Client::status() {
    auto const properties = impl_->manager([](ManagerProxy& manager) { return manager.all_properties(); });
    auto const read = read_status_change(properties);
    StatusView status;
    status.version = properties.at("Version").get<std::string>();
    status.state = read.state.value_or("");
    status.jobs_by_state = read.jobs_by_state.value_or(std::map<JobState, std::uint32_t>());
    status.workers_busy = read.workers_busy.value_or(0);
    status.bytes_per_second = read.bytes_per_second.value_or(0);
    return status;
}

std::vector<Dict> Client::list_providers(std::string_view side, std::string_view language) {
    auto const call = [&](ManagerProxy& manager) {
        return manager.ListProviders(std::string(side), std::string(language));
    };
    std::vector<Dict> providers;
    for (auto const& provider : impl_->manager(call)) providers.push_back(read_dict(provider));
    return providers;
}

Dict Client::detect_provider(std::string_view address) {
    auto const call = [&](ManagerProxy& manager) {
        return read_dict(manager.DetectProvider(std::string(address)));
    };
    return impl_->manager(call);
}

void Client::follow() {
    impl_->follow();
}
std::vector<Event> Client::wait_for_change(std::chrono::milliseconds timeout) {
    return impl_->wait_for_change(timeout);
}

}  // namespace imapcopy::ctl
