#pragma once

// Responses as values, and the parser.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/imap/codec/fragmenter.hpp"
#include "daemon/imap/codec/mailbox_name.hpp"
#include "daemon/imap/codec/uid_set.hpp"

namespace imapcopy::imap::response {

/// The bracketed code of a status response: its name in upper case, and its arguments as they stand.
struct Code {
    std::string name;       ///< "APPENDUID", "OVERQUOTA", … ; empty: no code.
    std::string arguments;  ///< "38505 3955"; what stands between the name and "]".
    bool operator==(Code const&) const = default;
};

enum class StatusKind : std::uint8_t { ok, no, bad, bye, preauth };
/// Tagged or untagged OK, NO, BAD; untagged BYE and PREAUTH.
struct Status {
    std::string tag;  ///< Empty: untagged.
    StatusKind kind = StatusKind::ok;
    Code code;
    std::string text;  ///< As sent; untrusted.
};
/// "+ …": the rest of the line (base64 in a SASL exchange).
struct Continuation {
    std::string text;
};
struct Capability {
    std::vector<std::string> names;  ///< Upper case.
};
struct Enabled {
    std::vector<std::string> names;
};
/// LIST and LSUB. RFC 9051 §7.3.1.
struct List {
    bool lsub = false;
    std::vector<std::string> attributes;  ///< "\NoSelect", "\HasChildren", "\Sent", … as sent.
    char separator = 0;                   ///< 0: NIL.
    MailboxName mailbox;
    bool has_attribute(std::string_view attribute) const;  ///< Without regard to case.
};
struct MailboxStatus {
    MailboxName mailbox;
    std::optional<std::uint32_t> messages;
    std::optional<Uid> uid_next;  ///< Neither this nor the next is ever 0.
    std::optional<UidValidity> uid_validity;
    std::optional<ModSeq> highest_mod_seq;
};
struct NamespaceEntry {
    std::string prefix;  ///< On the wire's spelling.
    char separator = 0;
};
struct Namespace {
    std::vector<NamespaceEntry> personal;
    std::vector<NamespaceEntry> other_users;
    std::vector<NamespaceEntry> shared;
};
/// "* n EXISTS", "* n EXPUNGE", "* n RECENT".
struct Count {
    enum class Kind : std::uint8_t { exists, expunge, recent } kind = Kind::exists;
    std::uint32_t number = 0;
};
struct MailboxFlags {
    Flags flags;
};
/// Of one message; more are skipped. Gmail allows 10,000 in an account.
inline constexpr std::size_t labels_max = 1000;
/// The items that we ask for; others are skipped.
struct Fetch {
    std::uint32_t sequence_number = 0;
    std::optional<Uid> uid;
    std::optional<Flags> flags;
    std::optional<InternalDate> internal_date;
    std::optional<std::uint64_t> size_bytes;
    std::optional<ModSeq> mod_seq;
    std::optional<std::string> header_fields;  ///< BODY[HEADER.FIELDS …]; "" for NIL.
    /// X-GM-LABELS (Gmail), the first labels_max: "\\Inbox" and others that it defines, else mailbox names as
    /// on the wire. The label of the open folder is not among them.
    std::optional<std::vector<std::string>> labels;
    bool has_body = false;            ///< BODY[] was there and streamed, or came as a quoted string …
    std::optional<std::string> body;  ///< … which is then here.
    bool body_nil = false;            ///< BODY[] NIL.
};
struct Quota {
    std::string root;
    std::optional<std::uint64_t> storage_used_kib;
    std::optional<std::uint64_t> storage_limit_kib;
};
/// RFC 2971: what the server says about itself; fields without a value are left out.
struct Id {
    std::vector<std::pair<std::string, std::string>> fields;
};
/// RFC 7162 VANISHED, well-formed but of no interest to us, or an untagged response of an unknown kind.
struct Other {
    std::string name;
};

using Response = std::variant<Status, Continuation, Capability, Enabled, List, MailboxStatus, Namespace,
                              Count, MailboxFlags, Fetch, Quota, Id, Other>;

/// Parses one whole response. Errors (server_bug) name the place. Deviations that are accepted stand in
/// quirks.hpp.
Result<Response> parse(ResponseText const& text);

/// The UID in the part of a FETCH response that precedes a streamed body ("* 12 FETCH (UID 7 BODY[] {310}"),
/// or nothing where the server names it later.
std::optional<Uid> uid_before_body(std::string_view text);

/// APPENDUID's arguments (RFC 4315): the destination's UIDVALIDITY and `count` UIDs in the order sent.
/// Nothing if it does not name exactly `count` UIDs, all different and not zero.
struct AppendUid {
    UidValidity uid_validity;
    std::vector<Uid> uids;
};
std::optional<AppendUid> parse_append_uid(Code const& code, std::size_t count);

/// The names of a CAPABILITY code's arguments, upper case.
std::vector<std::string> parse_capability_names(std::string_view arguments);

/// PERMANENTFLAGS' arguments, parentheses included.
std::optional<PermanentFlags> parse_permanent_flags(Code const& code);

}  // namespace imapcopy::imap::response
