#pragma once

// Messages of the source at which the connection ends: a server that cannot read one may drop whoever asks
// for it (Dovecot's imap_fetch_failure=disconnect-immediately). Pure.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/result.hpp"
#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// What the tries of one pass have learnt. A message that was awaited when the connection ended is asked for
/// alone from then on, after all others; if that fails twice, it is given up for this pass. The more often it
/// happens, the more messages behind that one are suspected, too: damage comes in rows, and a suspect that is
/// sound costs a round trip.
class DeadlyMessages {
 public:
    /// True for a failure that the message that was awaited may be the cause of.
    static bool may_have_caused(Error const& error);
    /// The connection ended, or could not be understood any more, while the first of these messages was
    /// awaited, and then the others in this order.
    void add(MailboxName const& mailbox, std::vector<Uid> const& awaited);
    /// It is to be asked for alone.
    bool is_suspect(MailboxName const& mailbox, Uid uid) const {
        return lone_losses_.contains({mailbox.wire, uid});
    }
    /// It is not to be asked for any more.
    bool is_deadly(MailboxName const& mailbox, Uid uid) const;
    /// Grows whenever something was learnt of a message that was asked for alone; at most twice for each.
    std::uint64_t lessons() const { return lessons_; }

 private:
    std::map<std::pair<std::string, Uid>, int> lone_losses_;  ///< By spelling on the wire and UID.
    std::uint64_t lessons_ = 0;
    std::size_t row_ = 1;  ///< So many are suspected next.
};

}  // namespace imapcopy::copy
