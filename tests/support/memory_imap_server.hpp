#pragma once

// A small faithful IMAP server in memory: the real client's bytes end in it, at every one of which it can
// break. The mailboxes are those of a MemoryServer; the streams and the time are the test's.

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "daemon/net/connector.hpp"
#include "tests/support/memory_account.hpp"

namespace imapcopy::test {

/// What a server offers.
struct ImapDialect {
    std::string name;
    std::string capabilities;
    bool announces = true;  ///< Tells them in the greeting and at login, so that nobody needs to ask.
    bool append_keeps_flags = true;  ///< Else APPEND stores without them, as GNU Mailutils does.
};
/// The dialects that the tests run over: everything, nothing, two in between, and a server that does less
/// than it should.
std::vector<ImapDialect> const& imap_dialects();
ImapDialect const& imap_dialect(std::string_view name);

enum class Direction : std::uint8_t { to_server, to_client };

/// How a connection ends once so many bytes have passed. A command that the server has received whole is
/// carried out, except where the kind says otherwise; its reply is lost.
enum class Break : std::uint8_t {
    close,          ///< The server closes in an orderly way.
    reset,          ///< Both directions fail at once.
    reset_dropped,  ///< The same, and what the server has not read yet is lost.
    reset_late,     ///< The same, and what the server has not answered yet becomes visible only later.
    stall,          ///< Nothing moves in that direction any more.
    stall_late,     ///< Nothing moves at all, and as reset_late from the time the client gives up.
    crash,          ///< The client's process dies: `on_crash` is called.
    crash_late,     ///< The same, and as reset_late.
    /// Nothing moves at all, and what the server has not answered by the time the client gives up stays
    /// hidden, as if the server had been killed while it stored: the next APPEND to the folder meets it and
    /// is refused, and then it shows (Dovecot's sdbox).
    stall_hidden,
};
std::string_view to_string(Break kind);

/// Bytes are counted over all connections of the server, each direction by itself.
struct ByteFault {
    Direction direction = Direction::to_server;
    std::uint64_t offset = 0;
    Break kind = Break::close;
};

/// What the server does in place of answering a command as it should.
enum class ReplyChange : std::uint8_t {
    no,         ///< Tagged NO; nothing is carried out.
    no_early,   ///< The same at the command's first literal, before it is sent or while it arrives.
    bad,        ///< Tagged BAD.
    bye,        ///< BYE and the end; nothing is carried out.
    bye_after,  ///< Carried out, but BYE takes the place of the answer.
    garbage,    ///< Carried out; the tagged line is not IMAP.
    delay,      ///< Carried out and answered 30 s later.
    silence,    ///< Carried out and answered ten minutes later.
};
std::string_view to_string(ReplyChange change);

/// Commands are counted over all connections from 1; 0 is the first greeting.
struct ReplyFault {
    std::size_t command = 0;
    ReplyChange change = ReplyChange::no;
    std::string code;  ///< Response code without brackets; may be empty.
};

class ImapWire;

class MemoryImapServer final : public net::Connector {
 public:
    MemoryImapServer(MemoryServer& stored, ImapDialect const& spoken) : storage(stored), dialect(spoken) {}

    Task<std::unique_ptr<net::Stream>> connect(net::Target target, TimePoint deadline) override;

    MemoryServer& storage;
    ImapDialect const& dialect;
    std::string login = "anna";
    std::string password = "secret";
    std::size_t read_bytes_max = 4096;  ///< One read brings at most so much.
    Duration late_delay = std::chrono::seconds(6);

    std::vector<ByteFault> byte_faults;
    std::vector<ReplyFault> reply_faults;
    /// Before a command with this number is carried out.
    std::function<void(std::size_t command)> before_command;
    /// Before the messages of an APPEND are stored.
    std::function<void(StoredMailbox& mailbox)> before_append;
    std::function<void(Break kind)> on_crash;
    /// Nobody gets a connection: the client's process is dead.
    bool unreachable = false;
    /// Told of every line of the conversation, if set.
    std::function<void(std::string_view who, std::string_view line)> trace;

    /// The client's process died: ends every connection.
    void end_all(Break kind);
    /// Makes visible what is due; all of it if `everything`.
    void commit_due(bool everything = false);

    std::uint64_t received_bytes = 0;
    std::uint64_t sent_bytes = 0;
    std::size_t commands = 0;
    std::size_t connections = 0;
    std::size_t appends = 0;           ///< APPENDs carried out.
    std::vector<std::string> verbs;    ///< Of every command, in order.
    std::vector<std::string> misuses;  ///< What a client must not do.

 private:
    friend class ImapConversation;
    friend class ImapWire;
    struct LateCommit {
        TimePoint due;
        MailboxName mailbox;
        std::vector<StoredMessage> messages;
    };
    void store(StoredMailbox& mailbox, std::vector<StoredMessage> messages);

    std::list<ImapWire*> wires_;
    std::vector<LateCommit> late_;
};

}  // namespace imapcopy::test
