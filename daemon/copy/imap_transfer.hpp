#pragma once

// Bodies on their way through an IMAP session, up and down.

#include <memory>

#include "daemon/copy/body_relay.hpp"
#include "daemon/copy/endpoint.hpp"
#include "daemon/imap/session.hpp"

namespace imapcopy::copy {

/// A folder's name for messages: in quotation marks, escaped.
std::string in_quotes(MailboxName const& mailbox);

/// One APPEND command.
class ImapAppend final : public Append {
 public:
    ImapAppend(std::unique_ptr<imap::Session::Append> append, MailboxName mailbox, Side side);

    Task<bool> message(AppendMessage message) override;
    Task<> write(std::string_view bytes) override { return append_->write(bytes); }
    Task<> commit() override { return append_->commit(); }
    Task<AppendOutcome> outcome() override;

 private:
    std::unique_ptr<imap::Session::Append> append_;
    MailboxName mailbox_;
    Side side_;
    std::size_t count_ = 0;
};

/// Lets the session stream into a BodyRelay, which outlives it.
class BodyInlet final : public imap::BodyHandler {
 public:
    explicit BodyInlet(BodyRelay& relay) : relay_(relay) {}

    Task<> begin(Uid uid, std::uint64_t size_bytes) override { return relay_.begin(uid, size_bytes); }
    Task<> data(std::string_view bytes) override { return relay_.data(bytes); }
    Task<> end() override { return relay_.end(); }

 private:
    BodyRelay& relay_;
};

}  // namespace imapcopy::copy
