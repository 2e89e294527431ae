#pragma once

// The small values that protocol and session share.

#include <set>
#include <string>

#include "daemon/imap/codec/response.hpp"

namespace imapcopy::imap {

/// Upper-case capability names of the moment; re-read after TLS and after login.
using Capabilities = std::set<std::string, std::less<>>;

/// The tagged reply of one command. `ok()`, or the server's refusal as a value.
struct Reply {
    response::StatusKind kind = response::StatusKind::ok;
    response::Code code;
    std::string text;
    bool ok() const { return kind == response::StatusKind::ok; }
};

}  // namespace imapcopy::imap
