#include "ctl/client_values.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace imapcopy::ctl {
namespace {

using Words = sdbus::Struct<std::string, std::string>;
using Setter = void (*)(JobView&, sdbus::Variant const&);

WallTime read_time(sdbus::Variant const& value) {
    return WallTime(std::chrono::microseconds(value.get<std::uint64_t>()));
}

AccountSpec read_account(sdbus::Variant const& value, std::string_view what) {
    return account_from_dict(from_bus(value.get<BusDict>(), what).value(), what).value();
}

void set_reason(JobView& job, sdbus::Variant const& value) {
    auto const words = value.get<Words>();
    job.wait_reason = parse_wait_reason(words.get<0>()).value_or(WaitReason::none);
    job.wait_text = words.get<1>();
}

void set_error(JobView& job, sdbus::Variant const& value) {
    auto const words = value.get<Words>();
    job.error.reset();
    if (!words.get<0>().empty()) job.error = error_from_bus(words.get<0>(), words.get<1>());
}

template <auto member>
void set(JobView& job, sdbus::Variant const& value) {
    auto& field = job.*member;
    field = value.get<std::decay_t<decltype(field)>>();
}

template <auto member>
void set_time(JobView& job, sdbus::Variant const& value) {
    job.*member = read_time(value);
}

template <auto member>
void set_progress(JobView& job, sdbus::Variant const& value) {
    auto& field = job.progress.*member;
    field = value.get<std::decay_t<decltype(field)>>();
}

template <auto member>
void set_duration(JobView& job, sdbus::Variant const& value) {
    job.progress.*member = std::chrono::microseconds(value.get<std::uint64_t>());
}

struct Property {
    char const* name;
    Setter apply;
};

// State follows from Phase, and there is no batch.
constexpr Property properties_of_job[] = {
    {"Id", [](JobView& job, sdbus::Variant const& value) { job.id = JobId{value.get<std::uint32_t>()}; }},
    {"Owner", set<&JobView::owner_uid>},
    {"Label", [](JobView& job, sdbus::Variant const& value) { job.spec.label = value.get<std::string>(); }},
    {"Language",
     [](JobView& job, sdbus::Variant const& value) { job.spec.language = value.get<std::string>(); }},
    {"Source",
     [](JobView& job, sdbus::Variant const& value) { job.spec.source = read_account(value, "source"); }},
    {"Destination",
     [](JobView& job, sdbus::Variant const& value) {
         job.spec.destination = read_account(value, "destination");
     }},
    {"Phase",
     [](JobView& job, sdbus::Variant const& value) {
         job.phase = parse_phase(value.get<std::string>()).value_or(job.phase);
     }},
    {"Reason", set_reason},
    {"WaitingUntil", set_time<&JobView::waiting_until>},
    {"Attempt", set<&JobView::attempt>},
    {"Created", set_time<&JobView::created>},
    {"Started", set_time<&JobView::started>},
    {"Ended", set_time<&JobView::ended>},
    {"LastActivity", set_time<&JobView::last_activity>},
    {"FoldersTotal", set_progress<&Progress::folders_total>},
    {"FoldersDone", set_progress<&Progress::folders_done>},
    {"MessagesTotal", set_progress<&Progress::messages_total>},
    {"MessagesDone", set_progress<&Progress::messages_done>},
    {"MessagesSkipped", set_progress<&Progress::messages_skipped>},
    {"BytesTotal", set_progress<&Progress::bytes_total>},
    {"BytesDone", set_progress<&Progress::bytes_done>},
    {"BytesPerSecond", set_progress<&Progress::bytes_per_second>},
    {"EstimatedEnd",
     [](JobView& job, sdbus::Variant const& value) { job.progress.estimated_end = read_time(value); }},
    {"CurrentFolder", set_progress<&Progress::current_folder>},
    {"Lanes", set_progress<&Progress::lanes>},
    {"SourceRoundTrip", set_duration<&Progress::source_round_trip>},
    {"DestinationRoundTrip", set_duration<&Progress::destination_round_trip>},
    {"Bound",
     [](JobView& job, sdbus::Variant const& value) {
         job.progress.bound = parse_bound(value.get<std::string>()).value_or(Bound::unknown);
     }},
    {"Error", set_error},
};

template <class T>
T take(BusDict& dict, std::string const& key) {
    auto const node = dict.extract(key);
    return node.empty() ? T{} : node.mapped().template get<T>();
}

Failure system_failure(std::string const& what) {
    return {ErrorCode::internal, what + ": " + std::strerror(errno)};
}

}  // namespace

void apply_properties(JobView& job, BusDict const& properties) {
    for (auto const& property : properties_of_job) {
        auto const value = properties.find(property.name);
        if (value != properties.end()) property.apply(job, value->second);
    }
}

