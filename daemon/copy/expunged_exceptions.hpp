#pragma once

// Exceptions of earlier passes: those whose message has left the source are none any more.

#include "daemon/copy/folder_work.hpp"
#include "daemon/copy/lane.hpp"

namespace imapcopy::copy {

/// Asks the source for the messages that the journal lists as exceptions of `folder`, and forgets those that
/// are not there. Both outlive the call.
Task<> forget_expunged_exceptions(LaneParts& parts, FolderWork& folder);

}  // namespace imapcopy::copy
