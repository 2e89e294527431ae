#include "daemon/copy/account_view.hpp"

#include <algorithm>

namespace imapcopy::copy {

Task<> view_side(Endpoint& endpoint, AccountView& view) {
    view = co_await endpoint.list();
    std::vector<MailboxName> names;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < view.mailboxes.size(); ++i) {
        auto const& mailbox = view.mailboxes[i];
        if (!mailbox.selectable || mailbox.status) continue;
        names.push_back(mailbox.name);
        places.push_back(i);
    }
    if (names.empty()) co_return;
    auto const statuses = co_await endpoint.status(std::move(names));
    for (std::size_t i = 0; i < places.size(); ++i) view.mailboxes[places[i]].status = statuses[i];
}

Task<bool> is_incomplete(Endpoint& endpoint, MailboxName mailbox, MailboxStatus before, std::uint64_t seen) {
    if (seen >= before.messages) co_return false;
    std::vector<MailboxName> names{std::move(mailbox)};
    auto const statuses = co_await endpoint.status(std::move(names));
    auto const now = statuses.front().value_or(before);
    auto const arrived = now.uid_next.value() - std::min(before.uid_next.value(), now.uid_next.value());
    co_return seen + arrived < now.messages;
}

}  // namespace imapcopy::copy
