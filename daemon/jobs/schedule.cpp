#include "daemon/jobs/schedule.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "common/account_address.hpp"
#include "common/text.hpp"

namespace imapcopy::jobs {
namespace {

constexpr std::uint32_t lanes_at_start_max = 4;

/// Places and connections in use, as they are handed out.
class Usage {
 public:
    Usage(config::Config::Limits const& limits, HostHealth const& health, WallTime now)
        : limits_(limits), health_(health), now_(now) {}

    /// When both hosts of the job may be tried; 0: now.
    WallTime closed_until(Candidate const& job) const {
        return std::max(health_.closed_until(job.source.host, now_),
                        health_.closed_until(job.destination.host, now_));
    }

    bool fits(Candidate const& job) const {
        if (jobs_ >= limits_.max_jobs || writers_.contains(job.destination.account)) return false;
        for (auto const* const host : {&job.source.host, &job.destination.host}) {
            if (count(connecting_, *host) >= health_.connecting_max(*host)) return false;
        }
        return fits_lane(job, 0);
    }

    /// True if the limits leave room for one more lane of the job, and for a first one in each place that is
    /// free.
    bool fits_further_lane(Candidate const& job) const {
        // A reload may have taken away places in which jobs still run.
        auto const free_places = limits_.max_jobs > jobs_ ? limits_.max_jobs - jobs_ : 0;
        return fits_lane(job, free_places);
    }

    void take_lanes(Candidate const& job, std::uint32_t lanes) {
        for (auto const* side : {&job.source, &job.destination}) {
            hosts_[side->host] += lanes;
            accounts_[side->account] += lanes;
        }
    }

    void take(Candidate const& job) {
        ++jobs_;
        writers_.insert(job.destination.account);
        take_lanes(job, job.lanes);
        for (auto const* const side : {&job.source, &job.destination}) {
            if (!job.running || side->connecting) ++connecting_[side->host];
        }
    }

 private:
    using Counts = std::map<std::string, std::uint32_t>;

    static std::uint32_t count(Counts const& counts, std::string const& key) {
        auto const found = counts.find(key);
        return found == counts.end() ? 0 : found->second;
    }

    bool fits_lane(Candidate const& job, std::uint32_t reserve) const {
        // Both sides may be on the same host, or even in the same account.
        auto hosts = Counts();
        ++hosts[job.source.host];
        ++hosts[job.destination.host];
        bool const hosts_fit = std::ranges::all_of(hosts, [&](auto const& use) {
            return fits(hosts_, use.first, use.second + reserve, limits_.connections_per_host);
        });
        return hosts_fit && fits_account(job.source) && fits_account(job.destination);
    }

    bool fits(Counts const& counts, std::string const& key, std::uint32_t more, std::uint32_t most) const {
        auto const used = count(counts, key);
        return used == 0 || used + more <= health_.connections_max(key, most, now_);
    }

    bool fits_account(SideUse const& side) const {
        auto most = limits_.connections_per_account;
        if (side.account_connections_max > 0) most = std::min(most, side.account_connections_max);
        return fits(accounts_, side.account, 1, most);
    }

    config::Config::Limits const& limits_;
    HostHealth const& health_;
    WallTime now_;
    std::uint32_t jobs_ = 0;
    Counts hosts_;
    Counts connecting_;
    Counts accounts_;
    std::set<std::string> writers_;
};

}  // namespace

std::string host_key(AccountSpec const& account) {
    return ascii_lower(account.host);
}

std::string mailbox_key(AccountSpec const& account) {
    auto const& mailbox = account.authorize_as.empty() ? account.login : account.authorize_as;
    return server_name(account) + '\n' + ascii_lower(mailbox);
}

Schedule make_schedule(std::vector<Candidate> const& candidates, config::Config::Limits const& limits,
                       HostHealth const& health, WallTime now) {
    Usage usage(limits, health, now);
    for (auto const& job : candidates) {
        if (job.running) usage.take(job);
    }
    Schedule schedule;
    std::vector<Candidate const*> starting;
    for (auto const& job : candidates) {
        if (job.running) continue;
        auto const due = std::max(job.due, usage.closed_until(job));
        if (due > now) {
            schedule.wake = std::min(schedule.wake.value_or(due), due);
        } else if (usage.fits(job)) {
            usage.take(job);
            schedule.start.push_back({job.id});
            starting.push_back(&job);
        }
    }
    auto const lanes_max = std::min(limits.lanes_per_job, lanes_at_start_max);
    for (std::uint32_t lanes = 1; lanes < lanes_max; ++lanes) {
        for (std::size_t i = 0; i < starting.size(); ++i) {
            if (!usage.fits_further_lane(*starting[i])) continue;
            usage.take_lanes(*starting[i], 1);
            ++schedule.start[i].lanes;
        }
    }
    auto const ready = std::ranges::count_if(
        candidates, [&](Candidate const& job) { return job.running || job.due <= now; });
    if (ready == 1 && schedule.start.size() == 1) schedule.start.front().alone = true;
    return schedule;
}

bool has_room(JobId id, std::vector<Candidate> const& candidates, config::Config::Limits const& limits,
              HostHealth const& health, WallTime now) {
    Usage usage(limits, health, now);
    Candidate const* asking = nullptr;
    for (auto const& job : candidates) {
        if (job.running) usage.take(job);
        if (job.running && job.id == id) asking = &job;
    }
    return asking != nullptr && asking->lanes < limits.lanes_per_job && usage.fits_further_lane(*asking);
}

}  // namespace imapcopy::jobs
