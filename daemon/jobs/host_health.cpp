#include "daemon/jobs/host_health.hpp"

#include <array>
#include <limits>

namespace imapcopy::jobs {
namespace {

// A connection that is lost or silent later says little: a server ends sessions for many reasons.
constexpr std::array at_any_time = {ErrorCode::name_not_found, ErrorCode::connection_refused,
                                    ErrorCode::tls_handshake};
constexpr std::array before_the_login = {ErrorCode::connection_lost, ErrorCode::timed_out,
                                         ErrorCode::unavailable};

}  // namespace

bool counts_for_host(ErrorCode error, Reached reached) {
    if (std::ranges::find(at_any_time, error) != at_any_time.end()) return true;
    return reached == Reached::no && std::ranges::find(before_the_login, error) != before_the_login.end();
}

bool HostHealth::answered(std::string const& host) {
    auto& answers = answers_[host];
    bool const was_down = answers.failures > 0;
    auto const more = answers.connecting_max < std::numeric_limits<std::uint32_t>::max() ? 1U : 0U;
    answers = {answers.connecting_max + more, 0, {}, {}};
    return was_down;
}

void HostHealth::did_not_answer(std::string const& host, WallTime began, WallTime now) {
    auto& answers = answers_[host];
    // Of a clock that was set back since.
    if (answers.failed_at > now) answers = {};
    began = std::min(began, now);
    if (answers.failures > 0 && began <= answers.failed_at) return;
    auto const pause = answers.failures == 0 ? pause_first : pause_later;
    answers = {1, answers.failures + 1, now, std::max<WallTime>(began + pause, now + pause_min)};
}

void HostHealth::had_too_many(std::string const& key, std::uint32_t open, WallTime now) {
    limits_[key] = {connections_max(key, std::max(open, 1U), now), now};
}

WallTime HostHealth::closed_until(std::string const& host, WallTime now) const {
    auto const found = answers_.find(host);
    if (found == answers_.end()) return {};
    auto const& answers = found->second;
    bool const set_back = answers.failed_at > now;
    return answers.closed_until > now && !set_back ? answers.closed_until : WallTime{};
}

std::uint32_t HostHealth::connecting_max(std::string const& host) const {
    auto const found = answers_.find(host);
    return found == answers_.end() ? 1 : found->second.connecting_max;
}

std::uint32_t HostHealth::connections_max(std::string const& key, std::uint32_t configured,
                                          WallTime now) const {
    auto const found = limits_.find(key);
    if (found == limits_.end() || found->second.lowered_at > now) return configured;
    auto const regrown = (now - found->second.lowered_at) / regrowth;
    auto const most = std::int64_t{found->second.connections} + regrown;
    return static_cast<std::uint32_t>(std::min<std::int64_t>(most, configured));
}

}  // namespace imapcopy::jobs
