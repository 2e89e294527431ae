#pragma once

// Session: one IMAP connection from the greeting to LOGOUT, as coroutines over a Stream.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/context.hpp"
#include "common/job.hpp"
#include "common/secret.hpp"
#include "daemon/imap/codec/command.hpp"
#include "daemon/imap/codec/response.hpp"
#include "daemon/imap/reply.hpp"
#include "daemon/net/connector.hpp"

namespace imapcopy::imap {

struct SessionTimeouts {
    Duration connect = std::chrono::seconds(30);   ///< And implicit TLS.
    Duration greeting = std::chrono::seconds(60);  ///< And STARTTLS.
    Duration login = std::chrono::seconds(60);
    Duration idle = std::chrono::seconds(120);    ///< Without one byte from the server while a command runs.
    Duration command = std::chrono::minutes(30);  ///< One command in all, unless body bytes flow.
    std::uint64_t body_bytes_per_minute_min = 1024;  ///< Slower than this over `idle` is no progress.
    Duration logout = std::chrono::seconds(5);
};

/// How to log in.
struct Credentials {
    std::string login;
    std::string authorize_as;
    AuthMethod auth = AuthMethod::password;
    Secret secret;
};

/// The server's refusal as an Error: class by response code and known texts (classify.hpp), words escaped.
Error refusal(Reply const& reply, std::string what, Side side);

/// Receives a streamed BODY[]; before the tagged reply, before anything that was read later, and before the
/// untagged response that it stands in, if `uid` is 0.
class BodyHandler {
 public:
    virtual ~BodyHandler() = default;
    /// `uid` is 0 where the server names it only after the body.
    virtual Task<> begin(Uid uid, std::uint64_t size_bytes) = 0;
    virtual Task<> data(std::string_view bytes) = 0;
    virtual Task<> end() = 0;
};

/// Everything about one command that may arrive before its tagged reply.
struct Handlers {
    std::function<void(response::Response const&)> untagged;  ///< Must not throw. Empty: ignored.
    BodyHandler* body = nullptr;                              ///< For UID FETCH with body.
};

class Connection;

class Session {
 public:
    /// Connects, secures (STARTTLS or implicit), reads capabilities, authenticates, reads them again. Throws
    /// Failure with `side` set: network and TLS errors, tls_required, auth_rejected,
    /// auth_mechanism_unavailable, imap_disabled, app_password_required, unavailable, too_many_connections,
    /// throttled, … `context`, `connector` outlive the session.
    static Task<std::unique_ptr<Session>> open(Context context, net::Connector& connector, net::Target target,
                                               Credentials credentials, Side side,
                                               SessionTimeouts timeouts = {});
    ~Session();
    Session(Session const&) = delete;
    Session& operator=(Session const&) = delete;

    Capabilities const& capabilities() const;
    bool has(std::string_view capability) const;
    /// The greeting's text, escaped; and the server's ID reply (RFC 2971) where it gave one: "Dovecot".
    std::string const& greeting() const;
    std::string const& peer() const;

    /// Sends a command and waits for its tagged reply. Calls may overlap: commands go out whole, in the order
    /// of the calls, and replies are matched by tag; untagged data go to the oldest command under way that
    /// wants them. Throws Failure when the connection ends first.
    Task<Reply> run(command::Command command, Handlers handlers = {});

    /// A command under way. Its bodies are handed over while somebody waits in reply(); dropping it forgets
    /// the command: whatever still arrives for it is thrown away.
    class Ticket {
     public:
        ~Ticket();
        Ticket(Ticket const&) = delete;
        Ticket& operator=(Ticket const&) = delete;
        /// Once. Throws like run(). The ticket must outlive it.
        Task<Reply> reply();

     private:
        friend class Session;
        struct State;
        explicit Ticket(std::unique_ptr<State> state);
        std::unique_ptr<State> state_;
    };
    /// The first half of run(): puts the command in the queue of what is to be sent and returns at once, so
    /// that one coroutine can have many commands under way. Tickets that share a BodyHandler are awaited in
    /// their order. Throws Failure if the connection is over or an argument cannot be sent.
    std::unique_ptr<Ticket> start(command::Command command, Handlers handlers = {});

    /// One APPEND command on its way; see copy::Append for the protocol of use.
    class Append {
     public:
        ~Append();
        Append(Append const&) = delete;
        Append& operator=(Append const&) = delete;
        Task<bool> message(command::AppendMessage message);
        Task<> write(std::string_view bytes);
        Task<> commit();
        Task<Reply> reply();

     private:
        friend class Session;
        struct State;
        explicit Append(std::unique_ptr<State> state);
        static Task<std::unique_ptr<Append>> begin(std::shared_ptr<Connection> connection,
                                                   MailboxName mailbox);
        std::unique_ptr<State> state_;
    };
    /// Begins an APPEND; waits while another command is being written.
    Task<std::unique_ptr<Append>> append(MailboxName mailbox);

    /// LOGOUT, reading until BYE or the logout deadline, then an orderly close. Never throws.
    Task<> close();
    /// The same while nobody waits for it; the session may be destroyed at once. For the last call: `context`
    /// is still used until the logout deadline.
    void leave();
    /// Ends everything under way with Failure(cancelled).
    void abort() noexcept;
    std::uint64_t bytes_transferred() const;
    /// The server has answered a command that was sent compressed: both ends understand each other.
    bool compression_proven() const;
    /// From a command to its answer, the shortest time so far; 0: not known.
    Duration round_trip() const;
    /// How long bytes were waited for: those that complete an answer, and those that did not leave.
    Duration line_wait() const;

 private:
    struct Impl;
    explicit Session(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace imapcopy::imap
