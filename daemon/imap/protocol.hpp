#pragma once

// Protocol: the IMAP conversation without I/O. Bytes in, events out; tags, order, capabilities,
// continuations.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/random.hpp"
#include "common/strong.hpp"
#include "daemon/imap/codec/fragmenter.hpp"
#include "daemon/imap/interest.hpp"
#include "daemon/imap/reply.hpp"

namespace imapcopy::imap {

/// Numbers the commands of one connection, from 1.
using CommandId = Tagged<std::uint64_t, struct CommandIdTag>;

/// What the server's bytes mean. Views are valid until the next call of Protocol::next().
namespace event {
struct NeedInput {};
/// The first response: OK, PREAUTH or BYE.
struct Greeting {
    response::Status status;
};
/// `recipient`: the oldest command under way that wants it, or nobody.
struct Untagged {
    std::optional<CommandId> recipient;
    response::Response response;
};
/// A "+" that was expected.
struct Continue {
    std::string text;
};
struct Completed {
    CommandId command;
    Reply reply;
};
/// A BODY[] begins; `uid` is 0 where the server names it later. BodyData and BodyEnd follow, then the
/// Untagged that held it, for the same recipient.
struct BodyBegin {
    std::optional<CommandId> recipient;
    Uid uid;
    std::uint64_t size_bytes = 0;
};
struct BodyData {
    std::string_view bytes;
};
struct BodyEnd {};
}  // namespace event

using ProtocolEvent = std::variant<event::NeedInput, event::Greeting, event::Untagged, event::Continue,
                                   event::Completed, event::BodyBegin, event::BodyData, event::BodyEnd>;

class Protocol {
 public:
    /// `random` makes tags that nobody can guess: a tagged reply in a conversation is then ours (RFC 9051
    /// §11.1 warns of injected replies before STARTTLS).
    explicit Protocol(Random& random, FragmenterLimits limits = {});

    /// A new command, last in order.
    CommandId begin(Interest interest);
    std::string tag(CommandId command) const;
    /// The command was never sent: no reply will come.
    void forget(CommandId command);
    /// From now on one "+" is expected, or none. Any other "+" is an error: data sent on a stale one would be
    /// read as commands.
    void expect_continuation(bool expected) { continuation_expected_ = expected; }

    /// Only after next() answered NeedInput; `bytes` stay valid until it does again.
    void feed(std::string_view bytes) { fragmenter_.feed(bytes); }
    /// Errors (server_bug) are final.
    Result<ProtocolEvent> next();
    /// Nothing received is left over, neither bytes nor half a response: TLS may start.
    bool is_drained() const { return fragmenter_.unread_bytes() == 0 && fragmenter_.at_boundary(); }

    Capabilities const& capabilities() const { return capabilities_; }
    bool knows_capabilities() const { return knows_capabilities_; }
    /// After TLS and at login: what was said before counts no more.
    void forget_capabilities();
    /// The server's BYE, once it came.
    std::optional<Reply> const& bye() const { return bye_; }

 private:
    struct InFlight {
        CommandId id;
        Interest interest;
    };
    std::optional<ProtocolEvent> accept(ResponseText const& text);
    std::optional<ProtocolEvent> accept_status(response::Status status);
    std::optional<ProtocolEvent> accept_continuation(response::Continuation continuation);
    std::optional<ProtocolEvent> accept_untagged(response::Response response);
    std::optional<ProtocolEvent> begin_body(BodyStart const& start);
    std::optional<ProtocolEvent> replay_body(response::Fetch fetch);
    std::optional<ProtocolEvent> complete(response::Status status);
    std::optional<CommandId> recipient_of(response::Response const& response) const;
    void learn_capabilities(std::vector<std::string> const& names);
    std::optional<ProtocolEvent> refuse(std::string message);

    Fragmenter fragmenter_;
    std::string tag_prefix_;
    std::uint64_t last_id_ = 0;
    std::deque<InFlight> in_flight_;
    std::deque<ProtocolEvent> queued_;
    std::string quoted_body_;
    std::optional<Error> failure_;
    bool greeted_ = false;
    bool continuation_expected_ = false;
    bool in_body_response_ = false;
    std::optional<CommandId> body_recipient_;
    Capabilities capabilities_;
    bool knows_capabilities_ = false;
    std::optional<Reply> bye_;
};

}  // namespace imapcopy::imap
