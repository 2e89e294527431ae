#include "daemon/bus/manager_object.hpp"

#include <array>
#include <tuple>
#include <utility>

#include "common/deadline.hpp"
#include "daemon/bus/arguments.hpp"
#include "daemon/bus/guard.hpp"
#include "daemon/bus/provider_dict.hpp"

namespace imapcopy::bus {
namespace {

/// Test and Plan talk to servers while somebody waits for the answer.
constexpr std::chrono::seconds conversation_max{120};

using SubmitReply = std::tuple<std::uint32_t, sdbus::ObjectPath>;
using JobRow = sdbus::Struct<sdbus::ObjectPath, BusDict>;
using FolderRow = sdbus::Struct<std::string, std::string, bool, std::uint64_t, std::uint64_t, std::uint64_t>;
using ExceptionRow = sdbus::Struct<std::string, std::string, std::string>;

/// The arguments that Submit and Plan share.
struct PairArguments {
    BusDict source;
    sdbus::UnixFd source_secret;
    BusDict destination;
    sdbus::UnixFd destination_secret;
    BusDict options;
};

struct Request {
    JobSpec spec;
    Secret source;
    Secret destination;
};

Request read_request(PairArguments const& arguments) {
    Request request;
    request.spec = job_from_options(read_dict(arguments.options, "options")).value();
    request.spec.source = account_from_dict(read_dict(arguments.source, "source"), "source").value();
    request.spec.destination =
        account_from_dict(read_dict(arguments.destination, "destination"), "destination").value();
    request.source = read_secret(arguments.source_secret);
    request.destination = read_secret(arguments.destination_secret);
    return request;
}

PairArguments pair_arguments(BusDict source, sdbus::UnixFd source_secret, BusDict destination,
                             sdbus::UnixFd destination_secret, BusDict options) {
    close_on_exec(source_secret);
    close_on_exec(destination_secret);
    return {std::move(source), std::move(source_secret), std::move(destination),
            std::move(destination_secret), std::move(options)};
}

Side read_test_options(BusDict const& options) {
    auto side = Side::source;
    for (auto const& [key, value] : read_dict(options, "options")) {
        auto const* text = std::get_if<std::string>(&value);
        if (key != "side" || text == nullptr) {
            throw Failure(ErrorCode::invalid_argument,
                          "unknown option \"" + printable(key, 64) + "\": there is side s");
        }
        side = read_side(*text);
    }
    return side;
}

Task<BusDict> test(Clock& clock, jobs::Service& service, BusDict account, sdbus::UnixFd descriptor,
                   BusDict options) {
    auto const side = read_test_options(options);
    auto spec = account_from_dict(read_dict(account, "account"), "account").value();
    auto secret = read_secret(descriptor);
    refuse_empty(secret, side);
    auto task = service.test(std::move(spec), side, std::move(secret));
    auto const result =
        co_await with_deadline(clock, clock.now() + conversation_max, "test", std::move(task));
    auto answer = to_bus(to_dict(result.account));
    answer["greeting"] = to_bus(Value{result.greeting});
    answer["capabilities"] = to_bus(Value{result.capabilities});
    answer["folders"] = to_bus(Value{result.folders});
    co_return answer;
}

Task<SubmitReply> submit(Authorizer& authorizer, CurrentCall call, jobs::Service& service,
                         PairArguments arguments) {
    auto const caller = co_await authorizer.authorize(std::move(call));
    auto request = read_request(arguments);
    auto const id = co_await service.submit(caller, std::move(request.spec), std::move(request.source),
                                            std::move(request.destination));
    co_return SubmitReply{id.value(), job_path(id)};
}

BusDict to_bus(jobs::PlanResult const& plan) {
    std::uint64_t messages = 0;
    std::uint64_t to_copy = 0;
    std::uint64_t bytes = 0;
    std::vector<FolderRow> folders;
    for (auto const& folder : plan.summary.folders) {
        messages += folder.messages;
        to_copy += folder.to_copy;
        bytes += folder.bytes;
        folders.emplace_back(bus_text(folder.source), bus_text(folder.destination), folder.create,
                             folder.messages, folder.to_copy, folder.bytes);
    }
    std::vector<ExceptionRow> exceptions;
    for (auto const& exception : plan.summary.exceptions) {
        exceptions.emplace_back(bus_text(exception.folder), bus_text(exception.code),
                                bus_text(exception.text));
    }
    BusDict answer;
    answer.emplace("source", imapcopy::to_bus(to_dict(plan.source)));
    answer.emplace("destination", imapcopy::to_bus(to_dict(plan.destination)));
    answer.emplace("messages", messages);
    answer.emplace("to_copy", to_copy);
    answer.emplace("bytes", bytes);
    answer.emplace("folders", folders);
    answer.emplace("exceptions", exceptions);
    return answer;
}

Task<BusDict> plan(Clock& clock, jobs::Service& service, PairArguments arguments) {
    auto request = read_request(arguments);
    refuse_empty(request.source, Side::source);
    refuse_empty(request.destination, Side::destination);
    auto task =
        service.plan(std::move(request.spec), std::move(request.source), std::move(request.destination));
    auto const result =
        co_await with_deadline(clock, clock.now() + conversation_max, "plan", std::move(task));
    co_return to_bus(result);
}

/// Calls the service only when awaited, that is, after the caller was authorised.
Task<> run(jobs::Service& service, Task<> (jobs::Service::*verb)()) {
    co_await (service.*verb)();
}

Task<std::vector<sdbus::ObjectPath>> find_jobs(jobs::Service& service, std::string source_address,
                                               BusDict options) {
    if (!options.empty()) throw Failure(ErrorCode::invalid_argument, "FindJobs has no options");
    auto const address = read_text(std::move(source_address), "source address");
    std::vector<sdbus::ObjectPath> paths;
    for (auto const id : service.find(address)) paths.emplace_back(job_path(id));
    co_return paths;
}

Task<std::vector<JobRow>> list_jobs(JobObjects const& jobs, std::uint32_t after, std::uint32_t count) {
    if (count > jobs_shown_max)
        throw Failure(ErrorCode::invalid_argument,
                      "at most " + std::to_string(jobs_shown_max) + " jobs can be asked for at once");
    std::vector<JobRow> rows;
    for (auto job = jobs.upper_bound(JobId{after}); job != jobs.end() && rows.size() < count; ++job)
        rows.emplace_back(job_path(job->first), job->second->all_properties());
    co_return rows;
}

Task<std::vector<BusDict>> list_providers(jobs::Service& service, std::string side, std::string language) {
    std::optional<Side> wanted;
    if (!side.empty()) wanted = read_side(side);
    auto const checked_language = read_text(std::move(language), "language");
    std::vector<BusDict> list;
    for (auto const& provider : service.providers().all()) {
        if (serves(provider, wanted)) list.push_back(imapcopy::to_bus(to_dict(provider, checked_language)));
    }
    co_return list;
}

Task<BusDict> detect_provider(jobs::Service& service, std::string address) {
    auto const checked = read_text(std::move(address), "address");
    auto const* provider = service.providers().detect(checked);
    if (provider == nullptr) {
        throw Failure(ErrorCode::unknown_provider,
                      "no provider is known for \"" + printable(checked, 128) + "\"");
    }
    co_return imapcopy::to_bus(to_dict(*provider, "en"));
}

}  // namespace

ManagerObject::ManagerObject(sdbus::IConnection& bus, Calls& calls, jobs::Service& service,
                             JobObjects const& jobs)
    : ManagerAdaptors(bus, manager_path),
      calls_(calls),
      service_(service),
      jobs_(jobs),
      published_(service.status()) {
    registerAdaptor();
}

ManagerObject::~ManagerObject() {
    unregisterAdaptor();
}

void ManagerObject::publish() {
    auto const now = service_.status();
    std::vector<std::string> names;
    if (now.state != published_.state) names.emplace_back("State");
    if (now.jobs_by_state != published_.jobs_by_state) names.emplace_back("JobsByState");
    if (now.workers_busy != published_.workers_busy) names.emplace_back("WorkersBusy");
    if (now.bytes_per_second != published_.bytes_per_second) names.emplace_back("BytesPerSecond");
    published_ = now;
    if (!names.empty()) emitPropertiesChangedSignal(manager_interface, names);
}

void ManagerObject::Test(sdbus::Result<BusDict>&& result, BusDict account, sdbus::UnixFd secret,
                         BusDict options) {
    close_on_exec(secret);
    auto task =
        test(calls_.context().clock, service_, std::move(account), std::move(secret), std::move(options));
    calls_.start(std::move(result), std::move(task));
}

void ManagerObject::Submit(sdbus::Result<std::uint32_t, sdbus::ObjectPath>&& result, BusDict source,
                           sdbus::UnixFd source_secret, BusDict destination, sdbus::UnixFd destination_secret,
                           BusDict options) {
    auto arguments = pair_arguments(std::move(source), std::move(source_secret), std::move(destination),
                                    std::move(destination_secret), std::move(options));
    auto task = submit(calls_.authorizer(), calls_.current_call(), service_, std::move(arguments));
    calls_.start(std::move(result), std::move(task));
}

void ManagerObject::Plan(sdbus::Result<BusDict>&& result, BusDict source, sdbus::UnixFd source_secret,
                         BusDict destination, sdbus::UnixFd destination_secret, BusDict options) {
    auto arguments = pair_arguments(std::move(source), std::move(source_secret), std::move(destination),
                                    std::move(destination_secret), std::move(options));
    calls_.start(std::move(result), plan(calls_.context().clock, service_, std::move(arguments)));
}

void ManagerObject::FindJobs(sdbus::Result<std::vector<sdbus::ObjectPath>>&& result,
                             std::string source_address, BusDict options) {
    calls_.start(std::move(result), find_jobs(service_, std::move(source_address), std::move(options)));
}

void ManagerObject::ListJobs(sdbus::Result<std::vector<JobRow>>&& result, std::uint32_t after,
                             std::uint32_t count) {
    calls_.start(std::move(result), list_jobs(jobs_, after, count));
}

void ManagerObject::Hold(Reply result) {
    calls_.start(std::move(result), run(service_, &jobs::Service::hold_all));
}
void ManagerObject::Release(Reply result) {
    calls_.start(std::move(result), run(service_, &jobs::Service::release_all));
}
void ManagerObject::Reload(Reply result) {
    calls_.start(std::move(result), run(service_, &jobs::Service::reload));
}

void ManagerObject::ListProviders(sdbus::Result<std::vector<BusDict>>&& result, std::string side,
                                  std::string language) {
    calls_.start(std::move(result), list_providers(service_, std::move(side), std::move(language)));
}

void ManagerObject::DetectProvider(sdbus::Result<BusDict>&& result, std::string address) {
    calls_.start(std::move(result), detect_provider(service_, std::move(address)));
}

std::string ManagerObject::Version() {
    guard_read(calls_.authorizer(), manager_interface, "Version");
    return IMAPCOPY_VERSION;
}

std::string ManagerObject::State() {
    guard_read(calls_.authorizer(), manager_interface, "State");
    return bus_text(service_.status().state);
}

std::map<std::string, std::uint32_t> ManagerObject::JobsByState() {
    guard_read(calls_.authorizer(), manager_interface, "JobsByState");
    std::map<std::string, std::uint32_t> counts;
    for (auto const& [state, count] : service_.status().jobs_by_state)
        counts.emplace(to_string(state), count);
    return counts;
}

std::uint32_t ManagerObject::WorkersBusy() {
    guard_read(calls_.authorizer(), manager_interface, "WorkersBusy");
    return service_.status().workers_busy;
}

std::uint64_t ManagerObject::BytesPerSecond() {
    guard_read(calls_.authorizer(), manager_interface, "BytesPerSecond");
    return service_.status().bytes_per_second;
}

}  // namespace imapcopy::bus
