#include "daemon/imap/codec/command.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "common/text.hpp"
#include "daemon/imap/codec/grammar.hpp"

namespace imapcopy::imap::command {
namespace {

constexpr std::size_t quoted_bytes_max = 1000;
constexpr std::uint64_t literal_minus_bytes_max = 4096;  // RFC 7888 §5.

enum class Form : std::uint8_t { atom, quoted, literal };

/// Courier ends an atom at one of these: "CREATE INBOX.~x" speaks of INBOX.
constexpr std::string_view misread_in_atoms = "}~";

/// How a string is sent: only what is harmless stands in the line itself.
Form form_of(std::string_view text) {
    if (text.size() > quoted_bytes_max) return Form::literal;
    auto const is_special = [](char c) { return is_control(c) || static_cast<unsigned char>(c) >= 0x80; };
    if (std::ranges::any_of(text, is_special)) return Form::literal;
    // NIL in any case would be no string at all.
    bool const plain = is_atom(text) && text.find_first_of(misread_in_atoms) == std::string_view::npos &&
                       !ascii_iequals(text, "NIL");
    return plain ? Form::atom : Form::quoted;
}

bool is_synchronising(std::uint64_t size_bytes, EncodeOptions const& options) {
    return !options.literal_plus && !(options.literal_minus && size_bytes <= literal_minus_bytes_max);
}

std::string literal_header(std::uint64_t size_bytes, EncodeOptions const& options) {
    return '{' + std::to_string(size_bytes) + (is_synchronising(size_bytes, options) ? "}\r\n" : "+}\r\n");
}

/// Appends command by command. The first argument that cannot be sent is remembered; nothing is sent then.
class Encoder {
 public:
    Encoder(std::string_view tag, EncodeOptions const& options) : options_(options) { atom("tag", tag); }

    Result<std::vector<Fragment>> finish() {
        if (!refused_.empty()) return Error{ErrorCode::invalid_argument, std::move(refused_)};
        return std::move(fragments_);
    }
    void end_line() { put("\r\n"); }

    void operator()(Capability const&) { put(" CAPABILITY"); }
    void operator()(Noop const&) { put(" NOOP"); }
    void operator()(Logout const&) { put(" LOGOUT"); }
    void operator()(StartTls const&) { put(" STARTTLS"); }
    void operator()(Compress const&) { put(" COMPRESS DEFLATE"); }
    void operator()(Namespace const&) { put(" NAMESPACE"); }
    void operator()(Unselect const&) { put(" UNSELECT"); }
    void operator()(Close const&) { put(" CLOSE"); }
    void operator()(Authenticate const& command);
    void operator()(Login const& command);
    void operator()(Enable const& command);
    void operator()(Id const& command);
    void operator()(List const& command);
    void operator()(Lsub const& command) { list("LSUB", command.reference, command.pattern); }
    void operator()(Status const& command);
    void operator()(Examine const& command) { open("EXAMINE", command.mailbox, command.condstore); }
    void operator()(Select const& command) { open("SELECT", command.mailbox, command.condstore); }
    void operator()(Create const& command);
    void operator()(Subscribe const& command) { on_mailbox("SUBSCRIBE", command.mailbox); }
    void operator()(UidFetch const& command);
    void operator()(UidStore const& command);
    void operator()(GetQuotaRoot const& command) { on_mailbox("GETQUOTAROOT", command.mailbox); }
    void on_mailbox(std::string_view verb, MailboxName const& mailbox);

 private:
    /// Only for words of ours and for what was checked.
    void put(std::string_view bytes);
    void refuse(std::string_view argument, std::string_view why);
    void atom(std::string_view argument, std::string_view text);
    void string(std::string_view argument, std::string_view text, bool atom_allowed);
    void astring(std::string_view argument, std::string_view text) { string(argument, text, true); }
    void secret(std::string_view argument, std::string_view text);
    void uids(UidSet const& uids);
    void list(std::string_view verb, std::string_view reference, std::string_view pattern);
    void open(std::string_view verb, MailboxName const& mailbox, bool condstore);
    Fragment& secret_fragment(std::size_t capacity);

