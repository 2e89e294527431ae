#pragma once

// HostHealth: which servers answer, and how many connections they take. Pure: it is told how attempts went,
// and the schedule asks it.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "common/job.hpp"

namespace imapcopy::jobs {

/// Whether an attempt had been logged in to the server that failed it.
enum class Reached : std::uint8_t { no, yes };

/// Whether `error` ended an attempt because of the server as a whole, and not of one login or mailbox: no
/// address, no connection, no TLS, no greeting, or "unavailable" before the login.
bool counts_for_host(ErrorCode error, Reached reached);

/// Hosts are named as in SideUse::host. Times are of one clock; one that is set back frees everything.
class HostHealth {
 public:
    /// How long a host that does not answer is left alone, counted from the attempt that failed: an hour
    /// costs at most 60 attempts, and whoever is back is noticed within about a minute.
    static constexpr std::chrono::seconds pause_first{20};
    static constexpr std::chrono::seconds pause_later{61};
    /// Between the end of an attempt that took longer than that and the next.
    static constexpr std::chrono::seconds pause_min{5};
    /// How long until a lowered number of connections is raised by one again.
    static constexpr std::chrono::minutes regrowth{10};

    /// A job got past its login, or was refused there. True: the host was believed to be down.
    bool answered(std::string const& host);
    /// A job's attempt that began at `began` failed, and counts_for_host. Attempts that were on their way
    /// when an earlier failure became known say nothing more.
    void did_not_answer(std::string const& host, WallTime began, WallTime now);
    /// The server refused a connection more than the `open` ones to `key`: a host, or a mailbox
    /// (SideUse::account) where it counts those of each login. No more than these from now on, but at least
    /// one.
    void had_too_many(std::string const& key, std::uint32_t open, WallTime now);

    /// Nobody connects before; 0: the host may be tried.
    WallTime closed_until(std::string const& host, WallTime now) const;
    /// Jobs that may be on their way to the host at the same time, without having reached it yet: one for an
    /// unknown host and after a failure, and one more for each that got there.
    std::uint32_t connecting_max(std::string const& host) const;
    /// The connections that `key` takes, at most `configured`.
    std::uint32_t connections_max(std::string const& key, std::uint32_t configured, WallTime now) const;

 private:
    struct Answers {
        std::uint32_t connecting_max = 1;
        std::uint32_t failures = 0;  ///< Since the last answer.
        WallTime failed_at = {};     ///< When the last failure became known.
        WallTime closed_until = {};
    };
    struct Limit {
        std::uint32_t connections = 0;
        WallTime lowered_at = {};
    };

    std::map<std::string, Answers> answers_;
    std::map<std::string, Limit> limits_;
};

}  // namespace imapcopy::jobs
