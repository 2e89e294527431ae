#include "daemon/jobs/retry.hpp"

#include <algorithm>
#include <chrono>

#include "common/messages.hpp"
#include "daemon/jobs/transition.hpp"

namespace imapcopy::jobs {
namespace {

using std::chrono::seconds;

constexpr seconds quota_probe_min = std::chrono::minutes(15);
constexpr seconds quota_probe_max = std::chrono::hours(4);
constexpr seconds store_probe = std::chrono::minutes(1);
/// A server that asks for longer is asked again all the same: its clock or ours may be wrong.
constexpr seconds pause_max = std::chrono::hours(24);
/// A server that throttles without naming a time is left alone at least this long.
constexpr seconds throttled_min = std::chrono::minutes(1);

/// base · 2^(attempts - 1), at most `most`.
seconds doubled(seconds base, std::uint32_t attempts, seconds most) {
    auto value = std::min(base, most);
    for (std::uint32_t i = 1; i < attempts && value < most; ++i) value = std::min(value * 2, most);
    return value;
}

Duration backoff(RetryQuestion const& question, config::Config::Retry const& config) {
    auto const window = doubled(config.delay_min * 2, question.attempts_without_progress, config.delay_max);
    auto const spread = std::max(Duration(window) - Duration(config.delay_min), Duration::zero());
    // In milliseconds, so that the product of an hour and the jitter stays far below 2^63.
    auto const span = std::chrono::duration_cast<std::chrono::milliseconds>(spread).count();
    auto const part = span * static_cast<std::int64_t>(question.jitter) / (std::int64_t{1} << 32U);
    return Duration(config.delay_min) + std::chrono::milliseconds(part);
}

WaitReason network_reason(ErrorCode code) {
    bool const host = code == ErrorCode::too_many_connections || code == ErrorCode::unavailable ||
                      code == ErrorCode::in_use;
    return host ? WaitReason::host : WaitReason::network;
}

}  // namespace

bool is_of_store(ErrorCode code) {
    return code == ErrorCode::store_full || code == ErrorCode::store_corrupt;
}

RetryAnswer next_retry(RetryQuestion const& question, config::Config::Retry const& config) {
    auto const pause = std::min(seconds(question.error.pause_seconds), pause_max);
    // What the database has failed to write is safe at the servers: the job waits, and goes on from there.
    if (question.error.code == ErrorCode::store_full) {
        return {RetryKind::later, WaitReason::store, store_probe};
    }
    if (question.error.code == ErrorCode::store_corrupt) return {RetryKind::parked, WaitReason::store, {}};
    bool const exhausted = question.attempts_without_progress >= config.attempts_max;
    switch (info(question.error.code).retry) {
        case RetryClass::never: return {};
        case RetryClass::credentials: return {RetryKind::parked, WaitReason::credentials, {}};
        case RetryClass::quota: {
            auto const probe = doubled(quota_probe_min, question.attempts_without_progress, quota_probe_max);
            return {RetryKind::later, WaitReason::quota, std::max(probe, pause)};
        }
        case RetryClass::throttled: {
            if (exhausted) return {};
            auto const delay = std::max(backoff(question, config), Duration(std::max(pause, throttled_min)));
            return {RetryKind::later, WaitReason::throttled, delay};
        }
        case RetryClass::backoff: {
            if (exhausted) return {};
            auto const delay = std::max(backoff(question, config), Duration(pause));
            return {RetryKind::later, network_reason(question.error.code), delay};
        }
    }
    return {};
}

Error believed(Error error, Reached reached) {
    if (error.code == ErrorCode::auth_rejected && reached == Reached::yes)
        error.code = ErrorCode::unavailable;
    return error;
}

bool wants_password(Error const& error) {
    return info(error.code).retry == RetryClass::credentials;
}

bool lacks_password(JobView const& view) {
    return view.error && wants_password(*view.error);
}

bool lacks_password(JobView const& view, Side side) {
    return lacks_password(view) && view.error->side.value_or(side) == side;
}

bool is_dated_ahead(JobView const& view, WallTime now) {
    constexpr auto step_min = std::chrono::minutes(1);  // What time servers correct is no matter.
    return view.last_activity > now + step_min;
}

std::optional<RetryAnswer> wait_after_hold(JobView const& view, Duration pause_left) {
    if (lacks_password(view)) return RetryAnswer{RetryKind::parked, WaitReason::credentials, {}};
    if (view.error && pause_left > Duration::zero())
        return RetryAnswer{RetryKind::later, WaitReason::throttled, pause_left};
    return std::nullopt;
}

AccountSpec const& account_of(JobView const& view, Error const& error) {
    return error.side == Side::source ? view.spec.source : view.spec.destination;
}

std::string wait_text(JobView const& view, RetryAnswer const& answer, Error const& error) {
    auto const side = error.side.value_or(Side::destination);
    auto const& account = account_of(view, error);
    switch (answer.reason) {
        case WaitReason::credentials:
            return message(Message::reason_credentials, language_of_reasons,
                           {to_string(error), to_string(view.id), to_string(side)});
        case WaitReason::quota: return message(Message::reason_quota, language_of_reasons, {account.host});
        case WaitReason::throttled:
            if (error.pause_seconds == 0)
                return message(Message::reason_throttled, language_of_reasons, {account.host});
            return message(Message::reason_pause, language_of_reasons,
                           {account.host, std::to_string(error.pause_seconds)});
        case WaitReason::none:
        case WaitReason::network:
        case WaitReason::hours:
        case WaitReason::host:
        case WaitReason::held:
        case WaitReason::store: break;
    }
    return to_string(error);
}

}  // namespace imapcopy::jobs
