#include "daemon/jobs/local_service.hpp"

#include <algorithm>
#include <utility>

#include "common/deadline.hpp"
#include "common/outcome.hpp"
#include "daemon/jobs/admission.hpp"
#include "daemon/jobs/empty_journal.hpp"
#include "daemon/jobs/report.hpp"

namespace imapcopy::jobs {
namespace {

constexpr auto look_time_max = std::chrono::seconds(120);
constexpr std::uint32_t looks_max = 4;
/// Exceptions that a report reads from the store; it says how many there are in all.
constexpr std::uint32_t report_items_max = 1000;

copy::Exception exception_of(store::Item const& item) {
    copy::Exception exception;
    exception.folder = item.folder;
    exception.uid = copy::Uid(static_cast<std::uint32_t>(item.source_uid));
    exception.code = item.code;
    exception.size_bytes = item.size_bytes;
    exception.text = item.text;
    return exception;
}

std::string secret_is_gone(JobId id, Side side) {
    auto const name = std::string(to_string(side));
    return "the " + name + " password of job " + to_string(id) + " is gone; give it again";
}

/// A look's plan, from connect to the end of both connections.
Task<copy::PlanSummary> plan_between(Context context, PassRunner& runner, JobSpec const& spec, Access source,
                                     Access destination, std::optional<store::PairId> pair,
                                     config::Config const& config) {
    auto const connections = runner.connections(context, std::move(source), std::move(destination), config);
    auto const journal = pair ? runner.journal(*pair) : make_empty_journal();
    auto planning = runner.plan(context, *connections, *journal, pass_options(spec.folders, config));
    auto summary = co_await std::move(planning);
    co_return summary;
}

}  // namespace

class LocalService::LookPermit {
 public:
    explicit LookPermit(std::shared_ptr<std::uint32_t> looks) : looks_(std::move(looks)) {
        if (*looks_ >= looks_max) {
            throw Failure(
                ErrorCode::queue_full,
                std::to_string(looks_max) + " tests and plans are under way already; try again in a moment");
        }
        ++*looks_;
    }
    ~LookPermit() { --*looks_; }
    LookPermit(LookPermit const&) = delete;
    LookPermit& operator=(LookPermit const&) = delete;

 private:
    std::shared_ptr<std::uint32_t> looks_;
};

/// Counts a job from its admission until it is in the roster: many may be submitted before the first is
/// stored.
class LocalService::Arrival {
 public:
    Arrival(std::shared_ptr<std::multiset<std::uint32_t>> owners, Caller caller)
        : owners_(std::move(owners)), place_(owners_->insert(caller.uid)) {}
    ~Arrival() { owners_->erase(place_); }
    Arrival(Arrival const&) = delete;
    Arrival& operator=(Arrival const&) = delete;

