#pragma once

#include "daemon/copy/endpoint.hpp"

namespace imapcopy::copy {

/// Fills `view` with all folders and the status of the selectable ones, even where LIST did not bring it
/// along. Both references outlive the call. Throws Failure like Endpoint::list.
Task<> view_side(Endpoint& endpoint, AccountView& view);

}  // namespace imapcopy::copy
