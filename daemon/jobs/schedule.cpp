#include "daemon/jobs/schedule.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "common/account_address.hpp"
#include "common/text.hpp"

namespace imapcopy::jobs {
namespace {

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
        // Both sides may be on the same host, or even in the same account.
        auto hosts = Counts();
        hosts[job.source.host] += job.source.connections;
        hosts[job.destination.host] += job.destination.connections;
        bool const hosts_fit = std::ranges::all_of(hosts, [&](auto const& use) {
            auto const& [host, connections] = use;
            return count(connecting_, host) < health_.connecting_max(host) &&
                   fits(hosts_, host, connections, limits_.connections_per_host);
        });
        return hosts_fit && fits_account(job.source) && fits_account(job.destination);
    }

    void take(Candidate const& job) {
        ++jobs_;
        writers_.insert(job.destination.account);
        for (auto const* side : {&job.source, &job.destination}) {
            hosts_[side->host] += side->connections;
            accounts_[side->account] += side->connections;
            if (!job.running || side->connecting) ++connecting_[side->host];
        }
    }

 private:
    using Counts = std::map<std::string, std::uint32_t>;

    static std::uint32_t count(Counts const& counts, std::string const& key) {
        auto const found = counts.find(key);
        return found == counts.end() ? 0 : found->second;
    }

    bool fits(Counts const& counts, std::string const& key, std::uint32_t more, std::uint32_t most) const {
        auto const used = count(counts, key);
        return used == 0 || used + more <= health_.connections_max(key, most, now_);
    }

    bool fits_account(SideUse const& side) const {
        auto most = limits_.connections_per_account;
        if (side.account_connections_max > 0) most = std::min(most, side.account_connections_max);
        return fits(accounts_, side.account, side.connections, most);
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
    for (auto const& job : candidates) {
        if (job.running) continue;
        auto const due = std::max(job.due, usage.closed_until(job));
        if (due > now) {
            schedule.wake = std::min(schedule.wake.value_or(due), due);
        } else if (usage.fits(job)) {
            usage.take(job);
            schedule.start.push_back(job.id);
        }
    }
    return schedule;
}

}  // namespace imapcopy::jobs