StatusChange read_status_change(BusDict const& changed) {
    StatusChange change;
    for (auto const& [name, value] : changed) {
        if (name == "State") {
            change.state = value.get<std::string>();
        } else if (name == "JobsByState") {
            auto& counts = change.jobs_by_state.emplace();
            for (auto const& [text, count] : value.get<std::map<std::string, std::uint32_t>>()) {
                if (auto const state = parse_job_state(text)) counts.emplace(*state, count);
            }
        } else if (name == "WorkersBusy") {
            change.workers_busy = value.get<std::uint32_t>();
        } else if (name == "BytesPerSecond") {
            change.bytes_per_second = value.get<std::uint64_t>();
        }
    }
    return change;
}

TestView read_test(BusDict answer) {
    TestView view;
    view.greeting = take<std::string>(answer, "greeting");
    view.capabilities = take<std::vector<std::string>>(answer, "capabilities");
    view.folders = take<std::uint32_t>(answer, "folders");
    view.account = account_from_dict(from_bus(answer, "answer").value(), "answer").value();
    return view;
}

PlanView read_plan(BusDict const& answer) {
    using FolderRow =
        sdbus::Struct<std::string, std::string, bool, std::uint64_t, std::uint64_t, std::uint64_t>;
    using ExceptionRow = sdbus::Struct<std::string, std::string, std::string>;
    PlanView view;
    view.source = read_account(answer.at("source"), "source");
    view.destination = read_account(answer.at("destination"), "destination");
    for (auto const& row : answer.at("folders").get<std::vector<FolderRow>>()) {
        view.folders.push_back(
            {row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>(), row.get<4>(), row.get<5>()});
    }
    for (auto const& row : answer.at("exceptions").get<std::vector<ExceptionRow>>()) {
        view.exceptions.push_back({row.get<0>(), row.get<1>(), row.get<2>()});
    }
    return view;
}

VerificationView read_verification(BusDict const& answer) {
    using TotalRow = sdbus::Struct<std::string, bool, std::uint64_t>;
    using DifferenceRow =
        sdbus::Struct<std::string, bool, std::string, std::string, std::uint32_t, std::uint32_t, std::string>;
    VerificationView view;
    view.level = answer.at("level").get<std::string>();
    view.folders = answer.at("folders").get<std::uint64_t>();
    view.messages = answer.at("messages").get<std::uint64_t>();
    view.differences = answer.at("differences").get<std::uint64_t>();
    view.explained = answer.at("explained").get<std::uint64_t>();
    for (auto const& row : answer.at("totals").get<std::vector<TotalRow>>())
        view.totals.push_back({row.get<0>(), row.get<1>(), row.get<2>()});
    for (auto const& row : answer.at("listed").get<std::vector<DifferenceRow>>()) {
        view.listed.push_back({row.get<0>(), row.get<1>(), row.get<2>(), row.get<3>(), row.get<4>(),
                               row.get<5>(), row.get<6>()});
    }
    return view;
}

Dict read_dict(BusDict const& answer) {
    return from_bus(answer, "answer").value();
}

sdbus::UnixFd make_memfd() {
    auto const file = ::memfd_create("imapcopyctl", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) throw system_failure("create a memfd");
    return sdbus::UnixFd(file, sdbus::adopt_fd);
}

sdbus::UnixFd seal(Secret const& secret) {
    auto memfd = make_memfd();
    auto const bytes = secret.reveal();
    if (::write(memfd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
        throw system_failure("write a secret to a memfd");
    }
    if (::fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        throw system_failure("seal a memfd");
    }
    return memfd;
}

std::string read_all(sdbus::UnixFd const& memfd) {
    std::string text;
    std::array<char, 16384> piece{};
    for (;;) {
        auto const got = ::pread(memfd.get(), piece.data(), piece.size(), static_cast<off_t>(text.size()));
        if (got < 0) throw system_failure("read the report");
        if (got == 0) return text;
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
}

Error to_error(sdbus::Error const& error) {
    std::string_view name = error.getName();
    if (name.starts_with(error_name_prefix)) {
        return error_from_bus(name.substr(error_name_prefix.size()), error.getMessage());
    }
    constexpr std::string_view prefix = "org.freedesktop.DBus.Error.";
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    if (name == "AccessDenied") {
        return {ErrorCode::not_authorized, "only root and members of the group imapcopy may use imapcopyd"};
    }
    if (name == "UnknownObject") return {ErrorCode::no_such_job, "there is no such job"};
    if (name == "Timeout" || name == "TimedOut")
        return {ErrorCode::timed_out, "imapcopyd did not answer in time"};
    if (name == "ServiceUnknown" || name == "NameHasNoOwner" || name == "NoReply" || name == "Disconnected") {
        return {ErrorCode::connection_lost, "imapcopyd is not running"};
    }
    if (name == "InvalidArgs") return {ErrorCode::invalid_argument, error.getMessage()};
    return {ErrorCode::internal, error.getMessage() + " (" + error.getName() + ")"};
}

}  // namespace imapcopy::ctl
