#include "tests/support/memory_account.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/result.hpp"
#include "daemon/copy/identity.hpp"

namespace imapcopy::test {

// --- MemoryServer
// ---------------------------------------------------------------------------------------------------

StoredMailbox& MemoryServer::add_mailbox(std::string const& utf8, Role role) {
    auto stored = std::make_unique<StoredMailbox>();
    stored->mailbox.name = MailboxName::from_utf8(utf8).value();
    stored->mailbox.separator = separator;
    stored->mailbox.role = stored->mailbox.name.is_inbox() ? Role::inbox : role;
    stored->uid_validity = 1000 + static_cast<std::uint32_t>(mailboxes_.size());
    mailboxes_.push_back(std::move(stored));
    return *mailboxes_.back();
}

Uid MemoryServer::add_message(std::string const& mailbox, std::string body, Flags flags,
                              std::int64_t unix_seconds) {
    auto& stored = at(mailbox);
    auto const uid = Uid(stored.uid_next++);
    ++stored.highest_mod_seq;
    stored.messages.push_back({uid, std::move(body), std::move(flags), {unix_seconds, 0}, {}});
    return uid;
}

bool MemoryServer::reveal(std::string const& mailbox) {
    auto const messages = hidden.extract(mailbox);
    if (messages.empty()) return false;
    for (auto& message : messages.mapped())
        add_message(mailbox, message.body, message.flags, message.internal_date.unix_seconds);
    return true;
}

StoredMailbox* MemoryServer::find(MailboxName const& name) {
    auto const found =
        std::ranges::find_if(mailboxes_, [&](auto const& m) { return m->mailbox.name == name; });
    return found == mailboxes_.end() ? nullptr : found->get();
}

StoredMailbox& MemoryServer::at(std::string const& utf8) {
    auto* const found = find(MailboxName::from_utf8(utf8).value());
    if (found == nullptr) throw std::out_of_range("no mailbox " + utf8);
    return *found;
}

std::vector<std::string> MemoryServer::contents() const {
    std::vector<std::string> lines;
    for (auto const& mailbox : mailboxes_) {
        if (!mailbox->mailbox.selectable) continue;
        lines.push_back(mailbox->mailbox.name.utf8 + (mailbox->mailbox.subscribed ? "|subscribed" : "|"));
        for (auto const& message : mailbox->messages) {
            lines.push_back(mailbox->mailbox.name.utf8 + "|" +
                            std::to_string(message.internal_date.unix_seconds) + "|" +
                            message.flags.to_string() + "|" + message.body);
        }
    }
    std::ranges::sort(lines);
    return lines;
}

std::vector<std::string> MemoryServer::labels_of(StoredMailbox const& mailbox,
                                                 StoredMessage const& message) const {
    static std::map<Role, std::string> const system_labels = {
        {Role::inbox, "\\Inbox"},     {Role::sent, "\\Sent"},           {Role::drafts, "\\Draft"},
        {Role::flagged, "\\Starred"}, {Role::important, "\\Important"},
    };
    std::vector<std::string> labels;
    for (auto const& other : mailboxes_) {
        if (other.get() == &mailbox || other->mailbox.role == Role::all) continue;
        if (std::ranges::find(other->messages, message.body, &StoredMessage::body) == other->messages.end())
            continue;
        auto const system = system_labels.find(other->mailbox.role);
        labels.push_back(system == system_labels.end() ? other->mailbox.name.wire : system->second);
    }
    return labels;
}

void MemoryServer::remove_mailbox(std::string const& utf8) {
    std::erase_if(mailboxes_, [&](auto const& stored) { return stored->mailbox.name.utf8 == utf8; });
}

void MemoryServer::remove_message(std::string const& mailbox, Uid uid) {
    auto& stored = at(mailbox);
    std::erase_if(stored.messages, [&](StoredMessage const& message) { return message.uid == uid; });
    ++stored.highest_mod_seq;
}

void MemoryServer::set_flags(std::string const& mailbox, Uid uid, Flags flags) {
    auto& stored = at(mailbox);
    auto const message = std::ranges::find(stored.messages, uid, &StoredMessage::uid);
    if (message == stored.messages.end() || message->flags == flags) return;
    message->flags = std::move(flags);
    message->mod_seq = ++stored.highest_mod_seq;
}

std::size_t MemoryServer::count_commands(std::string_view prefix) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(log, [&](std::string const& line) { return line.starts_with(prefix); }));
}

