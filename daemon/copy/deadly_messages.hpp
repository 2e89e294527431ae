#pragma once

// Messages of the source at which the connection ends: a server that cannot read one may drop whoever asks
// for it (Dovecot's imap_fetch_failure=disconnect-immediately). Pure.

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// What the tries of one pass have learnt. A message that was under way when the connection ended is asked
/// for alone from then on, after all others; if that fails twice, it is given up for this pass.
class DeadlyMessages {
 public:
    /// The connection ended, or could not be understood any more, while this message was awaited.
    void add(MailboxName const& mailbox, Uid uid);
    /// It is to be asked for alone.
    bool is_suspect(MailboxName const& mailbox, Uid uid) const { return lone_losses(mailbox, uid) >= 0; }
    /// It is not to be asked for any more.
    bool is_deadly(MailboxName const& mailbox, Uid uid) const { return lone_losses(mailbox, uid) >= 2; }
    /// Grows whenever something was learnt of a message that was asked for alone.
    std::uint64_t lessons() const { return lessons_; }

 private:
    /// -1: not a suspect.
    int lone_losses(MailboxName const& mailbox, Uid uid) const;

    std::map<std::pair<std::string, Uid>, int> lone_losses_;  ///< By spelling on the wire and UID.
    std::uint64_t lessons_ = 0;
};

}  // namespace imapcopy::copy
