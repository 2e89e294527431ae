#pragma once

// After a crash or a lost connection: did those APPENDs happen? Ask the destination, then record. Never
// guess.

#include "common/context.hpp"
#include "daemon/copy/appended_flags.hpp"
#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/journal.hpp"

namespace imapcopy::copy {

/// What listing a destination folder says about entries whose copy is not known. Pure: entries and messages
/// in, pairs out. A message is the copy of an entry if its fingerprint is equal and its UID is at least the
/// entry's base (where the UIDVALIDITY is the same); equal ones are paired in order of UIDs. Entries whose
/// headers say nothing are left.
std::vector<std::pair<Uid, Uid>> match_entries(LedgerView const& entries,
                                               std::vector<MessageMeta> const& destination,
                                               UidValidity uid_validity);

/// Finds the copies whose UID the server did not tell, by one listing. Before anything is adopted in that
/// folder: such a copy must not be taken for that of another, equal message. Copies that came since this pass
/// has `found` the folder, and whose flags the server has forgotten, get them, here and in settle(). Those of
/// earlier passes stay as they are: their user may have cleared the flags; every report names them.
Task<> find_unknown_uids(Endpoint& destination, Journal& journal, MailboxName mailbox, FolderId folder,
                         UidValidity uid_validity, FoundFolders const& found);

/// Messages that the destination has taken with OK and that are not there: its server has lost them, or
/// somebody was quick to move them.
struct MissingCopies {
    std::uint64_t messages = 0;  ///< At least: mail that came meanwhile may be copies which it has changed.
    /// No other mail came, so it is known which ones they are. They are recorded as ambiguous: the next pass
    /// looks for them once more, and copies those that it does not find.
    bool all_known = false;
};

/// As find_unknown_uids, at the end of a pass that has `stored` these messages of the source without being
/// told their UIDs.
Task<MissingCopies> find_missing_copies(Endpoint& destination, Journal& journal, MailboxName mailbox,
                                        FolderId folder, UidValidity uid_validity, UidSet const& stored,
                                        FoundFolders const& found);

/// What a look does with a folder that is another one than at the look before: its UIDVALIDITY has changed.
enum class ChangedFolder : std::uint8_t {
    ends_it,         ///< Throws Failure(uid_validity_changed). Whoever connects again waits and looks anew.
    is_passed_over,  ///< Its entries stay open. For folders that are others at each opening.
};

/// Waits `wait` (a server may store what it received long after our connection ended: measured), then looks
/// in each folder that has entries of unknown outcome, by listing from the base (a SEARCH may lag behind);
/// what is not found is looked for once more after half the wait. Found ones become done. What is still
/// absent stays open: it was not stored and is copied again with the base of its first attempt. Returns the
/// number found, or ends early (with what was found recorded) when a stop is requested.
Task<std::uint64_t> settle(Context context, Endpoint& destination, Journal& journal, Duration wait,
                           FoundFolders const& found, ChangedFolder changed);

/// One more such look, without a wait. A folder that has changed ends it.
Task<> look_again(Endpoint& destination, Journal& journal, FoundFolders const& found);

/// Sleeps in short steps, so that a stop is seen soon. False: stop.
Task<bool> wait_unless_stopped(Context context, Duration wait);

}  // namespace imapcopy::copy
