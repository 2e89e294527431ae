#include "daemon/copy/deadly_messages.hpp"

namespace imapcopy::copy {

void DeadlyMessages::add(MailboxName const& mailbox, Uid uid) {
    auto const [place, first] = lone_losses_.try_emplace({mailbox.wire, uid}, 0);
    if (first) return;
    ++place->second;
    ++lessons_;
}

int DeadlyMessages::lone_losses(MailboxName const& mailbox, Uid uid) const {
    auto const place = lone_losses_.find({mailbox.wire, uid});
    return place == lone_losses_.end() ? -1 : place->second;
}

}  // namespace imapcopy::copy
