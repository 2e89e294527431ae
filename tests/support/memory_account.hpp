#pragma once

// A faithful little IMAP store and an Endpoint over it, with faults at every step. Passes the same contract
// suite as ImapEndpoint over real servers.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/event.hpp"
#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/pass.hpp"

namespace imapcopy::test {

using namespace imapcopy::copy;

struct StoredMessage {
    Uid uid;
    std::string body;
    Flags flags;
    InternalDate internal_date;
    TimePoint visible_from = {};  ///< A late commit shows only then.
    std::uint64_t mod_seq = 1;
};

struct StoredMailbox {
    Mailbox mailbox;
    std::uint32_t uid_validity = 1;
    std::uint32_t uid_next = 1;
    std::uint64_t highest_mod_seq = 1;
    std::vector<StoredMessage> messages;
};

/// Thrown steps: the k-th of all steps that any endpoint of the server takes fails.
enum class Fault : std::uint8_t {
    lose_connection,
    /// As lose_connection; an APPEND whose last byte was sent is stored, but shows only some seconds later.
    lose_connection_late_commit,
};

/// One account on one server. Outlives its endpoints.
class MemoryServer {
 public:
    explicit MemoryServer(Clock& clock) : clock_(clock) {}

    EndpointTraits traits{.uid_plus = true,
                          .multi_append = true,
                          .condstore = true,
                          .list_status = true,
                          .fast_literals = true,
                          .create_special_use = true,
                          .append_limit_bytes = 0};
    std::string personal_prefix;
    char separator = '/';
    bool any_keyword = true;
    bool counts_hidden = false;         ///< Counts also the messages that it does not list.
    bool refuse_store = false;          ///< Says no to every STORE.
    std::function<void()> before_step;  ///< Of any endpoint.
    /// True from the step on, by its name, to which no answer comes, nor to any later one.
    std::function<bool(std::string_view what)> falls_silent;
    bool append_keeps_flags = true;  ///< Else APPEND stores without them; STORE sets them.
    std::set<std::string> restless;  ///< Folders that get another UIDVALIDITY at each opening.
    std::map<std::string, std::uint32_t> told_by_status;  ///< UIDVALIDITYs that no opening finds.
    std::set<std::string> without_status;  ///< Folders that can be opened, but STATUS of them is refused.
    std::set<std::string> without_keywords;               ///< Folders that keep none.
    std::set<std::string> deadly_bodies;  ///< The connection ends when one of them is asked for.
    /// Stored, and seen by nobody until the next APPEND to that folder is refused because of them.
    std::map<std::string, std::vector<StoredMessage>> hidden;
    std::size_t hidden_bodies = 0;  ///< So many times the body of a listed message is not given.
    /// Says no to a body, with the error; empty: takes everything.
    std::function<std::optional<Error>(std::string const& body)> refuse;
    /// Says OK to a body, and forgets it.
    std::function<bool(std::string const& body)> lose;
    /// Says no to a message for its flags or its date.
    std::function<bool(StoredMessage const&)> refuse_message;
    /// Says no to a folder of this name.
    std::function<bool(std::string const& utf8)> refuse_name;
    /// Folders that no EXAMINE and no SELECT finds, although they are listed.
    std::set<std::string> unopenable;
    Duration body_pause{};           ///< Passes before each body.
    Duration round_trip{};           ///< What endpoints tell.
    Duration line_wait{};            ///< The same.
    bool knows_labels = false;       ///< Its mailboxes are labels, as Gmail's are.
    std::size_t piece_bytes = 1000;  ///< Bodies are delivered in pieces of this size.

    StoredMailbox& add_mailbox(std::string const& utf8, Role role = Role::none);
    Uid add_message(std::string const& mailbox, std::string body, Flags flags = {},
                    std::int64_t unix_seconds = 0);
    /// Makes visible what is hidden in the mailbox; false: nothing is.
    bool reveal(std::string const& mailbox);
    StoredMailbox* find(MailboxName const& name);
    StoredMailbox& at(std::string const& utf8);
    std::vector<std::unique_ptr<StoredMailbox>> const& mailboxes() const { return mailboxes_; }
    /// The others of the mailboxes that hold the same body, as Gmail names them; meant with knows_labels.
    std::vector<std::string> labels_of(StoredMailbox const& mailbox, StoredMessage const& message) const;
    /// All messages of all folders that are visible by now: "folder|date|flags|body" sorted; for comparisons.
    std::vector<std::string> contents() const;
    void remove_mailbox(std::string const& utf8);
    void remove_message(std::string const& mailbox, Uid uid);
    void set_flags(std::string const& mailbox, Uid uid, Flags flags);

    /// The connections that bodies went out to, and the folders that those were of.
    std::map<Endpoint const*, std::set<std::string>> fetched_by;
    /// Every command, in order: "append INBOX 3", "examine INBOX", …
    std::vector<std::string> log;
    std::size_t count_commands(std::string_view prefix) const;
    std::size_t left = 0;  ///< So many connections were, in good order.

