// LIST, LSUB, STATUS, NAMESPACE, QUOTA and ID.

#include "common/text.hpp"
#include "daemon/imap/codec/response_parsers.hpp"

namespace imapcopy::imap::response {
namespace {

/// Longer than any server allows; one name may not fill our memory (reference: S-25).
constexpr std::size_t mailbox_name_bytes_max = 4096;

/// A string, or what servers write that should have been one: everything up to the end of the line or a "("
/// after a blank, blanks inside included.
MailboxName parse_mailbox(Scanner& in) {
    std::string wire;
    if (in.at_string()) {
        wire = in.string();
    } else {
        auto const before = in.rest();
        std::size_t size = 0;
        do {
            (void)in.run();
            size = before.size() - in.rest().size();
            in.skip_blanks();
        } while (!in.at_end() && in.peek() != '(');
        wire = before.substr(0, size);
    }
    if (wire.size() > mailbox_name_bytes_max) {
        in.fail("a mailbox name of at most " + std::to_string(mailbox_name_bytes_max) + " bytes");
    }
    return in.ok() ? MailboxName::from_wire(wire) : MailboxName{};
}

/// "/" in quotes, NIL, or an empty string for NIL.
char parse_separator(Scanner& in) {
    auto const text = in.nstring().value_or(std::string{});
    if (text.size() > 1) in.fail("one character as separator");
    return text.empty() ? '\0' : text.front();
}

template <class Tagged>
std::optional<Tagged> nonzero32(Scanner& in) {
    auto const number = in.number32();
    return number == 0 ? std::nullopt : std::optional(Tagged{number});
}

std::vector<NamespaceEntry> parse_namespace_group(Scanner& in) {
    std::vector<NamespaceEntry> entries;
    in.expect_blank();
    if (in.accept_nil()) return entries;
    for (in.open(); in.more();) {
        NamespaceEntry entry;
        in.open();
        in.skip_blanks();
        entry.prefix = in.string();
        in.expect_blank();
        entry.separator = parse_separator(in);
        while (in.more()) in.skip_value();  // Extensions of RFC 2342 §5.
        entries.push_back(std::move(entry));
    }
    return entries;
}

}  // namespace

bool List::has_attribute(std::string_view attribute) const {
    for (auto const& other : attributes) {
        if (ascii_iequals(other, attribute)) return true;
    }
    return false;
}

List parse_list(Scanner& in, bool lsub) {
    List list;
    list.lsub = lsub;
    in.expect_blank();
    for (in.open(); in.more();) list.attributes.emplace_back(in.word());
    in.expect_blank();
    list.separator = parse_separator(in);
    in.expect_blank();
    list.mailbox = parse_mailbox(in);
    in.skip_blanks();
    if (!in.at_end()) in.skip_value();  // CHILDINFO, OLDNAME (RFC 5258, 9051).
    in.expect_end();
    return list;
}

MailboxStatus parse_mailbox_status(Scanner& in) {
    MailboxStatus status;
    in.expect_blank();
    status.mailbox = parse_mailbox(in);
    in.skip_blanks();
    for (in.open(); in.more();) {
        auto const item = in.word();
        in.expect_blank();
        if (ascii_iequals(item, "MESSAGES")) {
            status.messages = in.number32();
        } else if (ascii_iequals(item, "UIDNEXT")) {
            status.uid_next = nonzero32<Uid>(in);
        } else if (ascii_iequals(item, "UIDVALIDITY")) {
            status.uid_validity = nonzero32<UidValidity>(in);
        } else if (ascii_iequals(item, "HIGHESTMODSEQ")) {
            status.highest_mod_seq = ModSeq{in.number()};
        } else {
            in.skip_value();
        }
    }
    in.expect_end();
    return status;
}

Namespace parse_namespace(Scanner& in) {
    Namespace spaces;
    spaces.personal = parse_namespace_group(in);
    spaces.other_users = parse_namespace_group(in);
    spaces.shared = parse_namespace_group(in);
    in.expect_end();
    return spaces;
}

Quota parse_quota(Scanner& in) {
    Quota quota;
    in.expect_blank();
    quota.root = in.astring();
    in.expect_blank();
    for (in.open(); in.more();) {
        auto const resource = in.word();
        in.expect_blank();
        auto const used = in.number();
        in.expect_blank();
        auto const limit = in.number();
        if (!ascii_iequals(resource, "STORAGE")) continue;
        quota.storage_used_kib = used;
        quota.storage_limit_kib = limit;
    }
    in.expect_end();
    return quota;
}

Id parse_id(Scanner& in) {
    Id id;
    in.expect_blank();
    if (in.accept_nil()) return id;
    for (in.open(); in.more();) {
        auto name = in.string();
        in.expect_blank();
        auto value = in.nstring();
        if (value) id.fields.emplace_back(std::move(name), std::move(*value));
    }
    in.expect_end();
    return id;
}

}  // namespace imapcopy::imap::response
