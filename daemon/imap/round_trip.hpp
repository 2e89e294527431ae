#pragma once

// RoundTrip: how long a server, and the way to it and back, need for an answer at least. Pure.

#include <algorithm>
#include <cstddef>
#include <optional>

#include "common/clock_types.hpp"
#include "daemon/imap/protocol.hpp"

namespace imapcopy::imap {

/// Looks at commands that were sent while no answer was outstanding: those need not wait for others.
class RoundTrip {
 public:
    /// The server owes an answer to `command` from now on.
    void await_began(CommandId command, TimePoint now) {
        if (awaited_++ == 0) alone_ = {command, now};
    }
    /// Before await_ended, if the answer is that `command` was carried out. A refusal proves nothing: it may
    /// have left before the command was whole.
    void carried_out(CommandId command, TimePoint now) {
        if (!alone_ || alone_->command != command) return;
        least_ = std::min(least_.value_or(Duration::max()), now - alone_->since);
    }
    /// It owes it no longer, for whatever reason.
    void await_ended(CommandId command) {
        --awaited_;
        if (alone_ && alone_->command == command) alone_.reset();
    }

    /// The shortest one so far; 0: there was none.
    Duration least() const { return least_.value_or(Duration::zero()); }

 private:
    struct Question {
        CommandId command;
        TimePoint since;
    };
    std::size_t awaited_ = 0;
    std::optional<Question> alone_;
    std::optional<Duration> least_;
};

}  // namespace imapcopy::imap
