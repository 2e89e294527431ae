#pragma once

#include "daemon/copy/endpoint.hpp"

namespace imapcopy::copy {

/// Fills `view` with all folders and the status of the selectable ones, even where LIST did not bring it
/// along. Both references outlive the call. Throws Failure like Endpoint::list.
Task<> view_side(Endpoint& endpoint, AccountView& view);

/// True if the folder has more messages than were listed, and that is not explained by mail that came or went
/// meanwhile. `before`: its status before the listing.
Task<bool> is_incomplete(Endpoint& endpoint, MailboxName mailbox, MailboxStatus before, std::uint64_t seen);

}  // namespace imapcopy::copy
