#include "daemon/copy/deadly_messages.hpp"

#include <algorithm>

namespace imapcopy::copy {
namespace {

constexpr int lone_losses_max = 2;
constexpr std::size_t row_max = 256;

}  // namespace

bool DeadlyMessages::may_have_caused(Error const& error) {
    bool const ended = error.code == ErrorCode::connection_lost || error.code == ErrorCode::timed_out ||
                       error.code == ErrorCode::server_bug;
    return ended && error.side == Side::source;
}

void DeadlyMessages::add(MailboxName const& mailbox, std::vector<Uid> const& awaited) {
    if (awaited.empty()) return;
    auto const known = lone_losses_.find({mailbox.wire, awaited.front()});
    if (known != lone_losses_.end()) {
        if (known->second == lone_losses_max) return;
        ++known->second;
        ++lessons_;
        return;
    }
    for (std::size_t i = 0; i < std::min(row_, awaited.size()); ++i)
        lone_losses_.try_emplace({mailbox.wire, awaited[i]}, 0);
    row_ = std::min(4 * row_, row_max);
}

bool DeadlyMessages::is_deadly(MailboxName const& mailbox, Uid uid) const {
    auto const place = lone_losses_.find({mailbox.wire, uid});
    return place != lone_losses_.end() && place->second == lone_losses_max;
}

}  // namespace imapcopy::copy
