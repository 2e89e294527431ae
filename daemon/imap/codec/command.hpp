#pragma once

// Commands as typed values, and the only encoder. There is no way to put raw text on the wire: every argument
// is quoted, sent as a literal, or refused (NUL), so CR, LF and NUL never leave their argument.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/secret.hpp"
#include "daemon/imap/codec/mailbox_name.hpp"
#include "daemon/imap/codec/uid_set.hpp"

namespace imapcopy::imap::command {

struct Capability {};
struct Noop {};
struct Logout {};
struct StartTls {};
/// RFC 4978: COMPRESS DEFLATE.
struct Compress {};
/// RFC 9051 §6.2.2. `initial_response` (raw, not base64) goes along where SASL-IR is offered (RFC 4959), else
/// after the first "+"; both by protocol.
struct Authenticate {
    std::string mechanism;
    std::optional<Secret> initial_response;
};
struct Login {
    std::string user;
    Secret password;
};
struct Enable {
    std::vector<std::string> extensions;
};
struct Id {
    std::vector<std::pair<std::string, std::string>> fields;
};
struct Namespace {};
/// RFC 5258, 5819, 6154. Without return options it is plain LIST "" "*".
struct List {
    std::string reference;
    std::string pattern = "*";  ///< A list-mailbox pattern of ours, "*" or "".
    bool return_special_use = false;
    bool return_subscribed = false;
    bool return_status = false;  ///< MESSAGES UIDNEXT UIDVALIDITY, and HIGHESTMODSEQ if `condstore`.
    bool condstore = false;
};
struct Lsub {
    std::string reference;
    std::string pattern = "*";
};
/// MESSAGES UIDNEXT UIDVALIDITY, HIGHESTMODSEQ if `condstore`.
struct Status {
    MailboxName mailbox;
    bool condstore = false;
};
struct Examine {
    MailboxName mailbox;
    bool condstore = false;
};
struct Select {
    MailboxName mailbox;
    bool condstore = false;
};
struct Unselect {};  ///< RFC 3691.
struct Close {};
struct Create {
    MailboxName mailbox;
    std::string special_use;  ///< "\Sent" (RFC 6154 §5.3) or empty.
};
struct Subscribe {
    MailboxName mailbox;
};
struct UidFetch {
    UidSet uids;
    bool flags = false;
    bool internal_date = false;
    bool size = false;
    std::vector<std::string> header_fields;  ///< BODY.PEEK[HEADER.FIELDS (…)]; empty: none.
    bool body = false;                       ///< BODY.PEEK[].
    bool mod_seq = false;
    bool labels = false;                  ///< X-GM-LABELS, where X-GM-EXT-1 is offered.
    std::optional<ModSeq> changed_since;  ///< RFC 7162 §3.1.4.1.
};
/// UID STORE +FLAGS.SILENT or -FLAGS.SILENT.
struct UidStore {
    UidSet uids;
    bool add = true;
    Flags flags;
};
struct GetQuotaRoot {
    MailboxName mailbox;
};

/// One message of an APPEND. The body itself is not here: it is streamed after its literal header.
struct AppendMessage {
    Flags flags;
    std::optional<InternalDate> internal_date;
    std::uint64_t size_bytes = 0;
};

using Command = std::variant<Capability, Noop, Logout, StartTls, Compress, Authenticate, Login, Enable, Id,
                             Namespace, List, Lsub, Status, Examine, Select, Unselect, Close, Create,
                             Subscribe, UidFetch, UidStore, GetQuotaRoot>;

/// What the encoder may use of the server's extensions.
struct EncodeOptions {
    bool literal_plus = false;   ///< RFC 7888 LITERAL+.
    bool literal_minus = false;  ///< RFC 7888 LITERAL-: up to 4096 bytes.
    bool sasl_ir = false;
};

/// Bytes to send; where `wait_for_continuation` is set the peer's "+" is awaited after them.
/// `secret` marks bytes that no trace may show.
struct Fragment {
    std::string bytes;
    bool wait_for_continuation = false;
    bool secret = false;
};

/// The command with its tag as fragments, final CRLF included. Errors: invalid_argument for a NUL in an
/// argument. The bytes of fragments marked secret are wiped by whoever sends them (see wipe in
/// common/secret.hpp).
Result<std::vector<Fragment>> encode(std::string_view tag, Command const& command,
                                     EncodeOptions const& options);

/// "TAG APPEND mailbox" (no blank after it); the mailbox may itself be a literal.
Result<std::vector<Fragment>> encode_append_start(std::string_view tag, MailboxName const& mailbox,
                                                  EncodeOptions const& options);
/// ` (\Seen) "17-Jul-1996 …" {310+}CRLF`: what stands before the body of one message. The single fragment
/// waits for a continuation where the literal is synchronising.
Fragment encode_append_message(AppendMessage const& message, EncodeOptions const& options);

}  // namespace imapcopy::imap::command
