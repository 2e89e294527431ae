#include "daemon/imap/progress_watch.hpp"

#include <algorithm>
#include <utility>

namespace imapcopy::imap {
namespace {

std::string seconds_text(Duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

}  // namespace

void ProgressWatch::await_began(TimePoint now) {
    last_byte_ = now;
    if (awaited_++ == 0) command_start_ = now;
}

void ProgressWatch::await_ended(TimePoint now) {
    --awaited_;
    command_start_ = now;
}

void ProgressWatch::body_began(TimePoint now) {
    if (std::exchange(in_body_, true)) return;
    window_start_ = now;
    window_bytes_ = 0;
}

void ProgressWatch::hold(TimePoint now) {
    held_since_ = now;
}

void ProgressWatch::release(TimePoint now) {
    if (!held_since_) return;
    auto const pause = now - *held_since_;
    held_since_.reset();
    command_start_ += pause;
    window_start_ += pause;
    last_byte_ = now;
}

void ProgressWatch::write_began(TimePoint now, std::uint64_t bytes) {
    auto const slowest =
        std::chrono::minutes(bytes / std::max<std::uint64_t>(timeouts_.body_bytes_per_minute_min, 1));
    write_deadline_ = now + timeouts_.idle + slowest;
}

void ProgressWatch::write_ended(TimePoint now) {
    write_deadline_.reset();
    last_byte_ = now;
}

std::optional<TimePoint> ProgressWatch::deadline() const {
    if (write_deadline_) return write_deadline_;
    if (!servers_turn()) return std::nullopt;
    auto const next = std::min(last_byte_ + timeouts_.idle, command_start_ + command_limit_);
    return in_body_ ? std::min(next, window_start_ + timeouts_.idle) : next;
}

std::optional<std::string> ProgressWatch::exceeded(TimePoint now) {
    if (write_deadline_ && now >= *write_deadline_) return "the server took too long to accept what was sent";
    if (!servers_turn()) return std::nullopt;
    if (now >= last_byte_ + timeouts_.idle) return "silent for " + seconds_text(timeouts_.idle);
    if (in_body_ && now >= window_start_ + timeouts_.idle) {
        if (window_bytes_ < window_bytes_min()) {
            return "only " + std::to_string(window_bytes_) + " bytes of a message in " +
                   seconds_text(timeouts_.idle);
        }
        window_start_ = now;
        window_bytes_ = 0;
        command_start_ = now;
    }
    if (now >= command_start_ + command_limit_)
        return "one command took over " + seconds_text(command_limit_);
    return std::nullopt;
}

std::uint64_t ProgressWatch::window_bytes_min() const {
    auto const seconds = std::chrono::duration_cast<std::chrono::seconds>(timeouts_.idle).count();
    return timeouts_.body_bytes_per_minute_min * static_cast<std::uint64_t>(seconds) / 60;
}

}  // namespace imapcopy::imap
