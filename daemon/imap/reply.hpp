#pragma once

// The small values that protocol and session share.

#include <set>
#include <string>

#include "daemon/imap/codec/response.hpp"

namespace imapcopy::imap {

/// Upper-case capability names of the moment; re-read after TLS and after login.
using Capabilities = std::set<std::string, std::less<>>;

/// True for a server that offers IMAP4rev2 (RFC 9051) and not IMAP4rev1: it needs no ENABLE, and its mailbox
/// names are UTF-8.
inline bool speaks_only_rev2(Capabilities const& capabilities) {
    return capabilities.contains("IMAP4REV2") && !capabilities.contains("IMAP4REV1");
}

/// The tagged reply of one command. `ok()`, or the server's refusal as a value.
struct Reply {
    response::StatusKind kind = response::StatusKind::ok;
    response::Code code;
    std::string text;
    bool ok() const { return kind == response::StatusKind::ok; }
};

}  // namespace imapcopy::imap
