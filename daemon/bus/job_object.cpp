#include "daemon/bus/job_object.hpp"

#include <utility>

#include "daemon/bus/arguments.hpp"
#include "daemon/bus/guard.hpp"
#include "daemon/bus/job_properties.hpp"

namespace imapcopy::bus {
namespace {

constexpr std::uint32_t items_max = 1000;

/// Of words that a server may have chosen; jobs_shown_max counts on it.
constexpr std::size_t words_bytes_max = 1024;

using Items = std::vector<
    sdbus::Struct<std::uint64_t, std::string, std::string, std::uint64_t, std::string, std::string>>;

std::uint64_t bus_time(WallTime time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

std::uint64_t bus_duration(std::chrono::microseconds duration) {
    return static_cast<std::uint64_t>(duration.count());
}

std::string bus_words(std::string const& words) {
    return words.size() <= words_bytes_max ? bus_text(words) : printable(words, words_bytes_max);
}

// The tasks below take no reference to their object: a job may be forgotten while one of them waits.

struct Secrets {
    Secret source;
    Secret destination;
};

Secrets take_secrets(BusDict& options) {
    auto const source = take_descriptor(options, "source_secret");
    auto const destination = take_descriptor(options, "destination_secret");
    return {read_secret(source), read_secret(destination)};
}

/// What is left after all that is known was taken.
void refuse_rest(BusDict const& options, std::string_view known) {
    if (options.empty()) return;
    throw Failure(ErrorCode::invalid_argument, "unknown option \"" + printable(options.begin()->first, 64) +
                                                   "\": there are " + std::string(known));
}

Secrets read_secrets(BusDict options) {
    auto secrets = take_secrets(options);
    refuse_rest(options, "source_secret and destination_secret");
    return secrets;
}

VerifyLevel take_level(BusDict& options) {
    auto const option = options.extract("level");
    if (option.empty()) return VerifyLevel::index;
    auto const value = from_bus(option.mapped());
    auto const* const text = value ? std::get_if<std::string>(&*value) : nullptr;
    auto const level = text == nullptr ? std::nullopt : parse_verify_level(*text);
    if (!level) throw Failure(ErrorCode::invalid_argument, "level must be counts, index or digest");
    return *level;
}

BusDict verification_dict(copy::VerifyResult const& verified, VerifyLevel level) {
    std::vector<sdbus::Struct<std::string, bool, std::uint64_t>> totals;
    for (std::size_t i = 0; i < verified.totals.size(); ++i) {
        auto const kind = static_cast<copy::DifferenceKind>(i);
        if (verified.total(kind) == 0) continue;
        totals.emplace_back(std::string(to_string(kind)), is_explained(kind), verified.total(kind));
    }
    std::vector<
        sdbus::Struct<std::string, bool, std::string, std::string, std::uint32_t, std::uint32_t, std::string>>
        listed;
    for (auto const& row : verified.listed) {
        listed.emplace_back(std::string(to_string(row.kind)), is_explained(row.kind), bus_text(row.folder),
                            bus_text(row.destination), row.source_uid.value(), row.destination_uid.value(),
                            bus_text(row.text));
    }
    BusDict answer;
    answer.emplace("level", std::string(to_string(level)));
    answer.emplace("folders", verified.folders);
    answer.emplace("messages", verified.messages);
    answer.emplace("differences", verified.differences());
    answer.emplace("explained", verified.explained());
    answer.emplace("totals", totals);
    answer.emplace("listed", listed);
    return answer;
}

/// Calls the service only when awaited, that is, after the caller was authorised.
Task<> run(jobs::Service& service, JobId id, Task<> (jobs::Service::*verb)(JobId)) {
    co_await (service.*verb)(id);
}

Task<> retry(jobs::Service& service, JobId id, BusDict options) {
    auto secrets = read_secrets(std::move(options));
    co_await service.retry(id, std::move(secrets.source), std::move(secrets.destination));
}

Task<> resync(jobs::Service& service, JobId id, BusDict options) {
    auto secrets = read_secrets(std::move(options));
    co_await service.resync(id, std::move(secrets.source), std::move(secrets.destination));
}

Task<BusDict> verify(jobs::Service& service, JobId id, BusDict options) {
    auto const level = take_level(options);
    auto secrets = take_secrets(options);
    refuse_rest(options, "level, source_secret and destination_secret");
    auto const result =
        co_await service.verify(id, level, std::move(secrets.source), std::move(secrets.destination));
    co_return verification_dict(result, level);
}

Task<> set_secret(jobs::Service& service, JobId id, std::string side_text, sdbus::UnixFd descriptor) {
    auto const side = read_side(side_text);
    auto secret = read_secret(descriptor);
    refuse_empty(secret, side);
    co_await service.set_secret(id, side, std::move(secret));
}

Task<> forget(jobs::Service& service, JobId id, BusDict options) {
    bool ledger = false;
    for (auto const& [key, value] : read_dict(options, "options")) {
        auto const* flag = std::get_if<bool>(&value);
        if (key != "ledger" || flag == nullptr) {
            throw Failure(ErrorCode::invalid_argument,
                          "unknown option \"" + printable(key, 64) + "\": there is ledger b");
        }
        ledger = *flag;
    }
    co_await service.forget(id, ledger);
}

Task<Items> get_items(jobs::Service& service, JobId id, std::string kind, std::uint32_t offset,
                      std::uint32_t count) {
    if (count > items_max)
        throw Failure(ErrorCode::invalid_argument, "at most 1000 items can be asked for at once");
    auto checked = read_text(std::move(kind), "kind");
    auto const rows = co_await service.items(id, std::move(checked), offset, count);
    Items items;
    for (auto const& row : rows) {
        items.emplace_back(row.source_uid, bus_text(row.folder), bus_text(row.code), row.size_bytes,
                           bus_text(row.text), bus_text(row.destination_uid));
    }
    co_return items;
}

Task<> get_report(jobs::Service& service, JobId id, std::string format, std::string language,
                  sdbus::UnixFd out) {
    auto checked_format = read_text(std::move(format), "format");
    auto checked_language = read_text(std::move(language), "language");
    auto const text = co_await service.report(id, std::move(checked_format), std::move(checked_language));
    write_out(out, text);
}

}  // namespace

JobObject::JobObject(sdbus::IConnection& bus, Calls& calls, jobs::Service& service, JobObjects const& all,
                     JobView view)
    : JobAdaptors(bus, job_path(view.id)),
      calls_(calls),
      service_(service),
      all_(all),
      view_(std::move(view)) {
    registerAdaptor();
}

JobObject::~JobObject() {
    unregisterAdaptor();
}

BusDict JobObject::all_properties() {
    BusDict all;
    all.emplace("Id", Id());
    all.emplace("Batch", Batch());
    all.emplace("Owner", Owner());
    all.emplace("Label", Label());
    all.emplace("Language", Language());
    all.emplace("Source", Source());
    all.emplace("Destination", Destination());
    all.emplace("State", State());
    all.emplace("Phase", Phase());
    all.emplace("Reason", Reason());
    all.emplace("WaitingUntil", WaitingUntil());
    all.emplace("Attempt", Attempt());
    all.emplace("Created", Created());
    all.emplace("Started", Started());
    all.emplace("Ended", Ended());
    all.emplace("LastActivity", LastActivity());
    all.emplace("FoldersTotal", FoldersTotal());
    all.emplace("FoldersDone", FoldersDone());
    all.emplace("MessagesTotal", MessagesTotal());
    all.emplace("MessagesDone", MessagesDone());
    all.emplace("MessagesSkipped", MessagesSkipped());
    all.emplace("BytesTotal", BytesTotal());
    all.emplace("BytesDone", BytesDone());
    all.emplace("BytesPerSecond", BytesPerSecond());
    all.emplace("EstimatedEnd", EstimatedEnd());
    all.emplace("CurrentFolder", CurrentFolder());
    all.emplace("Lanes", Lanes());
    all.emplace("SourceRoundTrip", SourceRoundTrip());
    all.emplace("DestinationRoundTrip", DestinationRoundTrip());
    all.emplace("Bound", Bound());
    all.emplace("Error", Error());
    return all;
}

void JobObject::set_view(JobView const& view) {
    for (auto& name : changed_properties(view_, view)) changed_.insert(std::move(name));
    view_ = view;
}

void JobObject::publish() {
    if (changed_.empty()) return;
    std::vector<std::string> const names(changed_.begin(), changed_.end());
    changed_.clear();
    emitPropertiesChangedSignal(job_interface, names);
}

void JobObject::Hold(Reply result) {
    calls_.start(std::move(result), run(service_, view_.id, &jobs::Service::hold));
}
void JobObject::Release(Reply result) {
    calls_.start(std::move(result), run(service_, view_.id, &jobs::Service::release));
}
void JobObject::Cancel(Reply result) {
    calls_.start(std::move(result), run(service_, view_.id, &jobs::Service::cancel));
}

void JobObject::Retry(Reply result, BusDict options) {
    calls_.start(std::move(result), retry(service_, view_.id, std::move(options)));
}

void JobObject::Resync(Reply result, BusDict options) {
    calls_.start(std::move(result), resync(service_, view_.id, std::move(options)));
}

void JobObject::Verify(sdbus::Result<BusDict>&& result, BusDict options) {
    calls_.start(std::move(result), verify(service_, view_.id, std::move(options)));
}

void JobObject::SetSecret(Reply result, std::string side, sdbus::UnixFd secret) {
    close_on_exec(secret);
    calls_.start(std::move(result), set_secret(service_, view_.id, std::move(side), std::move(secret)));
}

void JobObject::Forget(Reply result, BusDict options) {
    calls_.start(std::move(result), forget(service_, view_.id, std::move(options)));
}

void JobObject::GetItems(sdbus::Result<Items>&& result, std::string kind, std::uint32_t offset,
                         std::uint32_t count) {
    calls_.start(std::move(result), get_items(service_, view_.id, std::move(kind), offset, count));
}

void JobObject::GetReport(Reply result, std::string format, std::string language, sdbus::UnixFd out) {
    close_on_exec(out);
    auto task = get_report(service_, view_.id, std::move(format), std::move(language), std::move(out));
    calls_.start(std::move(result), std::move(task));
}

JobView const& JobObject::readable(std::string_view property) const {
    guard_read(calls_.authorizer(), job_interface, property);
    // The bus library answers GetManagedObjects by itself and asks us for nothing but properties: a getter
    // that fails is the one way to refuse it.
    if (all_.size() > jobs_shown_max && calls_.current_call().member == "GetManagedObjects") {
        auto const count = std::to_string(all_.size());
        throw to_bus_error(
            {ErrorCode::queue_full, count + " jobs are too many for one answer: call ListJobs"});
    }
    return view_;
}

std::uint32_t JobObject::Id() {
    return readable("Id").id.value();
}
sdbus::ObjectPath JobObject::Batch() {
    // No batch is the path "/".
    (void)readable("Batch");
    return "/";
}
std::uint32_t JobObject::Owner() {
    return readable("Owner").owner_uid;
}
std::string JobObject::Label() {
    return bus_text(readable("Label").spec.label);
}
std::string JobObject::Language() {
    return bus_text(readable("Language").spec.language);
}
BusDict JobObject::Source() {
    return to_bus(to_dict(readable("Source").spec.source));
}
BusDict JobObject::Destination() {
    return to_bus(to_dict(readable("Destination").spec.destination));
}
std::string JobObject::State() {
    return std::string(to_string(state_of(readable("State").phase)));
}
std::string JobObject::Phase() {
    return std::string(to_string(readable("Phase").phase));
}

sdbus::Struct<std::string, std::string> JobObject::Reason() {
    auto const& job = readable("Reason");
    return {std::string(to_string(job.wait_reason)), bus_words(job.wait_text)};
}

std::uint64_t JobObject::WaitingUntil() {
    return bus_time(readable("WaitingUntil").waiting_until);
}
std::uint32_t JobObject::Attempt() {
    return readable("Attempt").attempt;
}
std::uint64_t JobObject::Created() {
    return bus_time(readable("Created").created);
}
std::uint64_t JobObject::Started() {
    return bus_time(readable("Started").started);
}
std::uint64_t JobObject::Ended() {
    return bus_time(readable("Ended").ended);
}
std::uint64_t JobObject::LastActivity() {
    return bus_time(readable("LastActivity").last_activity);
}
std::uint32_t JobObject::FoldersTotal() {
    return readable("FoldersTotal").progress.folders_total;
}
std::uint32_t JobObject::FoldersDone() {
    return readable("FoldersDone").progress.folders_done;
}
std::uint64_t JobObject::MessagesTotal() {
    return readable("MessagesTotal").progress.messages_total;
}
std::uint64_t JobObject::MessagesDone() {
    return readable("MessagesDone").progress.messages_done;
}
std::uint64_t JobObject::MessagesSkipped() {
    return readable("MessagesSkipped").progress.messages_skipped;
}
std::uint64_t JobObject::BytesTotal() {
    return readable("BytesTotal").progress.bytes_total;
}
std::uint64_t JobObject::BytesDone() {
    return readable("BytesDone").progress.bytes_done;
}
std::uint64_t JobObject::BytesPerSecond() {
    return readable("BytesPerSecond").progress.bytes_per_second;
}
std::uint64_t JobObject::EstimatedEnd() {
    return bus_time(readable("EstimatedEnd").progress.estimated_end);
}
std::string JobObject::CurrentFolder() {
    return bus_words(readable("CurrentFolder").progress.current_folder);
}
std::uint32_t JobObject::Lanes() {
    return readable("Lanes").progress.lanes;
}
std::uint64_t JobObject::SourceRoundTrip() {
    return bus_duration(readable("SourceRoundTrip").progress.source_round_trip);
}
std::uint64_t JobObject::DestinationRoundTrip() {
    return bus_duration(readable("DestinationRoundTrip").progress.destination_round_trip);
}
std::string JobObject::Bound() {
    return std::string(to_string(readable("Bound").progress.bound));
}

sdbus::Struct<std::string, std::string> JobObject::Error() {
    auto const words = error_words(readable("Error"));
    return {words.name, bus_words(words.sentence)};
}

}  // namespace imapcopy::bus
