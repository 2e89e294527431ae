#pragma once

// A message, folder or attribute that did not come over, and why.

#include <cstdint>
#include <string>

#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// Listed in the report; where it is a message, the journal keeps it too.
struct Exception {
    std::string folder;  ///< Source folder, UTF-8.
    Uid uid;             ///< 0: the folder as a whole.
    std::string code;    ///< Error name: "AppendRejected", "FolderNameCollision", …
    std::uint64_t size_bytes = 0;
    std::string text;  ///< One sentence; the server's words escaped.
    bool operator==(Exception const&) const = default;
};

}  // namespace imapcopy::copy
