#pragma once

// What the system knows of the other end of a TCP connection. Apart from everything else, since the system's
// own header does not go together with that of the C library.

#include "common/clock_types.hpp"

namespace imapcopy::net {

/// How long the peer has had no room for more, while there was more to send: it does not read. 0 where
/// `descriptor` is no TCP connection.
Duration time_without_window(int descriptor);

}  // namespace imapcopy::net
