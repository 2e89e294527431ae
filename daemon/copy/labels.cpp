#include "daemon/copy/labels.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "common/text.hpp"

namespace imapcopy::copy {
namespace {

constexpr std::size_t last_rank = std::numeric_limits<std::size_t>::max();

/// What the settings of Gmail offer as the largest number of messages that a folder shows.
constexpr std::array<std::uint32_t, 4> shown_messages_max = {1000, 2000, 5000, 10'000};

struct SystemLabel {
    std::string_view label;
    Role role;
};
constexpr std::array system_labels = {
    SystemLabel{"\\Inbox", Role::inbox},
    SystemLabel{"\\Sent", Role::sent},
    SystemLabel{"\\Draft", Role::drafts},
    SystemLabel{"\\Drafts", Role::drafts},
};

bool shows_all(Mailbox const& mailbox) {
    if (!mailbox.status) return false;
    return std::ranges::find(shown_messages_max, mailbox.status->messages) == shown_messages_max.end();
}

std::string key_of(std::string const& label) {
    auto const system = std::ranges::find_if(
        system_labels, [&](SystemLabel const& each) { return ascii_iequals(each.label, label); });
    return system == system_labels.end() ? MailboxName::from_wire(label).utf8 : ascii_lower(label);
}

}  // namespace

LabelFolders::LabelFolders(std::vector<MappedFolder> const& folders, LabelPolicy policy) {
    for (std::size_t i = 0; i < folders.size(); ++i) {
        auto const& mailbox = folders[i].source;
        if (mailbox.role == Role::trash || mailbox.role == Role::junk) continue;
        bool const all = mailbox.role == Role::all;
        if (all || policy == LabelPolicy::once) ranks_.emplace(mailbox.name.wire, all ? last_rank : i);
        if (all || !shows_all(mailbox)) continue;
        label_ranks_.emplace(mailbox.name.utf8, i);
        for (auto const& [label, role] : system_labels) {
            if (role == mailbox.role) label_ranks_.emplace(ascii_lower(label), i);
        }
    }
}

void LabelFolders::give_up(MailboxName const& folder) {
    auto const own = label_ranks_.find(folder.utf8);
    if (own == label_ranks_.end()) return;
    auto const rank = own->second;
    std::erase_if(label_ranks_, [rank](auto const& label) { return label.second == rank; });
}

bool LabelFolders::stands_elsewhere(MailboxName const& folder, std::vector<std::string> const& labels) const {
    auto const own = ranks_.find(folder.wire);
    if (own == ranks_.end()) return false;
    return std::ranges::any_of(labels, [&](std::string const& label) {
        auto const other = label_ranks_.find(key_of(label));
        return other != label_ranks_.end() && other->second < own->second;
    });
}

}  // namespace imapcopy::copy