    EncodeOptions const& options_;
    std::vector<Fragment> fragments_;
    std::string refused_;
};

void append_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (auto const c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    out += '"';
}

void Encoder::put(std::string_view bytes) {
    bool const fresh =
        fragments_.empty() || fragments_.back().secret || fragments_.back().wait_for_continuation;
    if (fresh) fragments_.emplace_back();
    fragments_.back().bytes += bytes;
}

void Encoder::refuse(std::string_view argument, std::string_view why) {
    if (refused_.empty()) refused_ = "encode " + std::string(argument) + ": " + std::string(why);
}

void Encoder::atom(std::string_view argument, std::string_view text) {
    if (!is_atom(text)) return refuse(argument, "not an atom");
    put(text);
}

void Encoder::string(std::string_view argument, std::string_view text, bool atom_allowed) {
    if (text.find('\0') != std::string_view::npos) return refuse(argument, "contains a NUL");
    auto const form = form_of(text);
    if (form == Form::literal) {
        put(literal_header(text.size(), options_));
        fragments_.back().wait_for_continuation = is_synchronising(text.size(), options_);
        put(text);
    } else if (form == Form::atom && atom_allowed) {
        put(text);
    } else {
        put("");
        append_quoted(fragments_.back().bytes, text);
    }
}

Fragment& Encoder::secret_fragment(std::size_t capacity) {
    auto& fragment = fragments_.emplace_back();
    fragment.secret = true;
    // On the heap even if short, so that moving the fragment moves no byte of it.
    fragment.bytes.reserve(std::max<std::size_t>(capacity, 64));
    return fragment;
}

void Encoder::secret(std::string_view argument, std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return refuse(argument, "contains a NUL");
    if (form_of(text) == Form::literal) {
        put(literal_header(text.size(), options_));
        fragments_.back().wait_for_continuation = is_synchronising(text.size(), options_);
        secret_fragment(text.size()).bytes += text;
        return;
    }
    append_quoted(secret_fragment(2 * text.size() + 2).bytes, text);
}

void Encoder::uids(UidSet const& uids) {
    if (uids.empty()) return refuse("UID set", "empty");
    put(uids.to_string());
}

void Encoder::on_mailbox(std::string_view verb, MailboxName const& mailbox) {
    put(" ");
    put(verb);
    put(" ");
    astring("mailbox", mailbox.wire);
}

void Encoder::open(std::string_view verb, MailboxName const& mailbox, bool condstore) {
    on_mailbox(verb, mailbox);
    if (condstore) put(" (CONDSTORE)");
}

void Encoder::list(std::string_view verb, std::string_view reference, std::string_view pattern) {
    put(" ");
    put(verb);
    put(" ");
    string("reference", reference, false);
    put(" ");
    string("pattern", pattern, false);
}

void Encoder::operator()(Authenticate const& command) {
    put(" AUTHENTICATE ");
    atom("mechanism", command.mechanism);
    if (!command.initial_response || !options_.sasl_ir) return;
    put(" ");
    auto text = base64(command.initial_response->reveal());
    secret_fragment(text.size()).bytes += text.empty() ? "=" : text;
    wipe(std::span(text.data(), text.size()));
}

void Encoder::operator()(Login const& command) {
    put(" LOGIN ");
    astring("user", command.user);
    put(" ");
    secret("password", command.password.reveal());
}

void Encoder::operator()(Enable const& command) {
    if (command.extensions.empty()) refuse("ENABLE", "no extension");
    put(" ENABLE");
    for (auto const& extension : command.extensions) {
        put(" ");
        atom("extension", extension);
    }
}

void Encoder::operator()(Id const& command) {
    if (command.fields.empty()) return put(" ID NIL");
    std::string_view before = " ID (";
    for (auto const& [name, value] : command.fields) {
        put(std::exchange(before, " "));
        string("ID field", name, false);
        put(" ");
        string("ID value", value, false);
    }
    put(")");
}

void Encoder::operator()(List const& command) {
    list("LIST", command.reference, command.pattern);
    std::string options;
    auto const add = [&](std::string_view option) {
        options += (options.empty() ? "" : " ") + std::string(option);
    };
    if (command.return_special_use) add("SPECIAL-USE");
    if (command.return_subscribed) add("SUBSCRIBED");
    if (command.return_status && command.condstore)
        add("STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)");
    if (command.return_status && !command.condstore) add("STATUS (MESSAGES UIDNEXT UIDVALIDITY)");
    if (!options.empty()) put(" RETURN (" + options + ')');
}

void Encoder::operator()(Status const& command) {
    on_mailbox("STATUS", command.mailbox);
    put(" (MESSAGES UIDNEXT UIDVALIDITY");
    put(command.condstore ? " HIGHESTMODSEQ)" : ")");
}

void Encoder::operator()(Create const& command) {
    on_mailbox("CREATE", command.mailbox);
    if (command.special_use.empty()) return;
    if (!command.special_use.starts_with('\\'))
        return refuse("special use", "does not begin with a backslash");
    put(" (USE (\\");
    atom("special use", std::string_view(command.special_use).substr(1));
    put("))");
}

void Encoder::operator()(UidFetch const& command) {
    put(" UID FETCH ");
    uids(command.uids);
    put(" (UID");
    if (command.flags) put(" FLAGS");
    if (command.internal_date) put(" INTERNALDATE");
    if (command.size) put(" RFC822.SIZE");
    if (command.mod_seq) put(" MODSEQ");
    if (command.labels) put(" X-GM-LABELS");
    if (!command.header_fields.empty()) {
        std::string_view before = " BODY.PEEK[HEADER.FIELDS (";
        for (auto const& field : command.header_fields) {
            put(std::exchange(before, " "));
            atom("header field", field);
        }
        put(")]");
    }
    if (command.body) put(" BODY.PEEK[]");
    put(")");
    if (command.changed_since) put(" (CHANGEDSINCE " + std::to_string(command.changed_since->value()) + ')');
}

void Encoder::operator()(UidStore const& command) {
    put(" UID STORE ");
    uids(command.uids);
    put(command.add ? " +FLAGS.SILENT (" : " -FLAGS.SILENT (");
    put(command.flags.to_string());  // Valid by construction.
    put(")");
}

}  // namespace

Result<std::vector<Fragment>> encode(std::string_view tag, Command const& command,
                                     EncodeOptions const& options) {
    Encoder encoder(tag, options);
    std::visit(encoder, command);
    encoder.end_line();
    return encoder.finish();
}

Result<std::vector<Fragment>> encode_append_start(std::string_view tag, MailboxName const& mailbox,
                                                  EncodeOptions const& options) {
    Encoder encoder(tag, options);
    encoder.on_mailbox("APPEND", mailbox);
    return encoder.finish();
}

Fragment encode_append_message(AppendMessage const& message, EncodeOptions const& options) {
    Fragment fragment;
    if (!message.flags.empty()) fragment.bytes += " (" + message.flags.to_string() + ')';
    if (message.internal_date) fragment.bytes += " \"" + message.internal_date->to_string() + '"';
    fragment.bytes += ' ' + literal_header(message.size_bytes, options);
    fragment.wait_for_continuation = is_synchronising(message.size_bytes, options);
    return fragment;
}

}  // namespace imapcopy::imap::command