void MemoryServer::step(std::string_view what) {
    if (before_step) before_step();
    if (++steps_ == fail_at_) throw Failure(ErrorCode::connection_lost, std::string(what));
}

// --- MemoryEndpoint
// -------------------------------------------------------------------------------------------------

Task<> MemoryEndpoint::step(std::string_view what) {
    auto const name = std::string(what);
    co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
    if (dead_) throw Failure(Error{cause_, name, {}, side_});
    struct Death {
        MemoryEndpoint& endpoint;
        bool averted = false;
        ~Death() {
            if (!averted) endpoint.die(ErrorCode::connection_lost);
        }
    } death{*this};
    server_.step(name);
    while (server_.falls_silent && server_.falls_silent(name)) {
        if (dead_) throw Failure(Error{cause_, name, {}, side_});
        changed_.clear();
        co_await changed_.wait();
    }
    death.averted = true;
}

Task<> MemoryEndpoint::begin_command(std::string_view what) {
    auto const name = std::string(what);
    while (is_writing_ && !dead_) {
        changed_.clear();
        co_await changed_.wait();
    }
    co_await step(name);
}

void MemoryEndpoint::die(ErrorCode cause) noexcept {
    if (!dead_) cause_ = cause;
    dead_ = true;
    changed_.set();
}

MailboxStatus MemoryEndpoint::status_of(StoredMailbox const& mailbox) const {
    std::uint32_t visible = 0;
    for (auto const& message : mailbox.messages)
        visible += server_.counts_hidden || message.visible_from <= server_.clock_.now() ? 1 : 0;
    return {UidValidity(mailbox.uid_validity), Uid(mailbox.uid_next), visible,
            ModSeq(server_.traits.condstore ? mailbox.highest_mod_seq : 0)};
}

MailboxStatus MemoryEndpoint::told_of(StoredMailbox const& mailbox) const {
    auto status = status_of(mailbox);
    auto const told = server_.told_by_status.find(mailbox.mailbox.name.utf8);
    if (told != server_.told_by_status.end()) status.uid_validity = UidValidity(told->second);
    return status;
}

StoredMailbox& MemoryEndpoint::require(MailboxName const& name, std::string_view what) {
    auto* const found = server_.unopenable.contains(name.utf8) ? nullptr : server_.find(name);
    if (found == nullptr || !found->mailbox.selectable) {
        throw Failure(
            Error{ErrorCode::folder_vanished, std::string(what) + " \"" + name.utf8 + "\"", {}, side_});
    }
    if (server_.restless.contains(name.utf8)) ++found->uid_validity;
    return *found;
}

StoredMailbox& MemoryEndpoint::require_same(MailboxName const& name, std::string_view what) {
    auto& found = require(name, what);
    auto const [expected, first] = validities_.try_emplace(name.utf8, found.uid_validity);
    if (!first && expected->second != found.uid_validity)
        throw Failure(Error{ErrorCode::uid_validity_changed, std::string(what) + " again", {}, side_});
    return found;
}

MessageMeta MemoryEndpoint::meta_of(StoredMailbox const& mailbox, StoredMessage const& message,
                                    Listing listing) const {
    MessageMeta meta{message.uid, message.flags, message.internal_date, message.body.size(), {}, {}};
    if (listing == Listing::identity) {
        auto const end = message.body.find("\r\n\r\n");
        meta.identity = identity_of_headers(std::string_view(message.body).substr(0, end));
    }
    bool const labelled = server_.knows_labels && side_ == Side::source && listing != Listing::flags;
    if (labelled) meta.labels = server_.labels_of(mailbox, message);
    return meta;
}

void MemoryEndpoint::refresh(StoredMailbox const& mailbox) {
    open_ = mailbox.mailbox.name.utf8;
    seen_at_ = server_.clock_.now();
    seen_uid_next_ = Uid(mailbox.uid_next);
}

void MemoryEndpoint::enter(StoredMailbox const& mailbox) {
    if (open_ != mailbox.mailbox.name.utf8) refresh(mailbox);
}

