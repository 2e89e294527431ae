#pragma once

// Digests of bodies read back from a server.

#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/plan.hpp"

namespace imapcopy::copy {

/// SHA-256 of each body, in the order of delivery; messages that are not delivered are left out.
Task<std::vector<HashedMessage>> body_digests(Endpoint& endpoint, MailboxName mailbox, std::vector<Uid> uids);

}  // namespace imapcopy::copy
