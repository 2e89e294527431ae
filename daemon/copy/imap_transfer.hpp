#pragma once

// Bodies on their way through an IMAP session, up and down, with an eye on the line.

#include <memory>

#include "common/clock.hpp"
#include "daemon/copy/body_relay.hpp"
#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/line_watch.hpp"
#include "daemon/imap/session.hpp"

namespace imapcopy::copy {

/// A folder's name for messages: in quotation marks, escaped.
std::string in_quotes(MailboxName const& mailbox);

/// One APPEND command. `clock` and `line` outlive it.
class ImapAppend final : public Append {
 public:
    ImapAppend(Clock& clock, LineWatch& line, std::unique_ptr<imap::Session::Append> append,
               MailboxName mailbox, Side side);

    Task<bool> message(AppendMessage message) override;
    Task<> write(std::string_view bytes) override;
    Task<> commit() override { return append_->commit(); }
    Task<AppendOutcome> outcome() override;

 private:
    Clock& clock_;
    LineWatch& line_;
    std::unique_ptr<imap::Session::Append> append_;
    MailboxName mailbox_;
    Side side_;
    std::size_t count_ = 0;
};

/// Lets the session stream into a BodyRelay. All outlive it.
class BodyInlet final : public imap::BodyHandler {
 public:
    BodyInlet(Clock& clock, LineWatch& line, BodyRelay& relay)
        : clock_(clock), line_(line), relay_(relay), idle_since_(clock.now()) {}

    Task<> begin(Uid uid, std::uint64_t size_bytes) override;
    Task<> data(std::string_view bytes) override;
    Task<> end() override { return relay_.end(); }

 private:
    /// The session had nothing to hand over until now.
    void note_wait(std::uint64_t bytes);

    Clock& clock_;
    LineWatch& line_;
    BodyRelay& relay_;
    TimePoint idle_since_;
};

}  // namespace imapcopy::copy
