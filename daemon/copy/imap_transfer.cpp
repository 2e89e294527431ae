#include "daemon/copy/imap_transfer.hpp"

#include <utility>

#include "common/text.hpp"
#include "daemon/imap/classify.hpp"

namespace imapcopy::copy {

std::string in_quotes(MailboxName const& mailbox) {
    return '"' + printable(mailbox.utf8) + '"';
}

ImapAppend::ImapAppend(Clock& clock, LineWatch& line, std::unique_ptr<imap::Session::Append> append,
                       MailboxName mailbox, Side side)
    : clock_(clock), line_(line), append_(std::move(append)), mailbox_(std::move(mailbox)), side_(side) {}

Task<bool> ImapAppend::message(AppendMessage message) {
    ++count_;
    return append_->message({std::move(message.flags), message.internal_date, message.size_bytes});
}

Task<> ImapAppend::write(std::string_view bytes) {
    auto const began = clock_.now();
    co_await append_->write(bytes);
    line_.waited(began, clock_.now(), bytes.size());
}

Task<AppendOutcome> ImapAppend::outcome() {
    auto const reply = co_await append_->reply();
    AppendOutcome outcome;
    if (reply.ok()) {
        if (auto const told = imap::response::parse_append_uid(reply.code, count_)) {
            outcome.uid_validity = told->uid_validity;
            outcome.uids = told->uids;
        }
        co_return outcome;
    }
    outcome.error = classify(reply, "append to " + in_quotes(mailbox_), side_, imap::Occasion::append);
    auto const vanished = outcome.error.code == ErrorCode::folder_vanished;
    outcome.kind = vanished ? AppendOutcome::Kind::missing_mailbox : AppendOutcome::Kind::refused;
    co_return outcome;
}

void BodyInlet::note_wait(std::uint64_t bytes) {
    line_.waited(idle_since_, clock_.now(), bytes);
}

Task<> BodyInlet::begin(Uid uid, std::uint64_t size_bytes) {
    note_wait(0);
    co_await relay_.begin(uid, size_bytes);
    idle_since_ = clock_.now();
}

Task<> BodyInlet::data(std::string_view bytes) {
    note_wait(bytes.size());
    co_await relay_.data(bytes);
    idle_since_ = clock_.now();
}

}  // namespace imapcopy::copy
