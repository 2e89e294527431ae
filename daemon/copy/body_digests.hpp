#pragma once

// Digests of bodies read back from a server.

#include "daemon/copy/lane.hpp"
#include "daemon/copy/plan.hpp"

namespace imapcopy::copy {

/// SHA-256 of each body, in the order of delivery; messages that are not delivered are left out.
Task<std::vector<HashedMessage>> body_digests(Endpoint& endpoint, MailboxName mailbox, std::vector<Uid> uids);

/// The same of messages of the source, ascending. Those at which it ends the connection are found out, and
/// left out then, as where they are copied (deadly_messages.hpp).
Task<std::vector<HashedMessage>> source_digests(LaneParts& parts, MailboxName mailbox, std::vector<Uid> uids);

}  // namespace imapcopy::copy