Task<AccountView> MemoryEndpoint::list() {
    server_.log.emplace_back("list");
    co_await begin_command("list folders");
    AccountView view;
    view.personal_prefix = server_.personal_prefix;
    view.separator = server_.separator;
    view.labels = server_.knows_labels;
    for (auto const& stored : server_.mailboxes_) {
        auto mailbox = stored->mailbox;
        if (server_.traits.list_status && mailbox.selectable) mailbox.status = told_of(*stored);
        view.mailboxes.push_back(std::move(mailbox));
    }
    co_return view;
}

Task<std::vector<std::optional<MailboxStatus>>> MemoryEndpoint::status(std::vector<MailboxName> mailboxes) {
    server_.log.push_back("status " + std::to_string(mailboxes.size()));
    co_await begin_command("status");
    std::vector<std::optional<MailboxStatus>> statuses;
    for (auto const& name : mailboxes) {
        auto const* const found = server_.find(name);
        bool const told =
            found != nullptr && found->mailbox.selectable && !server_.without_status.contains(name.utf8);
        statuses.push_back(told ? std::optional(told_of(*found)) : std::nullopt);
    }
    co_return statuses;
}

Task<Opened> MemoryEndpoint::open(MailboxName mailbox, Access access) {
    server_.log.push_back((access == Access::read_only ? "examine " : "select ") + mailbox.utf8);
    co_await begin_command("open");
    auto const& stored = require(mailbox, "open");
    refresh(stored);
    expect(mailbox, UidValidity(stored.uid_validity));
    Opened opened{status_of(stored), {}};
    opened.permanent_flags.flags = Flags::parse("\\Seen \\Answered \\Flagged \\Deleted \\Draft");
    opened.permanent_flags.any_keyword =
        server_.any_keyword && !server_.without_keywords.contains(mailbox.utf8);
    co_return opened;
}

Task<> MemoryEndpoint::list_messages(MailboxName mailbox, UidRange range, Listing listing,
                                     std::function<void(MessageMeta)> sink) {
    server_.log.push_back("list_messages " + mailbox.utf8);
    co_await begin_command("list messages");
    auto const& stored = require_same(mailbox, "list messages of");
    enter(stored);
    for (auto const& message : stored.messages) {
        bool const visible = message.visible_from <= seen_at_ && message.uid < seen_uid_next_;
        if (visible && message.uid >= range.first && message.uid <= range.last)
            sink(meta_of(stored, message, listing));
    }
    refresh(stored);
}

Task<> MemoryEndpoint::list_changes(MailboxName mailbox, UidRange range, ModSeq since,
                                    std::function<void(MessageMeta)> sink) {
    server_.log.push_back("list_changes " + mailbox.utf8);
    co_await begin_command("list changes");
    auto const& stored = require(mailbox, "list changes of");
    enter(stored);
    for (auto const& message : stored.messages) {
        bool const in_range = message.uid >= range.first && message.uid <= range.last;
        if (in_range && message.mod_seq > since.value()) sink(meta_of(stored, message, Listing::flags));
    }
}

Task<> MemoryEndpoint::fetch_bodies(MailboxName mailbox, std::vector<Uid> uids, BodySink& sink) {
    server_.fetched_by[this].insert(mailbox.utf8);
    server_.log.push_back("fetch " + mailbox.utf8 + " " + std::to_string(uids.size()));
    co_await begin_command("fetch bodies");
    refresh(require_same(mailbox, "fetch from"));
    // One command after the other.
    auto const turn = co_await bodies_.lock();
    for (auto const uid : uids) {
        if (server_.body_pause > Duration{}) co_await server_.clock().sleep_for(server_.body_pause);
        auto const& messages = require_same(mailbox, "fetch from").messages;
        auto const found = std::ranges::find(messages, uid, &StoredMessage::uid);
        bool const hidden = found != messages.end() && server_.hidden_bodies > 0;
        if (hidden) --server_.hidden_bodies;
        if (hidden || found == messages.end()) {
            co_await sink.missing(uid);
            continue;
        }
        auto const body = found->body;
        if (server_.deadly_bodies.contains(body)) {
            die(ErrorCode::connection_lost);
            throw Failure(Error{ErrorCode::connection_lost, "closed by the server", {}, side_});
        }
        bytes_ += body.size();
        co_await step("begin of a body");
        co_await sink.begin(uid, body.size());
        for (std::size_t i = 0; i < body.size(); i += server_.piece_bytes) {
            co_await step("piece of a body");
            co_await sink.data(std::string_view(body).substr(i, server_.piece_bytes));
        }
        co_await sink.end();
    }
}

