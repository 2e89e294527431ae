#pragma once

// Before what was not found is appended again: one message alone. A server that was killed while it stored
// may keep messages that nobody can list, until an APPEND meets them: that one is refused, and the index is
// built anew (Dovecot's sdbox: "u.1 already exists, rebuilding index"). Whatever follows it on the wire would
// be stored beside what has come back.

#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/folder_work.hpp"
#include "daemon/copy/lane.hpp"

namespace imapcopy::copy {

/// Copies of each folder the first message that settle has not found, waits for the answers, and looks once
/// more for the others. `folders`: created and opened; nothing was appended to them in this try. May give one
/// up. Throws as copy_groups(): a refusal that is not about the message ends the try, and the next one
/// settles again.
Task<> probe(LaneParts& parts, std::vector<FolderWork*> folders);

}  // namespace imapcopy::copy
