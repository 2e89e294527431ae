#pragma once

// What the destination folder held before, and nobody claims.

#include "daemon/copy/lane.hpp"
#include "daemon/copy/plan.hpp"

namespace imapcopy::copy {

/// Unclaimed messages that were in the destination folder before this pass.
Task<Nominees> list_nominees(LaneParts& parts, FolderWork& folder);

}  // namespace imapcopy::copy
