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
    explicit Usage(config::Config::Limits const& limits) : limits_(limits) {}

    bool full() const { return jobs_ >= limits_.max_jobs; }

    bool fits(Candidate const& job) const {
        if (full() || writers_.contains(job.destination.account)) return false;
        // Both sides may be on the same host, or even in the same account.
        auto hosts = std::map<std::string, std::uint32_t>();
        hosts[job.source.host] += job.source.connections;
        hosts[job.destination.host] += job.destination.connections;
        bool const hosts_fit = std::ranges::all_of(hosts, [&](auto const& use) {
            return fits(hosts_, use.first, use.second, limits_.connections_per_host);
        });
        return hosts_fit && fits_account(job.source) && fits_account(job.destination);
    }

    void take(Candidate const& job) {
        ++jobs_;
        writers_.insert(job.destination.account);
        for (auto const* side : {&job.source, &job.destination}) {
            hosts_[side->host] += side->connections;
            accounts_[side->account] += side->connections;
        }
    }

 private:
    using Counts = std::map<std::string, std::uint32_t>;

    static bool fits(Counts const& counts, std::string const& key, std::uint32_t more, std::uint32_t most) {
        auto const found = counts.find(key);
        auto const used = found == counts.end() ? 0 : found->second;
        return used == 0 || used + more <= most;
    }

    bool fits_account(SideUse const& side) const {
        auto most = limits_.connections_per_account;
        if (side.account_connections_max > 0) most = std::min(most, side.account_connections_max);
        return fits(accounts_, side.account, side.connections, most);
    }

    config::Config::Limits const& limits_;
    std::uint32_t jobs_ = 0;
    Counts hosts_;
    Counts accounts_;
    std::set<std::string> writers_;
};

}  // namespace

std::string mailbox_key(AccountSpec const& account) {
    auto const& mailbox = account.authorize_as.empty() ? account.login : account.authorize_as;
    return server_name(account) + '\n' + ascii_lower(mailbox);
}

Schedule make_schedule(std::vector<Candidate> const& candidates, config::Config::Limits const& limits,
                       WallTime now) {
    Usage usage(limits);
    for (auto const& job : candidates) {
        if (job.running) usage.take(job);
    }
    Schedule schedule;
    for (auto const& job : candidates) {
        if (job.running) continue;
        if (job.due > now) {
            schedule.wake = std::min(schedule.wake.value_or(job.due), job.due);
        } else if (usage.fits(job)) {
            usage.take(job);
            schedule.start.push_back(job.id);
        }
    }
    return schedule;
}

}  // namespace imapcopy::jobs