 private:
    std::shared_ptr<std::multiset<std::uint32_t>> owners_;
    std::multiset<std::uint32_t>::iterator place_;
};

LocalService::LocalService(boost::asio::any_io_executor executor, Context context, AttemptParts parts,
                           Settings settings, Reloader reloader)
    : context_(context),
      parts_(parts),
      settings_(std::make_unique<Settings>(std::move(settings))),
      reloader_(std::move(reloader)),
      supervisor_(std::move(executor), context_, parts_, *settings_) {}

Task<TestResult> LocalService::test(AccountSpec account, Side side, Secret secret) {
    LookPermit const permit(looks_);
    TestResult result;
    result.account = resolved_account(std::move(account), side, settings_->providers).value();
    auto probing = parts_.runner.probe(context_, Access{result.account, std::move(secret)}, side,
                                       settings_->config.timeouts);
    auto limited = with_deadline(context_.clock, context_.clock.now() + look_time_max,
                                 "log in to " + result.account.host, std::move(probing));
    auto probe = co_await std::move(limited);
    result.greeting = std::move(probe.greeting);
    result.capabilities = std::move(probe.capabilities);
    result.folders = probe.folders;
    co_return result;
}

Task<JobId> LocalService::submit(Caller caller, JobSpec spec, Secret source, Secret destination) {
    auto admitted = resolved(std::move(spec), *settings_).value();
    auto const& roster = supervisor_.roster();
    Load load{roster.unfinished(), roster.unfinished_of(caller.uid)};
    load.jobs += static_cast<std::uint32_t>(arriving_->size());
    load.jobs_of_user += static_cast<std::uint32_t>(arriving_->count(caller.uid));
    check_load(load, settings_->config.limits).value();
    Arrival const arrival(arriving_, caller);
    auto creating = parts_.jobs.create(std::move(admitted), caller.uid, std::move(source),
                                       std::move(destination), context_.clock.wall_now());
    auto row = co_await std::move(creating);
    auto const id = row.view.id;
    row.view.phase = initial_phase(row.view.spec, context_.clock.wall_now());
    supervisor_.adopt(std::move(row));
    co_return id;
}

Task<PlanResult> LocalService::plan(JobSpec spec, Secret source, Secret destination) {
    LookPermit const permit(looks_);
    auto const admitted = resolved(std::move(spec), *settings_).value();
    auto const config = settings_->config;
    auto const pair = supervisor_.roster().pair_of(admitted);
    auto planning =
        plan_between(context_, parts_.runner, admitted, Access{admitted.source, std::move(source)},
                     Access{admitted.destination, std::move(destination)}, pair, config);
    auto limited = with_deadline(context_.clock, context_.clock.now() + look_time_max, "plan the copy",
                                 std::move(planning));
    PlanResult result;
    result.summary = co_await std::move(limited);
    result.source = admitted.source;
    result.destination = admitted.destination;
    co_return result;
}

std::vector<JobId> LocalService::find(std::string_view source_address) const {
    return supervisor_.roster().find_source(source_address);
}

Task<> LocalService::hold(JobId id) {
    Roster::Change const change(supervisor_.roster(), id);
    co_await supervisor_.hold(id);
}

Task<> LocalService::release(JobId id) {
    Roster::Change const change(supervisor_.roster(), id);
    co_await supervisor_.release(id);
}

Task<> LocalService::cancel(JobId id) {
    Roster::Change const change(supervisor_.roster(), id);
    co_await supervisor_.cancel(id);
}

Task<Secret> LocalService::stored_secret(JobId id, Side side) {
    auto opening = as_result(parts_.jobs.secret(id, side));
    auto secret = co_await std::move(opening);
    if (!secret.has_error()) co_return std::move(secret.value());
    auto error = within(secret_is_gone(id, side), secret.error());
    error.side = side;
    throw Failure(std::move(error));
}

Task<Access> LocalService::access_to(JobId id, AccountSpec account, Side side, Secret given) {
    Access access{std::move(account), std::move(given)};
    if (access.secret.empty()) access.secret = co_await stored_secret(id, side);
    co_return access;
}

Task<> LocalService::store_secrets(JobId id, Secret source, Secret destination) {
    if (!source.empty()) co_await parts_.jobs.set_secret(id, Side::source, std::move(source));
    if (!destination.empty()) co_await parts_.jobs.set_secret(id, Side::destination, std::move(destination));
}

Task<> LocalService::reopen(JobId id, JobEvent event, Secret source, Secret destination) {
    Roster::Change const change(supervisor_.roster(), id);
    auto& entry = supervisor_.roster().at(id);
    (void)next_phase(entry.row.view.phase, event).value();
    if (entry.running)
        throw Failure(ErrorCode::wrong_state, "job " + to_string(id) + " is just ending; try again");
    if (source.empty()) (void)co_await stored_secret(id, Side::source);
    if (destination.empty()) (void)co_await stored_secret(id, Side::destination);
    co_await parts_.jobs.reopen(id, supervisor_.reopening(id), std::move(source), std::move(destination));
    supervisor_.reopened(id);
}

Task<> LocalService::retry(JobId id, Secret source, Secret destination) {
    auto const phase = supervisor_.roster().at(id).row.view.phase;
    if (phase == Phase::failed || phase == Phase::cancelled) {
        co_await reopen(id, JobEvent::retry, std::move(source), std::move(destination));
        co_return;
    }
    Roster::Change const change(supervisor_.roster(), id);
    (void)next_phase(phase, JobEvent::retry).value();
    co_await store_secrets(id, std::move(source), std::move(destination));
    co_await supervisor_.requeue(id);
}

Task<> LocalService::resync(JobId id, Secret source, Secret destination) {
    return reopen(id, JobEvent::resync, std::move(source), std::move(destination));
}

Task<copy::VerifyResult> LocalService::verify(JobId id, VerifyLevel level, Secret source,
                                              Secret destination) {
    auto const row = supervisor_.roster().at(id).row;
    auto const& spec = row.view.spec;
    auto const config = settings_->config;
    auto const place = supervisor_.begin_verification(id);
    auto source_access = co_await access_to(id, spec.source, Side::source, std::move(source));
    auto destination_access =
        co_await access_to(id, spec.destination, Side::destination, std::move(destination));
    Context const context{context_.clock, context_.random, context_.log, place.stop()};
    auto const connections =
        parts_.runner.connections(context, std::move(source_access), std::move(destination_access), config);
    auto const journal = parts_.runner.journal(row.pair);
    copy::VerifyOptions options;
    options.folders = spec.folders;
    options.labels = config.labels;
    options.level = level;
    auto verifying = parts_.runner.verify(context, *connections, *journal, std::move(options));
    auto result = co_await std::move(verifying);
    context_.log.write(LogLevel::info, "verification ended",
                       {{"job", to_string(id)},
                        {"level", std::string(to_string(level))},
                        {"messages", std::to_string(result.messages)},
                        {"differences", std::to_string(result.differences())},
                        {"explained", std::to_string(result.explained())}});
    co_return result;
}

Task<> LocalService::set_secret(JobId id, Side side, Secret secret) {
    Roster::Change const change(supervisor_.roster(), id);
    auto const view = supervisor_.roster().at(id).row.view;
    auto const state = state_of(view.phase);
    if (state == JobState::finished || state == JobState::error) {
        throw Failure(ErrorCode::wrong_state,
                      "job " + to_string(id) + " has ended; give the password with retry or resync");
    }
    if (secret.empty()) throw Failure(ErrorCode::invalid_argument, "the password is empty");
    co_await parts_.jobs.set_secret(id, side, std::move(secret));
    co_await supervisor_.password_given(id, side);
}

Task<> LocalService::forget(JobId id, bool ledger) {
    auto const name = "forget: job " + to_string(id);
    Roster::Change const change(supervisor_.roster(), id);
    auto const& entry = supervisor_.roster().at(id);
    auto const state = state_of(entry.row.view.phase);
    bool const ended = state == JobState::finished || state == JobState::error;
    if (!ended || entry.running)
        throw Failure(ErrorCode::wrong_state, name + " has not ended; cancel it first");
    if (entry.verification != nullptr)
        throw Failure(ErrorCode::wrong_state, name + " is being verified; cancel that first");
    auto const other = supervisor_.roster().other_of_pair(id);
    if (ledger && other) {
        throw Failure(ErrorCode::wrong_state, name + " shares its ledger with job " + to_string(*other) +
                                                  ", of the same mailboxes; forget that one first");
    }
    co_await parts_.jobs.forget(id, ledger);
    supervisor_.removed(id);
}

Task<std::vector<store::Item>> LocalService::items(JobId id, std::string kind, std::uint32_t offset,
                                                   std::uint32_t count) {
    (void)supervisor_.roster().at(id);
    return parts_.jobs.items(id, std::move(kind), offset, count);
}

Task<std::string> LocalService::report(JobId id, std::string format, std::string language) {
    if (format != "text") throw Failure(ErrorCode::invalid_argument, "report format must be \"text\"");
    ReportInput input;
    input.job = supervisor_.roster().at(id).row.view;
    input.folders = co_await parts_.jobs.folder_results(id);
    auto reading = parts_.jobs.items(id, "exceptions", 0, report_items_max);
    auto const items = co_await std::move(reading);
    std::ranges::transform(items, std::back_inserter(input.exceptions), exception_of);
    std::uint64_t counted = 0;  // Of very many only the first are stored.
    for (auto const& folder : input.folders) counted += folder.exceptions;
    input.exceptions_total =
        std::max<std::uint64_t>({input.job.progress.messages_skipped, items.size(), counted});
    co_return report_text(input, language);
}

Task<> LocalService::hold_all() {
    return supervisor_.hold_all();
}

Task<> LocalService::release_all() {
    return supervisor_.release_all();
}

Task<> LocalService::reload() {
    auto config = reloader_.load();
    auto providers = config::Providers::load(config.providers_dir).value();
    *settings_ = Settings{std::move(config), std::move(providers)};
    if (reloader_.applied) reloader_.applied(settings_->config);
    context_.log.write(LogLevel::info, "configuration loaded again");
    supervisor_.schedule();
    co_return;
}

ServiceStatus LocalService::status() const {
    ServiceStatus status;
    status.state = supervisor_.stopping() ? "stopping" : supervisor_.held() ? "held" : "running";
    if (auto const& error = supervisor_.store_error()) {
        status.state = "degraded: " + to_string(*error);
        status.store_error = error->code;
    }
    status.jobs_by_state = supervisor_.roster().count_by_state();
    status.workers_busy = supervisor_.running();
    status.bytes_per_second = supervisor_.roster().bytes_per_second();
    return status;
}

}  // namespace imapcopy::jobs
