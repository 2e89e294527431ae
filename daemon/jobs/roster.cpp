#include "daemon/jobs/roster.hpp"

#include <algorithm>
#include <utility>

#include "common/text.hpp"
#include "daemon/jobs/retry.hpp"

namespace imapcopy::jobs {
namespace {

bool is_unfinished(JobView const& view) {
    auto const state = state_of(view.phase);
    return state == JobState::not_started || state == JobState::in_progress;
}

/// When a job starts by itself: nothing for one that only a person, or nobody, can set going.
std::optional<WallTime> due_time(JobView const& view, WallTime now) {
    switch (view.phase) {
        case Phase::queued: return WallTime{};
        case Phase::scheduled: return view.spec.not_before;
        case Phase::waiting:
            if (view.waiting_until == WallTime{}) return std::nullopt;
            return is_dated_ahead(view, now) ? now : view.waiting_until;
        case Phase::held:
        case Phase::connecting:
        case Phase::planning:
        case Phase::copying:
        case Phase::verifying:
        case Phase::complete:
        case Phase::complete_with_exceptions:
        case Phase::failed:
        case Phase::cancelled: break;
    }
    return std::nullopt;
}

SideUse use_of(AccountSpec const& account, config::Providers const& providers) {
    SideUse use;
    use.host = host_key(account);
    use.account = mailbox_key(account);
    auto const* const provider = providers.find(account.provider);
    if (provider != nullptr) use.account_connections_max = provider->connections_max;
    return use;
}

}  // namespace

store::JobUpdate update_of(JobView const& view) {
    store::JobUpdate update;
    update.phase = view.phase;
    update.wait_reason = view.wait_reason;
    update.wait_text = view.wait_text;
    update.waiting_until = view.waiting_until;
    update.attempt = view.attempt;
    update.started = view.started;
    update.ended = view.ended;
    update.progress = view.progress;
    update.error = view.error;
    update.last_activity = view.last_activity;
    return update;
}

Entry& Roster::add(store::JobRow row) {
    auto entry = std::make_unique<Entry>();
    auto const id = row.view.id;
    entry->row = std::move(row);
    return *entries_.insert_or_assign(id, std::move(entry)).first->second;
}

Entry& Roster::at(JobId id) {
    auto* const entry = find(id);
    if (entry == nullptr) throw Failure(ErrorCode::no_such_job, "there is no job " + to_string(id));
    return *entry;
}

Entry* Roster::find(JobId id) {
    auto const found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second.get();
}

std::vector<Entry*> Roster::all() {
    std::vector<Entry*> all;
    all.reserve(entries_.size());
    for (auto const& [id, entry] : entries_) all.push_back(entry.get());
    return all;
}

std::vector<JobView> Roster::views() const {
    std::vector<JobView> views;
    views.reserve(entries_.size());
    for (auto const& [id, entry] : entries_) views.push_back(entry->row.view);
    return views;
}

std::optional<JobView> Roster::view(JobId id) const {
    auto const found = entries_.find(id);
    if (found == entries_.end()) return std::nullopt;
    return found->second->row.view;
}

std::vector<JobId> Roster::find_source(std::string_view address) const {
    std::vector<JobId> ids;
    for (auto const& [id, entry] : entries_) {
        auto const& source = entry->row.view.spec.source;
        bool const named = ascii_iequals(source.address, address) || ascii_iequals(source.login, address) ||
                           (!source.authorize_as.empty() && ascii_iequals(source.authorize_as, address));
        if (named) ids.push_back(id);
    }
    return ids;
}

Roster::Change::Change(Roster& roster, JobId id) : roster_(roster), id_(id) {
    auto& entry = roster_.at(id);
    if (entry.changing)
        throw Failure(ErrorCode::wrong_state, "job " + to_string(id) + " is being changed; try again");
    entry.changing = true;
}

Roster::Change::~Change() {
    if (auto* const entry = roster_.find(id_)) entry->changing = false;
}

std::optional<JobId> Roster::other_of_pair(JobId id) const {
    auto const job = entries_.find(id);
    if (job == entries_.end()) return std::nullopt;
    auto const other = std::ranges::find_if(entries_, [&](auto const& each) {
        return each.first != id && each.second->row.pair == job->second->row.pair;
    });
    if (other == entries_.end()) return std::nullopt;
    return other->first;
}

std::optional<store::PairId> Roster::pair_of(JobSpec const& spec) const {
    auto const source = mailbox_key(spec.source);
    auto const destination = mailbox_key(spec.destination);
    for (auto const& [id, entry] : entries_) {
        auto const& other = entry->row.view.spec;
        if (mailbox_key(other.source) == source && mailbox_key(other.destination) == destination) {
            return entry->row.pair;
        }
    }
    return std::nullopt;
}

std::map<JobState, std::uint32_t> Roster::count_by_state() const {
    std::map<JobState, std::uint32_t> counts;
    for (auto const& [id, entry] : entries_) ++counts[state_of(entry->row.view.phase)];
    return counts;
}

std::uint32_t Roster::unfinished() const {
    auto const counts = std::ranges::count_if(
        entries_, [](auto const& item) { return is_unfinished(item.second->row.view); });
    return static_cast<std::uint32_t>(counts);
}

std::uint32_t Roster::unfinished_of(std::uint32_t owner_uid) const {
    auto const counts = std::ranges::count_if(entries_, [owner_uid](auto const& item) {
        auto const& view = item.second->row.view;
        return view.owner_uid == owner_uid && is_unfinished(view);
    });
    return static_cast<std::uint32_t>(counts);
}

std::vector<Entry*> Roster::running() {
    std::vector<Entry*> running;
    for (auto const& [id, entry] : entries_) {
        if (entry->running) running.push_back(entry.get());
    }
    return running;
}

std::vector<Entry*> Roster::verified() {
    std::vector<Entry*> verified;
    for (auto const& [id, entry] : entries_) {
        if (entry->verification != nullptr) verified.push_back(entry.get());
    }
    return verified;
}

std::uint32_t Roster::running_count() const {
    auto const count =
        std::ranges::count_if(entries_, [](auto const& item) { return item.second->running != nullptr; });
    return static_cast<std::uint32_t>(count);
}

std::uint64_t Roster::bytes_per_second() const {
    std::uint64_t sum = 0;
    for (auto const& [id, entry] : entries_) {
        if (entry->running) sum += entry->row.view.progress.bytes_per_second;
    }
    return sum;
}

Candidate candidate_of(JobView const& job, Settings const& settings) {
    Candidate candidate;
    candidate.id = job.id;
    candidate.source = use_of(job.spec.source, settings.providers);
    candidate.destination = use_of(job.spec.destination, settings.providers);
    return candidate;
}

std::vector<Candidate> Roster::candidates(Settings const& settings, WallTime now) const {
    std::vector<Candidate> candidates;
    for (auto const& [id, entry] : entries_) {
        auto const& view = entry->row.view;
        auto const due = due_time(view, now);
        bool const running = entry->running != nullptr || entry->verification != nullptr;
        if (!running && !due) continue;
        auto candidate = candidate_of(view, settings);
        candidate.running = running;
        if (entry->running) {
            candidate.source.connecting = entry->running->reached(Side::source) == Reached::no;
            candidate.destination.connecting = entry->running->reached(Side::destination) == Reached::no;
            candidate.lanes = entry->running->lanes;
        }
        candidate.due = due.value_or(WallTime{});
        candidates.push_back(std::move(candidate));
    }
    return candidates;
}

std::vector<Entry*> Roster::waiting(WaitReason reason) {
    std::vector<Entry*> waiting;
    for (auto const& [id, entry] : entries_) {
        auto const& view = entry->row.view;
        if (view.phase == Phase::waiting && view.wait_reason == reason) waiting.push_back(entry.get());
    }
    return waiting;
}

std::uint32_t Roster::open_connections(std::string const& key) const {
    std::uint32_t count = 0;
    for (auto const& [id, entry] : entries_) {
        if (!entry->running) continue;
        auto const& view = entry->row.view;
        for (auto const side : {Side::source, Side::destination}) {
            auto const& account = side == Side::source ? view.spec.source : view.spec.destination;
            if (host_key(account) != key && mailbox_key(account) != key) continue;
            auto const reached = entry->running->reached(side) == Reached::yes ? 1U : 0U;
            count += std::max(view.progress.lanes, reached);
        }
    }
    return count;
}

}  // namespace imapcopy::jobs
