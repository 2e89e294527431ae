#include "daemon/copy/imap_reading.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "common/text.hpp"
#include "daemon/copy/identity.hpp"

namespace imapcopy::copy {
namespace {

namespace response = imap::response;

/// Half-answered messages that are kept at once; a sane server has one at most, but its dates may be
/// unreadable.
constexpr std::size_t pieces_max = 200'000;
/// Of one listing: one and a half million messages without keywords.
constexpr std::size_t listed_bytes_max = 192 * 1024 * 1024;
constexpr std::size_t message_bytes = 128;
constexpr std::size_t mailboxes_max = 200'000;
constexpr std::size_t mailbox_bytes_max = 32 * 1024 * 1024;  ///< Of their names.

std::size_t weight_of(MessageMeta const& meta) {
    std::size_t bytes = message_bytes;
    for (auto const& keyword : meta.flags.keywords()) bytes += keyword.size() + sizeof(std::string);
    for (auto const& label : meta.labels) bytes += label.size() + sizeof(std::string);
    return bytes;
}

struct RoleName {
    std::string_view attribute;
    Role role;
};
// RFC 6154, RFC 8457.
constexpr std::array role_names = {
    RoleName{"\\All", Role::all},       RoleName{"\\Archive", Role::archive},
    RoleName{"\\Drafts", Role::drafts}, RoleName{"\\Flagged", Role::flagged},
    RoleName{"\\Junk", Role::junk},     RoleName{"\\Sent", Role::sent},
    RoleName{"\\Trash", Role::trash},   RoleName{"\\Important", Role::important},
};

Role role_of(response::List const& list) {
    if (list.mailbox.is_inbox()) return Role::inbox;
    auto const announced = [&](RoleName const& name) { return list.has_attribute(name.attribute); };
    auto const found = std::ranges::find_if(role_names, announced);
    return found == role_names.end() ? Role::none : found->role;
}

Mailbox to_mailbox(response::List const& list) {
    Mailbox mailbox;
    mailbox.name = list.mailbox;
    mailbox.separator = list.separator;
    mailbox.role = role_of(list);
    mailbox.selectable = !list.has_attribute("\\Noselect") && !list.has_attribute("\\NonExistent");
    mailbox.can_hold_children = !list.has_attribute("\\Noinferiors");
    mailbox.subscribed = list.has_attribute("\\Subscribed");
    return mailbox;
}

/// Length of the longest prefix among `entries` that `name` lies under; -1 for none. The prefix without its
/// separator is the namespace's root and belongs to it.
int longest_prefix(std::vector<response::NamespaceEntry> const& entries, std::string_view name) {
    int longest = -1;
    for (auto const& entry : entries) {
        auto root = std::string_view(entry.prefix);
        if (!root.empty() && root.back() == entry.separator) root.remove_suffix(1);
        if (name.starts_with(entry.prefix) || name == root) {
            longest = std::max(longest, static_cast<int>(entry.prefix.size()));
        }
    }
    return longest;
}

}  // namespace

std::string_view special_use_of(Role role) {
    auto const found = std::ranges::find(role_names, role, &RoleName::role);
    return found == role_names.end() ? std::string_view() : found->attribute;
}

std::optional<MailboxStatus> to_status(response::MailboxStatus const& status) {
    if (!status.uid_validity || !status.messages) return std::nullopt;
    return MailboxStatus{*status.uid_validity, status.uid_next.value_or(Uid{}), *status.messages,
                         status.highest_mod_seq.value_or(ModSeq{})};
}

bool ListReader::admits(MailboxName const& mailbox) {
    bytes_ += mailbox.wire.size();
    too_many_ = too_many_ || bytes_ > mailbox_bytes_max || mailboxes_.size() >= mailboxes_max ||
                subscribed_.size() >= mailboxes_max || status_.size() > mailboxes_max;
    return !too_many_;
}

void ListReader::add(response::Response const& response) {
    if (auto const* const list = std::get_if<response::List>(&response)) {
        if (!admits(list->mailbox)) return;
        if (list->lsub) {
            subscribed_.insert(list->mailbox.wire);
        } else if (places_.try_emplace(list->mailbox.wire, mailboxes_.size()).second) {
            mailboxes_.push_back(to_mailbox(*list));
        }
    } else if (auto const* const status = std::get_if<response::MailboxStatus>(&response)) {
        auto const known = to_status(*status);
        if (known && admits(status->mailbox)) status_.insert_or_assign(status->mailbox.wire, *known);
    } else if (auto const* const name_space = std::get_if<response::Namespace>(&response)) {
        namespace_ = *name_space;
    }
}

/// The longest prefix of any namespace decides: a shared namespace may well have an empty one.
bool ListReader::is_personal(MailboxName const& mailbox) const {
    if (!namespace_ || mailbox.is_inbox()) return true;
    auto const foreign = std::max(longest_prefix(namespace_->other_users, mailbox.wire),
                                  longest_prefix(namespace_->shared, mailbox.wire));
    return foreign < 0 || longest_prefix(namespace_->personal, mailbox.wire) >= foreign;
}

AccountView ListReader::take() const {
    AccountView view;
    for (auto mailbox : mailboxes_) {
        if (!is_personal(mailbox.name)) continue;
        if (subscribed_.contains(mailbox.name.wire)) mailbox.subscribed = true;
        auto const status = status_.find(mailbox.name.wire);
        if (status != status_.end() && mailbox.selectable) mailbox.status = status->second;
        if (mailbox.name.is_inbox()) view.separator = mailbox.separator;
        view.mailboxes.push_back(std::move(mailbox));
    }
    if (namespace_ && !namespace_->personal.empty()) {
        auto const& personal = namespace_->personal.front();
        view.personal_prefix = imap::MailboxName::from_wire(personal.prefix).utf8;
        if (personal.separator != 0) view.separator = personal.separator;
    }
    return view;
}

void OpenReader::add(response::Response const& response) {
    if (auto const* const count = std::get_if<response::Count>(&response)) {
        if (count->kind == response::Count::Kind::exists) opened_.status.messages = count->number;
        return;
    }
    auto const* const status = std::get_if<response::Status>(&response);
    if (status == nullptr) return;
    auto const number = parse_number(status->code.arguments);
    constexpr std::uint64_t uid_max = 0xffffffff;
    if (status->code.name == "UIDVALIDITY" && number && *number <= uid_max) {
        opened_.status.uid_validity = UidValidity{static_cast<std::uint32_t>(*number)};
    } else if (status->code.name == "UIDNEXT" && number && *number <= uid_max) {
        opened_.status.uid_next = Uid{static_cast<std::uint32_t>(*number)};
    } else if (status->code.name == "HIGHESTMODSEQ" && number) {
        opened_.status.highest_mod_seq = ModSeq{*number};
    } else if (status->code.name == "PERMANENTFLAGS") {
        if (auto const flags = response::parse_permanent_flags(status->code))
            opened_.permanent_flags = *flags;
    }
}

void MetaReader::add(response::Response const& response) {
    auto const* const fetch = std::get_if<response::Fetch>(&response);
    if (fetch == nullptr || !fetch->uid) return;
    if (*fetch->uid < question_.range.first || *fetch->uid > question_.range.last) return;
    too_much_ = too_much_ || bytes_ + pieces_bytes_ > listed_bytes_max || pieces_.size() > pieces_max;
    if (too_much_ || given_.contains(*fetch->uid)) return;
    auto& piece = pieces_[*fetch->uid];
    piece.meta.uid = *fetch->uid;
    if (fetch->flags) piece.meta.flags = *fetch->flags;
    if (fetch->internal_date) piece.meta.internal_date = *fetch->internal_date;
    if (fetch->size_bytes) piece.meta.size_bytes = *fetch->size_bytes;
    if (fetch->mod_seq) piece.meta.mod_seq = *fetch->mod_seq;
    if (fetch->header_fields) piece.meta.identity = identity_of_headers(*fetch->header_fields);
    if (fetch->labels) piece.meta.labels = *fetch->labels;
    piece.flags = piece.flags || fetch->flags;
    piece.date = piece.date || fetch->internal_date;
    piece.size = piece.size || fetch->size_bytes;
    piece.headers = piece.headers || fetch->header_fields;
    piece.labels = piece.labels || fetch->labels;
    pieces_bytes_ -= std::exchange(piece.bytes, weight_of(piece.meta));
    pieces_bytes_ += piece.bytes;
    if (!is_complete(piece)) return;
    pieces_bytes_ -= piece.bytes;
    auto meta = std::move(piece.meta);
    pieces_.erase(meta.uid);
    given_.add(meta.uid);
    bytes_ += weight_of(meta);
    sink_(std::move(meta));
}

bool MetaReader::is_complete(Piece const& piece) const {
    if (question_.labels && !piece.labels) return false;
    switch (question_.listing) {
        case Listing::flags: return piece.flags;
        case Listing::metadata: return piece.flags && piece.date && piece.size;
        case Listing::identity: return piece.flags && piece.date && piece.size && piece.headers;
    }
    return false;
}

bool MetaReader::finish() {
    if (too_much_) return false;
    for (auto& [uid, piece] : std::exchange(pieces_, {})) {
        if (!piece.date) piece.meta.internal_date = InternalDate::not_told();
        if (piece.date || piece.size) sink_(std::move(piece.meta));
    }
    return true;
}

}  // namespace imapcopy::copy
