#pragma once

// What we know of one side at one moment.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/imap/codec/mailbox_name.hpp"
#include "daemon/imap/codec/uid_set.hpp"

namespace imapcopy::copy {

using imap::Flags;
using imap::InternalDate;
using imap::MailboxName;
using imap::ModSeq;
using imap::Uid;
using imap::UidRange;
using imap::UidSet;
using imap::UidValidity;

/// The four numbers that tell whether a folder changed. Equal before and after means: nothing happened.
struct MailboxStatus {
    UidValidity uid_validity;
    Uid uid_next;  ///< 0: the server does not tell.
    std::uint32_t messages = 0;
    ModSeq highest_mod_seq;  ///< 0: no CONDSTORE.
    bool operator==(MailboxStatus const&) const = default;
};

/// SPECIAL-USE role (RFC 6154), INBOX included.
enum class Role : std::uint8_t { none, inbox, all, archive, drafts, flagged, junk, sent, trash, important };

/// One line of a LIST.
struct Mailbox {
    MailboxName name;
    char separator = 0;
    Role role = Role::none;
    bool selectable = true;         ///< False: \Noselect or \NonExistent.
    bool can_hold_children = true;  ///< False: \Noinferiors.
    bool subscribed = false;
    std::optional<MailboxStatus>
        status;  ///< Where the listing brought it along, else after Endpoint::status.
};

/// Everything one side says about its folders.
struct AccountView {
    std::vector<Mailbox> mailboxes;
    std::string personal_prefix;  ///< UTF-8, e.g. "INBOX."; empty where there is none.
    char separator = '/';
    bool labels = false;      ///< Folders are labels (X-GM-EXT-1): listings of a source bring them.
    bool utf8_names = false;  ///< New names go out as UTF-8 (RFC 9051), not as modified UTF-7.
};

using Digest = std::array<std::uint8_t, 32>;

/// What identifies a message by content; see identity.hpp.
struct Identity {
    Digest fingerprint{};  ///< Over five headers.
    std::uint64_t coarse =
        0;  ///< Hash over Message-ID and Date, to find candidates; 0 where both are missing.
    bool operator==(Identity const&) const = default;
};

struct MessageMeta {
    Uid uid;
    Flags flags;
    InternalDate internal_date;
    std::uint64_t size_bytes = 0;  ///< RFC822.SIZE: a hint, never a key.
    ModSeq mod_seq;
    std::optional<Identity> identity;  ///< Only where it was asked for.
    /// Of a listing at a source that knows labels (Gmail), as on the wire; nobody keeps them.
    std::vector<std::string> labels = {};
};

/// What the ledger says of one source message.
enum class MessageState : std::uint8_t {
    intent,     ///< Announced; the outcome is not recorded yet.
    ambiguous,  ///< Sent, and no answer, or answered with OK and not found: to be settled.
    done,       ///< Copied; destination_uid may be 0 (unknown).
    adopted,    ///< Was at the destination before.
    refused,    ///< The destination does not take it; `code` and `text` say why.
    gone,       ///< Expunged at the source before it could be copied.
};

struct LedgerEntry {
    Uid source_uid;
    MessageState state = MessageState::intent;
    Uid destination_uid;                   ///< 0: unknown.
    UidValidity destination_uid_validity;  ///< 0: unknown.
    Uid base_uid_next;                     ///< The destination's UIDNEXT before the first attempt.
    Identity identity;
    std::uint64_t size_bytes = 0;
    InternalDate internal_date;
    Flags flags;         ///< As we set them.
    Flags unkept_flags;  ///< The message had them, and the destination folder does not keep them.
    std::string code;    ///< Error name of what a report says of the message; empty: nothing.
    std::string text;
};

/// The ledger of one folder for a window of source UIDs, ascending.
using LedgerView = std::vector<LedgerEntry>;

}  // namespace imapcopy::copy