    void fail_at(std::size_t step, Fault fault) {
        fail_at_ = steps_ + step;
        fault_ = fault;
    }
    std::size_t steps() const { return steps_; }
    /// Counts one step and throws if it is the one to fail. `what` is for the message.
    void step(std::string_view what);
    Clock& clock() { return clock_; }
    Fault fault() const { return fault_; }

 private:
    Clock& clock_;
    std::vector<std::unique_ptr<StoredMailbox>> mailboxes_;
    std::size_t steps_ = 0;
    std::size_t fail_at_ = 0;
    Fault fault_ = Fault::lose_connection;

    friend class MemoryEndpoint;
};

class MemoryEndpoint final : public Endpoint {
 public:
    MemoryEndpoint(MemoryServer& server, Side side) : server_(server), side_(side) {}

    EndpointTraits traits() const override { return server_.traits; }
    Task<AccountView> list() override;
    Task<std::vector<std::optional<MailboxStatus>>> status(std::vector<MailboxName> mailboxes) override;
    Task<Opened> open(MailboxName mailbox, Access access) override;
    void expect(MailboxName const& mailbox, UidValidity uid_validity) override {
        validities_.insert_or_assign(mailbox.utf8, uid_validity.value());
    }
    void reopen_at_next_use() override { open_.clear(); }
    Task<> list_messages(MailboxName mailbox, UidRange range, Listing listing,
                         std::function<void(MessageMeta)> sink) override;
    Task<> list_changes(MailboxName mailbox, UidRange range, ModSeq since,
                        std::function<void(MessageMeta)> sink) override;
    Task<> fetch_bodies(MailboxName mailbox, std::vector<Uid> uids, BodySink& sink) override;
    Task<CreateResult> create(MailboxName mailbox, Role role) override;
    Task<bool> subscribe(MailboxName mailbox) override;
    Task<std::unique_ptr<Append>> append(MailboxName mailbox) override;
    Task<bool> store_flags(MailboxName mailbox, UidSet uids, Flags add, Flags remove) override;
    Task<> close() override;
    void leave() override {
        ++server_.left;
        dead_ = true;
    }
    void abort() noexcept override { die(ErrorCode::cancelled); }
    std::uint64_t bytes_transferred() const override { return bytes_; }
    Duration round_trip() const override { return server_.round_trip; }
    Duration line_wait() const override { return server_.line_wait; }

 private:
    class MemoryAppend;
    /// One step on this connection; a fault or abort() ends the connection for good.
    Task<> step(std::string_view what);
    /// The first step of a command: it waits for the end of an APPEND that is being written.
    Task<> begin_command(std::string_view what);
    void die(ErrorCode cause) noexcept;
    MailboxStatus status_of(StoredMailbox const& mailbox) const;
    /// What LIST and STATUS tell.
    MailboxStatus told_of(StoredMailbox const& mailbox) const;
    StoredMailbox& require(MailboxName const& name, std::string_view what);
    /// The same for what relies on the UIDs of an earlier opening.
    StoredMailbox& require_same(MailboxName const& name, std::string_view what);
    MessageMeta meta_of(StoredMailbox const& mailbox, StoredMessage const& message, Listing listing) const;
    /// Opens the folder, unless it is the open one.
    void enter(StoredMailbox const& mailbox);
    /// The open folder is seen as it is now.
    void refresh(StoredMailbox const& mailbox);

    MemoryServer& server_;
    Side side_;
    AsyncMutex writing_;
    bool is_writing_ = false;                          ///< Some APPEND.
    Event changed_;                                    ///< is_writing_ or dead_ is.
    std::map<std::string, std::uint32_t> validities_;  ///< Expected, or of the first opening.
    /// As with Dovecot, a listing sees of the open folder what was there when the last command ended (and
    /// STATUS looks for nothing new).
    std::string open_;
    TimePoint seen_at_;
    Uid seen_uid_next_;
    bool dead_ = false;
    ErrorCode cause_ = ErrorCode::connection_lost;  ///< Of death.
    std::uint64_t bytes_ = 0;
    AsyncMutex bodies_;  ///< Of fetches under way.
};

/// Connections to two memory servers.
class MemoryConnections final : public Connections {
 public:
    MemoryConnections(MemoryServer& source, MemoryServer& destination)
        : source_(source), destination_(destination) {}
    Task<std::unique_ptr<Endpoint>> connect(Side side) override;
    std::size_t count = 0;
    std::size_t refuse_from = 0;  ///< From this connection on the servers have enough; 0: never.
    std::size_t refuse_once = 0;  ///< The same of this one only.
    Duration takes{};             ///< To open one.

 private:
    MemoryServer& source_;
    MemoryServer& destination_;
};

/// A message with a Message-ID and a Date, both made from `number`; CRLF line ends.
std::string sample_message(int number, std::size_t body_bytes = 20);

}  // namespace imapcopy::test
