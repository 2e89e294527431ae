#pragma once

// An account at an IMAP server as the engine sees it. The only door from copy to imap.

#include <memory>

#include "daemon/copy/endpoint.hpp"
#include "daemon/imap/session.hpp"

namespace imapcopy::copy {

/// How COMPRESS has gone so far, over all connections to one account.
struct CompressionTrial {
    bool begun = false;   ///< Some connection has asked for it.
    bool proven = false;  ///< And went on well with it.
};

struct ImapOptions {
    imap::SessionTimeouts timeouts;
    /// Bytes/s: a connection whose line is slower, and what it waits for, is compressed where the server
    /// offers it (RFC 4978). 0: never.
    std::uint64_t compress_below = 0;
    /// Outlives the endpoints that share it. Until one has proven it, no other asks for compression: where it
    /// is refused, or breaks connections, it is tried once. None: every endpoint tries for itself.
    CompressionTrial* compression = nullptr;
};

/// Connects and logs in; throws Failure like imap::Session::open. `context` and `connector` outlive the
/// endpoint. Calls that are under way must have ended before the endpoint is destroyed: abort() makes them.
Task<std::unique_ptr<Endpoint>> open_imap_endpoint(Context context, net::Connector& connector,
                                                   net::Target target, imap::Credentials credentials,
                                                   Side side, ImapOptions options = {});

}  // namespace imapcopy::copy
