#pragma once

// Source mailbox name → destination mailbox name. Pure and deterministic: the same two views give the same
// map.

#include <string>
#include <vector>

#include "common/job.hpp"
#include "daemon/copy/exception.hpp"
#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// One selected source folder and where it goes.
struct MappedFolder {
    Mailbox source;
    std::string
        path;  ///< Of the source, levels joined with "/", personal prefix removed; for people and patterns.
    MailboxName destination;
    MailboxName
        refuge;  ///< Where it goes if the destination refuses that name: the same each time, plain ASCII.
    bool exists = false;  ///< At the destination.
    bool destination_selectable = true;
    bool destination_subscribed = false;
    std::optional<MailboxStatus> destination_status;  ///< Where the listing told it.
};

struct MailboxMap {
    /// Folders that hold messages, INBOX first, then by path. \Noselect ones are not here: their children
    /// bring them along at the destination.
    std::vector<MappedFolder> folders;
    /// What is not copied or gets another name, and why.
    std::vector<Exception> notes;
};

/// Rules in this order: include and exclude choose; "--rename" wins for a folder and what lies below it;
/// INBOX is INBOX; a folder with a SPECIAL-USE role meets the destination's folder of that role, where a side
/// announces no roles by its usual names in the languages we speak; else the same levels under the
/// destination's prefix and separator; "--below" puts everything under one folder. Views that repeat others
/// (\Flagged, \Important) are left out. A level that holds the destination's separator, or a name that is
/// already taken, gets a visible other name, and a note.
MailboxMap map_mailboxes(AccountView const& source, AccountView const& destination,
                         FolderOptions const& options);

/// The role that a folder name at the top level usually has ("Sent Items", "Éléments envoyés", …), or none.
Role usual_role(std::string_view name);

/// "INBOX" without regard to case, else `utf8` without `prefix`, split at the separator.
std::vector<std::string> levels_of(Mailbox const& mailbox, AccountView const& account);

}  // namespace imapcopy::copy
