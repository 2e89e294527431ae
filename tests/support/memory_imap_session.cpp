#include "tests/support/memory_imap_session.hpp"

#include <algorithm>
#include <chrono>

#include "common/text.hpp"
#include "tests/support/memory_imap_server.hpp"

namespace imapcopy::test {
namespace {

constexpr auto short_delay = std::chrono::seconds(30);
constexpr auto long_delay = std::chrono::minutes(10);
/// A full-text index lags so far behind what was appended.
constexpr auto index_lag = std::chrono::minutes(1);

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char const c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string upper_case(std::string text) {
    for (auto& c : text) c = ascii_upper(c);
    return text;
}

std::string literal(std::string_view text) {
    return "{" + std::to_string(text.size()) + "}\r\n" + std::string(text);
}

std::string code_text(std::string const& code) {
    return code.empty() ? "injected" : "[" + code + "] injected";
}

char const* role_attribute(Role role) {
    switch (role) {
        case Role::all: return " \\All";
        case Role::archive: return " \\Archive";
        case Role::drafts: return " \\Drafts";
        case Role::flagged: return " \\Flagged";
        case Role::junk: return " \\Junk";
        case Role::sent: return " \\Sent";
        case Role::trash: return " \\Trash";
        case Role::important: return " \\Important";
        case Role::none:
        case Role::inbox: return "";
    }
    return "";
}

/// The text of a parenthesised list that begins at `at`; `at` moves behind it.
std::string take_list(std::vector<Word> const& words, std::size_t& at) {
    std::string text;
    if (at >= words.size() || words[at].kind != Word::Kind::open) return text;
    for (++at; at < words.size() && words[at].kind != Word::Kind::close; ++at) {
        text += (text.empty() ? "" : " ") + words[at].text;
    }
    ++at;
    return text;
}

}  // namespace

ImapConversation::ImapConversation(MemoryImapServer& server) : server_(server) {
    greet();
}

void ImapConversation::greet() {
    for (auto const& fault : server_.reply_faults) {
        if (fault.command != 0 || server_.connections != 1) continue;
        is_faulty = true;
        bool const late = fault.change == ReplyChange::silence || fault.change == ReplyChange::delay;
        if (fault.change == ReplyChange::garbage) return say("?? is this IMAP");
        if (!late) return bye(fault.code);
        hold_until = server_.storage.clock().now() +
                     (fault.change == ReplyChange::delay ? Duration(short_delay) : long_delay);
    }
    auto const told = server_.dialect.announces ? "[CAPABILITY " + server_.dialect.capabilities + "] " : "";
    say("* OK " + told + "memory is ready");
}

bool ImapConversation::step() {
    if (over_) return false;
    server_.commit_due();
    if (in_literal_) {
        auto const count = std::min<std::uint64_t>(literal_left_, input_.size());
        words_.back().text.append(input_, 0, count);
        input_.erase(0, count);
        literal_left_ -= count;
        in_literal_ = literal_left_ > 0;
        if (in_literal_) return false;
    }
    auto const end = input_.find("\r\n");
    if (end == std::string::npos) return false;
    auto const line = input_.substr(0, end);
    input_.erase(0, end + 2);
    if (server_.trace) server_.trace("C", line);
    if (sasl_) {
        read_sasl(line);
        return true;
    }
    if (!in_command_) begin_command(line);
    auto const header = find_literal(line);
    bool const whole =
        split_words(std::string_view(line).substr(0, header ? header->begin : line.size()), words_);
    if (!whole) server_.misuses.push_back("a quoted string without an end: " + line);
    if (tag_.empty() && !words_.empty()) tag_ = words_.front().text;
    if (header) {
        on_literal(*header);
    } else {
        execute();
        if (!sasl_) end_command();
    }
    return true;
}

void ImapConversation::begin_command(std::string_view first_line) {
    in_command_ = true;
    ++server_.commands;
    fault_ = nullptr;
    for (auto const& fault : server_.reply_faults) {
        if (fault.command == server_.commands) fault_ = &fault;
    }
    if (server_.before_command) server_.before_command(server_.commands);
    auto const blank = first_line.find(' ');
    if (blank == std::string_view::npos) server_.misuses.push_back("no command: " + std::string(first_line));
}

void ImapConversation::end_command() {
    in_command_ = false;
    answered_ = false;
    words_.clear();
    tag_.clear();
}

void ImapConversation::on_literal(LiteralHeader const& header) {
    bool const plus = has("LITERAL+") || (has("LITERAL-") && header.size_bytes <= 4096);
    if (!header.synchronising && !plus)
        server_.misuses.emplace_back("a literal that this server does not take");
    bool const nowhere = verb() == "APPEND" && words_.size() > 2 && named(2) == nullptr;
    bool const refused = fault_ != nullptr && fault_->change == ReplyChange::no_early;
    if (refused && !answered_) {
        refuse("NO", fault_->code);
        answered_ = true;
    } else if (header.synchronising && nowhere) {
        tagged("NO [TRYCREATE] no such mailbox");
        answered_ = true;
    }
    if (header.synchronising && answered_) return end_command();
    if (header.synchronising) say("+ go on");
    words_.push_back({Word::Kind::literal, {}});
    literal_left_ = header.size_bytes;
    in_literal_ = literal_left_ > 0;
}

void ImapConversation::say(std::string const& line) {
    if (server_.trace) server_.trace("S", line);
    out += line;
    out += "\r\n";
}

void ImapConversation::tagged(std::string_view text) {
    say(tag_ + " " + std::string(text));
}

void ImapConversation::bye(std::string const& code) {
    say("* BYE " + code_text(code));
    over_ = true;
}

void ImapConversation::refuse(char const* word, std::string const& code) {
    tagged(word + (" " + code_text(code)));
}

void ImapConversation::execute() {
    if (answered_) return;
    server_.verbs.push_back(verb());
    if (fault_ != nullptr) return execute_changed(*fault_);
    run();
}

void ImapConversation::execute_changed(ReplyFault const& fault) {
    auto const now = server_.storage.clock().now();
    is_faulty = fault.change > ReplyChange::bad && fault.change != ReplyChange::delay;
    // RFC 9051 §6.3.2: then no folder is open.
    bool const opens = verb() == "SELECT" || verb() == "EXAMINE";
    if (opens && fault.change <= ReplyChange::bad) selected_.reset();
    switch (fault.change) {
        case ReplyChange::no:
        case ReplyChange::no_early: return refuse("NO", fault.code);
        case ReplyChange::bad: return refuse("BAD", fault.code);
        case ReplyChange::bye: return bye(fault.code);
        case ReplyChange::bye_after:
            run();
            out.clear();
            return bye(fault.code);
        case ReplyChange::garbage:
            run();
            out.resize(std::min(out.rfind(tag_ + " "), out.size()));
            return say("?? is this IMAP");
        case ReplyChange::delay: hold_until = now + short_delay; return run();
        case ReplyChange::silence: hold_until = now + long_delay; return run();
    }
}

std::string ImapConversation::verb() const {
    if (words_.size() < 2) return {};
    auto verb = upper_case(words_[1].text);
    if (verb == "UID" && words_.size() > 2) verb += " " + upper_case(words_[2].text);
    return verb;
}

bool ImapConversation::has(std::string_view capability) const {
    auto const all = " " + server_.dialect.capabilities + " ";
    return all.find(" " + std::string(capability) + " ") != std::string::npos;
}

bool ImapConversation::has_word(std::string_view text) const {
    return std::ranges::any_of(words_, [&](Word const& word) { return ascii_iequals(word.text, text); });
}

StoredMailbox* ImapConversation::named(std::size_t at) {
    if (at >= words_.size()) return nullptr;
    auto* const found = server_.storage.find(MailboxName::from_wire(words_[at].text));
    return found != nullptr && found->mailbox.selectable ? found : nullptr;
}

bool ImapConversation::run_before_login() {
    auto const name = verb();
    if (name == "CAPABILITY") {
        capability();
    } else if (name == "LOGOUT") {
        say("* BYE until next time");
        tagged("OK bye");
        over_ = true;
    } else if (name == "NOOP") {
        say_exists();
        tagged("OK nothing done");
    } else if (name == "ID") {
        say("* ID NIL");
        tagged("OK pleased to meet you");
    } else if (name == "LOGIN" && words_.size() == 4) {
        sign_in(words_[2].text, words_[3].text);
    } else if (name == "AUTHENTICATE" && words_.size() == 4) {
        read_sasl(words_[3].text);
    } else if (name == "AUTHENTICATE") {
        sasl_ = true;
        say("+ ");
    } else {
        return false;
    }
    return true;
}

void ImapConversation::run() {
    if (run_before_login()) return;
    if (!logged_in_) return tagged("BAD log in first");
    auto const name = verb();
    if (name == "NAMESPACE") {
        say("* NAMESPACE ((\"\" \"/\")) NIL NIL");
        tagged("OK namespaces told");
    } else if (name == "ENABLE") {
        say("* ENABLED");
        tagged("OK enabled");
    } else if (name == "LIST") {
        list();
    } else if (name == "LSUB") {
        lsub();
    } else if (name == "STATUS") {
        status();
    } else if (name == "EXAMINE" || name == "SELECT") {
        open(name == "EXAMINE");
    } else if (name == "CREATE") {
        create();
    } else if (name == "SUBSCRIBE") {
        subscribe();
    } else if (name == "APPEND") {
        append();
    } else {
        run_uid();
    }
}

void ImapConversation::run_uid() {
    auto const name = verb();
    bool const needs_folder = name == "UID FETCH" || name == "UID STORE" || name == "UID SEARCH";
    if (!needs_folder) server_.misuses.push_back("unknown command " + name);
    if (!needs_folder || words_.size() < 5) return tagged("BAD not understood");
    if (!selected_ || server_.storage.find(*selected_) == nullptr) return tagged("BAD no mailbox is open");
    if (name == "UID FETCH") return fetch();
    if (name == "UID STORE") return store();
    search();
}

// ---- Signing in
// ----------------------------------------------------------------------------------------------------

void ImapConversation::capability() {
    say("* CAPABILITY " + server_.dialect.capabilities);
    tagged("OK told");
}

void ImapConversation::read_sasl(std::string_view line) {
    sasl_ = false;
    auto const bytes = base64_decode(line).value_or(std::string());
    auto const login = bytes.find('\0');
    auto const secret = login == std::string::npos ? login : bytes.find('\0', login + 1);
    if (secret == std::string::npos) {
        tagged("BAD not a response of PLAIN");
    } else {
        sign_in(bytes.substr(login + 1, secret - login - 1), bytes.substr(secret + 1));
    }
    end_command();
}

void ImapConversation::sign_in(std::string_view login, std::string_view password) {
    logged_in_ = login == server_.login && password == server_.password;
    if (!logged_in_) return tagged("NO [AUTHENTICATIONFAILED] wrong login or password");
    tagged(server_.dialect.announces ? "OK [CAPABILITY " + server_.dialect.capabilities + "] welcome"
                                     : "OK welcome");
}

// ---- Folders
// -------------------------------------------------------------------------------------------------------

void ImapConversation::list() {
    bool const with_status = has_word("STATUS");
    bool const with_subscribed = has_word("SUBSCRIBED");
    bool const with_roles = has_word("SPECIAL-USE");
    for (auto const& stored : server_.storage.mailboxes()) {
        auto const& mailbox = stored->mailbox;
        std::string attributes = mailbox.selectable ? "\\HasNoChildren" : "\\Noselect";
        if (with_subscribed && mailbox.subscribed) attributes += " \\Subscribed";
        if (with_roles) attributes += role_attribute(mailbox.role);
        say("* LIST (" + attributes + ") \"/\" " + quoted(mailbox.name.wire));
        if (with_status && mailbox.selectable) say_status(*stored, has_word("HIGHESTMODSEQ"));
    }
    tagged("OK listed");
}

void ImapConversation::lsub() {
    for (auto const& stored : server_.storage.mailboxes()) {
        if (stored->mailbox.subscribed) say("* LSUB () \"/\" " + quoted(stored->mailbox.name.wire));
    }
    tagged("OK listed");
}

void ImapConversation::say_status(StoredMailbox const& mailbox, bool mod_seq) {
    auto line = "* STATUS " + quoted(mailbox.mailbox.name.wire) + " (MESSAGES " +
                std::to_string(mailbox.messages.size()) + " UIDNEXT " + std::to_string(mailbox.uid_next) +
                " UIDVALIDITY " + std::to_string(mailbox.uid_validity);
    if (mod_seq) line += " HIGHESTMODSEQ " + std::to_string(mailbox.highest_mod_seq);
    say(line + ")");
}

void ImapConversation::status() {
    auto const* const mailbox = named(2);
    if (mailbox == nullptr) return tagged("NO [NONEXISTENT] no such mailbox");
    if (has_stored_ && selected_ == mailbox->mailbox.name)
        server_.misuses.emplace_back("STATUS of the open folder, whose flags are not saved");
    say_status(*mailbox, has_word("HIGHESTMODSEQ"));
    tagged("OK told");
}

void ImapConversation::open(bool read_only) {
    selected_.reset();
    has_stored_ = false;
    auto const* const mailbox = named(2);
    if (mailbox == nullptr) return tagged("NO [NONEXISTENT] no such mailbox");
    selected_ = mailbox->mailbox.name;
    exists_said_ = mailbox->messages.size();
    say("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)");
    say("* " + std::to_string(exists_said_) + " EXISTS");
    say(std::string("* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft") +
        (server_.storage.any_keyword ? " \\*" : "") + ")] these stay");
    say("* OK [UIDVALIDITY " + std::to_string(mailbox->uid_validity) + "] of this mailbox");
    say("* OK [UIDNEXT " + std::to_string(mailbox->uid_next) + "] is next");
    if (has("CONDSTORE")) say("* OK [HIGHESTMODSEQ " + std::to_string(mailbox->highest_mod_seq) + "] so far");
    tagged(read_only ? "OK [READ-ONLY] open" : "OK [READ-WRITE] open");
}

void ImapConversation::create() {
    auto const name = MailboxName::from_wire(words_.at(2).text);
    auto* const found = server_.storage.find(name);
    if (found != nullptr && found->mailbox.selectable) return tagged("NO [ALREADYEXISTS] there is one");
    if (found == nullptr) {
        server_.storage.add_mailbox(name.utf8);
    } else {
        found->mailbox.selectable = true;
    }
    tagged("OK created");
}

void ImapConversation::subscribe() {
    auto* const mailbox = named(2);
    if (mailbox == nullptr) return tagged("NO no such mailbox");
    mailbox->mailbox.subscribed = true;
    tagged("OK subscribed");
}

void ImapConversation::say_exists() {
    auto const* const mailbox = selected_ ? server_.storage.find(*selected_) : nullptr;
    if (mailbox == nullptr || mailbox->messages.size() == exists_said_) return;
    exists_said_ = mailbox->messages.size();
    say("* " + std::to_string(exists_said_) + " EXISTS");
}

// ---- Messages
// ------------------------------------------------------------------------------------------------------

std::vector<ImapConversation::Upload> ImapConversation::read_uploads(std::size_t at) const {
    std::vector<Upload> uploads;
    while (at < words_.size()) {
        Upload upload;
        if (words_[at].kind == Word::Kind::open) upload.flags = Flags::parse(take_list(words_, at));
        if (at < words_.size() && words_[at].kind == Word::Kind::quoted) {
            auto const date = parse_date(words_[at++].text);
            if (!date) return {};
            upload.unix_seconds = *date;
        }
        if (at >= words_.size() || words_[at].kind != Word::Kind::literal) return {};
        upload.body = words_[at++].text;
        uploads.push_back(std::move(upload));
    }
    return uploads;
}

void ImapConversation::append() {
    auto uploads = read_uploads(3);
    if (uploads.empty() || (uploads.size() > 1 && !has("MULTIAPPEND"))) {
        server_.misuses.emplace_back("an APPEND that cannot be read");
        return tagged("BAD not understood");
    }
    auto* const mailbox = named(2);
    if (mailbox == nullptr) return tagged("NO [TRYCREATE] no such mailbox");
    if (server_.storage.reveal(mailbox->mailbox.name.utf8)) {
        hold_until = server_.storage.clock().now() + short_delay;
        return tagged("NO [SERVERBUG] something is there already");
    }
    if (server_.before_append) server_.before_append(*mailbox);
    ++server_.appends;
    ++appends_stored;
    std::vector<StoredMessage> messages;
    for (auto& upload : uploads) {
        if (!server_.dialect.append_keeps_flags) upload.flags = {};
        messages.push_back(
            {Uid(), std::move(upload.body), std::move(upload.flags), {upload.unix_seconds, 0}, {}});
    }
    auto const now = server_.storage.clock().now();
    if (commit_delay) {
        auto const& name = mailbox->mailbox.name;
        if (hides) {
            std::ranges::move(messages, std::back_inserter(server_.storage.hidden[name.utf8]));
            return;
        }
        server_.late_.push_back({now + *commit_delay, name, std::move(messages)});
        return;
    }
    auto const first = mailbox->uid_next;
    auto const last = first + messages.size() - 1;
    server_.store(*mailbox, std::move(messages));
    say_exists();
    auto const range = std::to_string(first) + (first == last ? "" : ":" + std::to_string(last));
    tagged(has("UIDPLUS")
               ? "OK [APPENDUID " + std::to_string(mailbox->uid_validity) + " " + range + "] stored"
               : "OK stored");
}

ImapConversation::FetchItems ImapConversation::read_items(std::size_t at) {
    FetchItems items;
    for (; at < words_.size(); ++at) {
        auto const name = upper_case(words_[at].text);
        items.flags |= name == "FLAGS";
        items.date |= name == "INTERNALDATE";
        items.size |= name == "RFC822.SIZE";
        items.mod_seq |= name == "MODSEQ" || name == "CHANGEDSINCE";
        items.body |= name == "BODY.PEEK[]";
        items.labels |= name == "X-GM-LABELS";
        if (name == "BODY.PEEK[HEADER.FIELDS") {
            for (at += 2; at < words_.size() && words_[at].kind != Word::Kind::close; ++at)
                items.headers.push_back(words_[at].text);
        }
        if (name.starts_with("BODY[") || name == "RFC822")
            server_.misuses.emplace_back("a FETCH that sets \\Seen");
    }
    return items;
}

void ImapConversation::fetch() {
    auto const ranges = parse_ranges(words_[3].text);
    auto const items = read_items(4);
    if (items.labels && !has("X-GM-EXT-1")) {
        server_.misuses.emplace_back("a question for labels that this server does not know");
        return tagged("BAD not understood");
    }
    auto const& mailbox = *server_.storage.find(*selected_);
    for (std::size_t i = 0; i < std::min(exists_said_, mailbox.messages.size()); ++i) {
        auto const uid = mailbox.messages[i].uid.value();
        bool const wanted =
            std::ranges::any_of(ranges, [&](auto const& r) { return uid >= r.first && uid <= r.second; });
        if (wanted) say_fetch(mailbox, i, items);
    }
    say_exists();
    tagged("OK fetched");
}

void ImapConversation::say_fetch(StoredMailbox const& mailbox, std::size_t index, FetchItems const& items) {
    auto const& message = mailbox.messages[index];
    auto line = "* " + std::to_string(index + 1) + " FETCH (UID " + std::to_string(message.uid.value());
    if (items.flags) line += " FLAGS (" + message.flags.to_string() + ")";
    if (items.date) line += " INTERNALDATE \"" + format_date(message.internal_date.unix_seconds) + '"';
    if (items.size) line += " RFC822.SIZE " + std::to_string(message.body.size());
    if (items.mod_seq) line += " MODSEQ (" + std::to_string(mailbox.highest_mod_seq) + ")";
    if (!items.headers.empty()) {
        std::string names;
        for (auto const& name : items.headers) names += (names.empty() ? "" : " ") + name;
        line += " BODY[HEADER.FIELDS (" + names + ")] " + literal(pick_headers(message.body, items.headers));
    }
    if (items.labels) {
        std::string labels;
        for (auto const& label : server_.storage.labels_of(mailbox, message))
            labels += (labels.empty() ? "" : " ") + quoted(label);
        line += " X-GM-LABELS (" + labels + ")";
    }
    if (items.body) line += " BODY[] " + literal(message.body);
    say(line + ")");
}

void ImapConversation::store() {
    auto const ranges = parse_ranges(words_[3].text);
    bool const add = words_[4].text.starts_with('+');
    has_stored_ = true;
    std::size_t at = 5;
    auto const list = Flags::parse(take_list(words_, at));
    auto& mailbox = *server_.storage.find(*selected_);
    for (auto& message : mailbox.messages) {
        auto const uid = message.uid.value();
        bool const wanted =
            std::ranges::any_of(ranges, [&](auto const& r) { return uid >= r.first && uid <= r.second; });
        if (!wanted) continue;
        std::vector<Word> now;
        (void)split_words(message.flags.to_string() + (add ? " " + list.to_string() : ""), now);
        auto const gone = " " + list.to_string() + " ";
        std::string kept;
        for (auto const& word : now) {
            bool const removed = !add && gone.find(" " + word.text + " ") != std::string::npos;
            if (!removed) kept += word.text + " ";
        }
        message.flags = Flags::parse(kept);
        ++mailbox.highest_mod_seq;
    }
    say_exists();
    tagged("OK flags set");
}

/// Answers from an index, as a server does: what came in the last minute is not in it.
void ImapConversation::search() {
    auto const ranges = parse_ranges(words_.back().text);
    std::string line = "* SEARCH";
    for (auto const& message : server_.storage.find(*selected_)->messages) {
        auto const uid = message.uid.value();
        bool const wanted =
            std::ranges::any_of(ranges, [&](auto const& r) { return uid >= r.first && uid <= r.second; });
        bool const indexed = message.visible_from + index_lag <= server_.storage.clock().now();
        if (wanted && indexed) line += " " + std::to_string(uid);
    }
    say(line);
    tagged("OK searched");
}

}  // namespace imapcopy::test
