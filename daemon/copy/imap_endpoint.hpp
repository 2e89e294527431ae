#pragma once

// An account at an IMAP server as the engine sees it. The only door from copy to imap.

#include <memory>

#include "daemon/copy/endpoint.hpp"
#include "daemon/imap/session.hpp"

namespace imapcopy::copy {

struct ImapOptions {
    imap::SessionTimeouts timeouts;
    /// Bytes/s: a connection whose line is slower, and what it waits for, is compressed where the server
    /// offers it (RFC 4978). 0: never.
    std::uint64_t compress_below = 0;
};

/// Connects and logs in; throws Failure like imap::Session::open. `context` and `connector` outlive the
/// endpoint. Calls that are under way must have ended before the endpoint is destroyed: abort() makes them.
Task<std::unique_ptr<Endpoint>> open_imap_endpoint(Context context, net::Connector& connector,
                                                   net::Target target, imap::Credentials credentials,
                                                   Side side, ImapOptions options = {});

}  // namespace imapcopy::copy
