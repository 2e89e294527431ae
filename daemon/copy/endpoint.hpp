#pragma once

// Endpoint: the few things the engine asks of an account. ImapEndpoint in the daemon, MemoryAccount in tests;
// both pass the same contract suite (tests/support/endpoint_contract.hpp).

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock_types.hpp"
#include "common/error.hpp"
#include "common/task.hpp"
#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// What the server can do, as far as the engine cares.
struct EndpointTraits {
    bool uid_plus = false;
    bool multi_append = false;
    bool condstore = false;
    bool list_status = false;    ///< list() brings the status along.
    bool fast_literals = false;  ///< LITERAL+: an upload starts without asking.
    bool create_special_use = false;
    std::uint64_t append_limit_bytes = 0;  ///< APPENDLIMIT; 0: not told.
};

enum class Access : std::uint8_t { read_only, read_write };

/// The answer to opening a folder.
struct Opened {
    MailboxStatus status;
    imap::PermanentFlags permanent_flags;
};

/// Receives bodies one after the other. Back-pressure: the endpoint reads no further while one of these
/// waits.
class BodySink {
 public:
    virtual ~BodySink() = default;
    /// `size_bytes` is the literal's length: exactly so many bytes follow by data(), then end().
    virtual Task<> begin(Uid uid, std::uint64_t size_bytes) = 0;
    virtual Task<> data(std::string_view bytes) = 0;
    virtual Task<> end() = 0;
    /// The server answered OK without this message, or with an empty or NIL body although its size is not
    /// zero.
    virtual Task<> missing(Uid uid) = 0;
};

/// How an APPEND (of one or several messages) ended. Lost connections are not outcomes: outcome() throws
/// then.
struct AppendOutcome {
    enum class Kind : std::uint8_t {
        stored,
        refused,          ///< Tagged NO or BAD: nothing of the batch is stored.
        missing_mailbox,  ///< [TRYCREATE] or [NONEXISTENT].
    } kind = Kind::stored;
    UidValidity uid_validity;  ///< 0: not told.
    std::vector<Uid> uids;     ///< As many as messages were sent, in order; empty: not told.
    Error error;  ///< Of `refused` and `missing_mailbox`: code by class, with the server's words.
};

struct AppendMessage {
    Flags flags;
    std::optional<InternalDate> internal_date;  ///< None: the server takes the time of the upload.
    std::uint64_t size_bytes = 0;
};

/// One APPEND command on its way. Held by one coroutine; use: (message, write…)+, commit, outcome.
/// Dropping it before commit ends the connection, so that the server stores nothing.
class Append {
 public:
    virtual ~Append() = default;
    /// Announces the next message. False: the server has already answered the command (refused before
    /// upload); go straight to outcome().
    virtual Task<bool> message(AppendMessage message) = 0;
    /// A piece of the announced message's body; `bytes` outlive the call. The very last byte of the command
    /// is kept back until commit().
    virtual Task<> write(std::string_view bytes) = 0;
    /// Sends what was kept back and the end of the command. Afterwards the next append() may begin.
    virtual Task<> commit() = 0;
    /// Waits for the tagged reply. May run while later appends are written.
    virtual Task<AppendOutcome> outcome() = 0;
};

enum class CreateOutcome : std::uint8_t { created, existed, refused };
struct CreateResult {
    CreateOutcome outcome = CreateOutcome::created;
    Error error;  ///< Of `refused`.
};

/// What a listing brings for each message.
enum class Listing : std::uint8_t {
    metadata,  ///< UID, flags, date, size, and labels where the view names them and the side is the source.
    identity,  ///< The same and Identity.
    flags,     ///< UID and flags.
};

/// One logged-in connection. Calls may overlap in time: each is one or more commands, sent whole and in order
/// of the calls, and only the folder given to a call must not change under another call that is under way:
/// list_messages, fetch_bodies and store_flags open their folder themselves if it is not the open one, after
/// those calls ended. append, create, subscribe and status need no open folder and overlap with everything.
/// All throw Failure (connection_lost, timed_out, server_bug, …); the endpoint is then dead.
class Endpoint {
 public:
    virtual ~Endpoint() = default;
    virtual EndpointTraits traits() const = 0;

    /// All folders of the personal namespace: roles, subscriptions, and status where the server gives it
    /// along.
    virtual Task<AccountView> list() = 0;
    /// One status each for selectable folders, pipelined; a folder that answers NO has none.
    virtual Task<std::vector<std::optional<MailboxStatus>>> status(std::vector<MailboxName> mailboxes) = 0;
    /// EXAMINE or SELECT, even if it is open already.
    virtual Task<Opened> open(MailboxName mailbox, Access access) = 0;
    /// From now on listing, fetching and setting flags fail with uid_validity_changed where the folder has
    /// another UIDVALIDITY than this one: UIDs that somebody else has learnt would mean other messages. Where
    /// nothing is expected, the first opening tells.
    virtual void expect(MailboxName const& mailbox, UidValidity uid_validity) = 0;
    /// The next call that needs a folder opens it, even if it is open already: only so every server shows
    /// what came by another connection meanwhile (seen: Dovecot lists it from the second listing on, and
    /// STATUS changes nothing; GNU Mailutils does not list it at all).
    virtual void reopen_at_next_use() = 0;

    /// Calls `sink` for each message with a UID in `range`, in the server's order. `sink` must not throw.
    virtual Task<> list_messages(MailboxName mailbox, UidRange range, Listing listing,
                                 std::function<void(MessageMeta)> sink) = 0;
    /// UID and flags of the messages changed after `since` (CONDSTORE only).
    virtual Task<> list_changes(MailboxName mailbox, UidRange range, ModSeq since,
                                std::function<void(MessageMeta)> sink) = 0;
    /// Bodies in ascending order of `uids`, pipelined ahead. `sink` must outlive the call.
    virtual Task<> fetch_bodies(MailboxName mailbox, std::vector<Uid> uids, BodySink& sink) = 0;

    virtual Task<CreateResult> create(MailboxName mailbox, Role role) = 0;
    /// Subscribes; false if the server refuses.
    virtual Task<bool> subscribe(MailboxName mailbox) = 0;
    /// Begins an APPEND. Waits while another one is being written (not while it waits for its outcome).
    virtual Task<std::unique_ptr<Append>> append(MailboxName mailbox) = 0;
    /// Adds and removes flags; false if the server refuses. Opens read-write.
    virtual Task<bool> store_flags(MailboxName mailbox, UidSet uids, Flags add, Flags remove) = 0;

    /// LOGOUT and orderly close, at most until a short deadline. Never throws.
    virtual Task<> close() = 0;
    /// The same where every call has ended: nobody waits for it, and the endpoint may be destroyed at once.
    virtual void leave() = 0;
    /// Ends everything under way with Failure(cancelled).
    virtual void abort() noexcept = 0;
    /// Bytes received and sent since login; for rates.
    virtual std::uint64_t bytes_transferred() const = 0;
    /// From a command to its answer, the shortest time so far; 0: not known.
    virtual Duration round_trip() const = 0;
    /// How long it has waited for its line since login: for the rest of an answer that had begun to come, or
    /// for bytes to leave.
    virtual Duration line_wait() const = 0;
};

}  // namespace imapcopy::copy
