#pragma once

// Some servers store what APPEND brings and forget the flags that it gives (seen: GNU Mailutils). A listing
// of copies shows it, and STORE mends it.

#include <map>
#include <string>
#include <vector>

#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/journal.hpp"

namespace imapcopy::copy {

/// One copy: what its APPEND gave it, and what a listing shows.
struct AppendedFlags {
    Uid source_uid;
    Uid destination_uid;
    Flags recorded;  ///< What the journal has for set: `given`, and perhaps what was refused.
    Flags given;
    Flags found;
};

enum class FlagKeeping : std::uint8_t {
    untold,   ///< No copy was given a flag.
    keeps,    ///< A copy has one that it was given.
    forgets,  ///< No copy has any, although some were given.
};
FlagKeeping judge_flags(std::vector<AppendedFlags> const& copies);
/// Of copies that have none of the flags they were given: true if these were of two kinds or more. A user
/// marks a folder as unread with one command; that he has taken away everything is less likely than that
/// his server has lost it (seen: Dovecot, which was killed and built its index anew).
bool have_lost_several_kinds(std::vector<AppendedFlags> const& copies);

/// The folders of the destination as one pass found them: what it has stored there came since.
class FoundFolders {
 public:
    /// Of each epoch of a folder the first status counts.
    void add(MailboxName const& mailbox, MailboxStatus const& status);
    /// False where nobody knows.
    bool came_since(MailboxName const& mailbox, UidValidity uid_validity, Uid uid) const;

 private:
    std::map<std::string, MailboxStatus> by_name_;  ///< As on the wire.
};

/// Adds to what a report says of the copy that it was found without flags which APPEND gave it, and that
/// nobody knows who has taken them away.
void note_missing_flags(Outcome& outcome, AppendedFlags const& copy);

/// To be called before the copies are recorded as done: the journal learns that what they lack is not set.
/// Whatever happens from then on, the next pass takes it for flags that came at the source since, and brings
/// them.
Task<> admit_forgotten_flags(Journal& journal, FolderId folder, std::vector<AppendedFlags> copies);

/// To be called when the copies are recorded as done: sets what they lack, and records it. What the
/// destination refuses is listed by every report. Opens the folder first: its server may not have seen yet
/// what came since it was opened. Nothing is set in a folder of another UIDVALIDITY. Costs a round trip, and
/// one for each combination of flags.
Task<> set_forgotten_flags(Endpoint& destination, Journal& journal, MailboxName mailbox, FolderId folder,
                           UidValidity uid_validity, std::vector<AppendedFlags> copies);

}  // namespace imapcopy::copy