Task<CreateResult> MemoryEndpoint::create(MailboxName mailbox, Role role) {
    server_.log.push_back("create " + mailbox.utf8);
    co_await begin_command("create");
    CreateResult result;
    if (server_.refuse_name && server_.refuse_name(mailbox.utf8)) {
        result.outcome = CreateOutcome::refused;
        result.error = {ErrorCode::folder_create_refused, "create", "not with this name", side_};
    } else if (auto* const found = server_.find(mailbox)) {
        if (found->mailbox.selectable) result.outcome = CreateOutcome::existed;
        found->mailbox.selectable = true;
    } else {
        server_.add_mailbox(mailbox.utf8, server_.traits.create_special_use ? role : Role::none);
    }
    co_await step("answer to create");
    co_return result;
}

Task<bool> MemoryEndpoint::subscribe(MailboxName mailbox) {
    server_.log.push_back("subscribe " + mailbox.utf8);
    co_await begin_command("subscribe");
    auto* const found = server_.find(mailbox);
    if (found != nullptr) found->mailbox.subscribed = true;
    co_return found != nullptr;
}

Task<bool> MemoryEndpoint::store_flags(MailboxName mailbox, UidSet uids, Flags add, Flags remove) {
    server_.log.push_back("store " + mailbox.utf8 + " " + uids.to_string());
    co_await begin_command("store flags");
    if (server_.refuse_store) co_return false;
    auto& stored = require_same(mailbox, "store flags in");
    enter(stored);
    for (auto& message : stored.messages) {
        if (uids.contains(message.uid))
            server_.set_flags(mailbox.utf8, message.uid, message.flags.without(remove).with(add));
    }
    co_await step("answer to store");
    co_return true;
}

Task<> MemoryEndpoint::close() {
    dead_ = true;
    co_return;
}

// --- Append
// ---------------------------------------------------------------------------------------------------------

class MemoryEndpoint::MemoryAppend final : public Append {
 public:
    MemoryAppend(MemoryEndpoint& endpoint, MailboxName mailbox, AsyncMutex::Lock writing)
        : endpoint_(endpoint), mailbox_(std::move(mailbox)), writing_(std::move(writing)) {
        endpoint_.is_writing_ = true;
    }
    ~MemoryAppend() override {
        if (committed_ || answered_) return;
        endpoint_.die(ErrorCode::cancelled);
        end_writing();
    }
    MemoryAppend(MemoryAppend const&) = delete;
    MemoryAppend& operator=(MemoryAppend const&) = delete;

    Task<bool> message(AppendMessage message) override {
        co_await endpoint_.step("announce a message");
        auto const now = std::chrono::floor<std::chrono::seconds>(endpoint_.server_.clock_.wall_now());
        InternalDate const upload{now.time_since_epoch().count(), 0};
        if (!endpoint_.server_.append_keeps_flags) message.flags = {};
        messages_.push_back({Uid(), {}, message.flags, message.internal_date.value_or(upload), {}});
        sizes_.push_back(message.size_bytes);
        if (!endpoint_.server_.traits.fast_literals && endpoint_.server_.find(mailbox_) == nullptr) {
            answered_ = true;
            end_writing();
            co_return false;
        }
        co_return true;
    }

    Task<> write(std::string_view bytes) override {
        auto const piece = std::string(bytes);
        co_await endpoint_.step("write a piece");
        messages_.back().body += piece;
        endpoint_.bytes_ += piece.size();
    }

    Task<> commit() override {
        co_await endpoint_.step("write the end of an append");
        committed_ = true;
        end_writing();
        auto& server = endpoint_.server_;
        server.log.push_back("append " + mailbox_.utf8 + " " + std::to_string(messages_.size()));
        decide();
        // The command is whole: whatever happens to the connection, the server carries it out.
        try {
            server.step("answer to an append");
        } catch (Failure const&) {
            store(server.fault() == Fault::lose_connection_late_commit ? std::chrono::seconds(3)
                                                                       : Duration{});
            endpoint_.die(ErrorCode::connection_lost);
            throw;
        }
        store(Duration{});
    }

