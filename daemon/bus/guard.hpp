#pragma once

// The check that stands in front of every property getter, with the error in the bus library's own type.

#include <string_view>

#include "daemon/bus/authorize.hpp"
#include "daemon/bus/calls.hpp"

namespace imapcopy::bus {

/// Throws sdbus::Error where the caller may not read.
inline void guard_read(Authorizer& authorizer, std::string_view interface, std::string_view property) {
    try {
        authorizer.authorize_read(interface, property);
    } catch (Failure const& failure) {
        throw to_bus_error(failure.error());
    }
}

}  // namespace imapcopy::bus
