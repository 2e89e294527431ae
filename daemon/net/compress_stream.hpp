#pragma once

// COMPRESS=DEFLATE (RFC 4978) over any Stream.

#include <memory>

#include "daemon/net/stream.hpp"

namespace imapcopy::net {

/// `stream` from now on with raw DEFLATE (RFC 1951) in both directions, to be wrapped between two operations.
/// Every write is flushed, so the peer can read all of it at once. Memory is bounded, whatever the peer
/// sends: about 320 KiB, and no read inflates more than its buffer holds. Also throws connection_lost for
/// bytes that are no DEFLATE. start_tls() is refused as a mistake of the caller: TLS comes first.
std::unique_ptr<Stream> compress(std::unique_ptr<Stream> stream);

}  // namespace imapcopy::net
