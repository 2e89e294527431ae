#pragma once

// Folders to which a server gives another UIDVALIDITY each time that they are opened (seen: GNU Mailutils
// with a Maildir that it misreads). No UID means anything there for longer than one opening.

#include "daemon/copy/lane.hpp"

namespace imapcopy::copy {

/// After a try that ended because a UIDVALIDITY had changed: opens each folder at the source, and at the
/// destination those that have another one than the journal knows. Who gets yet another one is given up, and
/// the report says so; the other folders go on. Nothing is written to either side. Costs a round trip for
/// each folder that is opened.
Task<> give_up_restless_folders(LaneParts& parts);

}  // namespace imapcopy::copy