    Task<AppendOutcome> outcome() override {
        co_await endpoint_.step("read the answer to an append");
        if (answered_) outcome_.kind = AppendOutcome::Kind::missing_mailbox;
        co_return outcome_;
    }

 private:
    void end_writing() {
        endpoint_.is_writing_ = false;
        endpoint_.changed_.set();
        writing_.unlock();
    }

    void decide() {
        auto& server = endpoint_.server_;
        for (std::size_t i = 0; i < messages_.size(); ++i) {
            if (messages_[i].body.size() != sizes_[i]) throw std::logic_error("an append of the wrong size");
        }
        if (server.find(mailbox_) == nullptr) outcome_.kind = AppendOutcome::Kind::missing_mailbox;
        if (server.reveal(mailbox_.utf8)) {
            outcome_.kind = AppendOutcome::Kind::refused;
            outcome_.error = {ErrorCode::server_bug, "append", "something is there", Side::destination};
        }
        for (auto const& message : messages_) {
            auto error = server.refuse ? server.refuse(message.body) : std::nullopt;
            if (server.refuse_message && server.refuse_message(message))
                error = Error{ErrorCode::append_rejected, "append", "not with these flags and this date"};
            if (!error) continue;
            outcome_.kind = AppendOutcome::Kind::refused;
            outcome_.error = *error;
            outcome_.error.side = Side::destination;
        }
    }

    void store(Duration delay) {
        if (outcome_.kind != AppendOutcome::Kind::stored) return;
        auto& server = endpoint_.server_;
        auto* const found = server.find(mailbox_);
        if (found == nullptr) {
            outcome_.kind = AppendOutcome::Kind::missing_mailbox;
            return;
        }
        auto& mailbox = *found;
        for (auto& message : messages_) {
            if (server.lose && server.lose(message.body)) continue;
            message.uid = Uid(mailbox.uid_next++);
            message.visible_from = server.clock_.now() + delay;
            message.mod_seq = mailbox.highest_mod_seq + 1;
            if (server.traits.uid_plus) outcome_.uids.push_back(message.uid);
            mailbox.messages.push_back(message);
        }
        ++mailbox.highest_mod_seq;
        if (mailbox_.utf8 == endpoint_.open_) endpoint_.refresh(mailbox);
        if (server.traits.uid_plus) outcome_.uid_validity = UidValidity(mailbox.uid_validity);
    }

    MemoryEndpoint& endpoint_;
    MailboxName mailbox_;
    AsyncMutex::Lock writing_;
    std::vector<StoredMessage> messages_;
    std::vector<std::uint64_t> sizes_;
    bool committed_ = false;
    bool answered_ = false;
    AppendOutcome outcome_;
};

Task<std::unique_ptr<Append>> MemoryEndpoint::append(MailboxName mailbox) {
    auto lock = co_await writing_.lock();
    co_await step("begin an append");
    co_return std::make_unique<MemoryAppend>(*this, std::move(mailbox), std::move(lock));
}

Task<std::unique_ptr<Endpoint>> MemoryConnections::connect(Side side) {
    ++count;
    if ((count >= refuse_from && refuse_from > 0) || count == refuse_once)
        throw Failure(Error{ErrorCode::too_many_connections, "connect", "enough", side});
    if (takes > Duration{}) co_await source_.clock().sleep_until(source_.clock().now() + takes);
    co_return std::make_unique<MemoryEndpoint>(side == Side::source ? source_ : destination_, side);
}

std::string sample_message(int number, std::size_t body_bytes) {
    auto const n = std::to_string(number);
    return "Message-ID: <" + n +
           "@example.org>\r\nDate: Mon, 1 Jan 2024 10:00:" + std::to_string(10 + number % 50) +
           " +0000\r\nFrom: anna@example.org\r\nSubject: number " + n + "\r\n\r\n" +
           std::string(body_bytes, 'x') + "\r\n";
}

}  // namespace imapcopy::test
