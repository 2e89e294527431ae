#pragma once

// How a verification reads a folder of each side: in windows, into compact records.

#include <set>
#include <vector>

#include "daemon/copy/connected.hpp"
#include "daemon/copy/labels.hpp"
#include "daemon/copy/verify.hpp"

namespace imapcopy::copy {

using Messages = std::vector<IndexedMessage>;

/// What every reader keeps to.
struct Reading {
    Context context;
    VerifyOptions const& options;
    TimePoint deadline;
    std::set<Digest> reports;  ///< Completion mails: they belong to no copy.
    LabelFolders labels;       ///< Of the source.
};

/// For between any two steps. Throws Failure(cancelled) and Failure(timed_out).
void check_limits(Reading const& reading);

/// Runs one task for each side to their ends; throws what failed first. A failure of one ends the other's
/// connection: nobody waits for it. Cancellation does not reach them; the stop signal does.
Task<> both(Connected& connected, Task<> source, Task<> destination);

/// A folder as the server lists it.
struct Listed {
    Messages messages;       ///< Without completion mails and `elsewhere`, ascending by UID.
    Messages elsewhere;      ///< Those that stand in another folder, too, and belong there. The same.
    std::uint64_t seen = 0;  ///< All of them.
};

/// Lists a folder. References outlive the call.
Task<> list_side(Reading const& reading, Endpoint& endpoint, MailboxName mailbox, MailboxStatus status,
                 Listed& listed);

/// Reads the bodies of `uids`, which ascend, and notes their digests in `messages`. Those that the server
/// does not give are taken out of it and go to `unread`. References outlive the call.
Task<> digest_side(Reading const& reading, Endpoint& endpoint, MailboxName mailbox, std::vector<Uid> uids,
                   Messages& messages, std::vector<Uid>& unread);

}  // namespace imapcopy::copy
