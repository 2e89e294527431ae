#pragma once

// ProgressWatch: until when the server has to do what. Pure; the connection sets its alarm by it.

#include <cstdint>
#include <optional>
#include <string>

#include "common/clock_types.hpp"
#include "daemon/imap/session.hpp"

namespace imapcopy::imap {

/// While the server owes an answer, three limits run: silence (renewed by every byte), the time of one
/// command, and the least speed inside a body. None of them runs while it is our turn: with nothing to
/// answer, while a reader of bodies holds us up, or while we write (which has a limit of its own by its
/// size).
class ProgressWatch {
 public:
    explicit ProgressWatch(SessionTimeouts const& timeouts)
        : timeouts_(timeouts), command_limit_(timeouts.command) {}

    /// Login is shorter than other commands.
    void set_command_limit(Duration limit) { command_limit_ = limit; }

    /// The server owes one answer more, one less.
    void await_began(TimePoint now);
    void await_ended(TimePoint now);
    void received(TimePoint now) { last_byte_ = now; }
    void body_began(TimePoint now);
    void body_received(std::uint64_t bytes) { window_bytes_ += bytes; }
    void body_ended() { in_body_ = false; }
    /// Back-pressure: nobody reads from the server.
    void hold(TimePoint now);
    void release(TimePoint now);
    void write_began(TimePoint now, std::uint64_t bytes);
    void write_ended(TimePoint now);

    /// When to look again; nothing while no limit runs.
    std::optional<TimePoint> deadline() const;
    /// What was exceeded, as a sentence, or nothing. A body that is fast enough renews the time of its
    /// command.
    std::optional<std::string> exceeded(TimePoint now);

 private:
    bool servers_turn() const { return awaited_ > 0 && !held_since_ && !write_deadline_; }
    std::uint64_t window_bytes_min() const;

    SessionTimeouts timeouts_;
    Duration command_limit_;
    std::uint64_t awaited_ = 0;
    TimePoint last_byte_{};
    TimePoint command_start_{};
    bool in_body_ = false;
    TimePoint window_start_{};
    std::uint64_t window_bytes_ = 0;
    std::optional<TimePoint> held_since_;
    std::optional<TimePoint> write_deadline_;
};

}  // namespace imapcopy::imap
