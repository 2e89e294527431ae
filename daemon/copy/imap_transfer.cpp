#include "daemon/copy/imap_transfer.hpp"

#include <utility>

#include "common/text.hpp"
#include "daemon/imap/classify.hpp"

namespace imapcopy::copy {

std::string in_quotes(MailboxName const& mailbox) {
    return '"' + printable(mailbox.utf8) + '"';
}

ImapAppend::ImapAppend(std::unique_ptr<imap::Session::Append> append, MailboxName mailbox, Side side)
    : append_(std::move(append)), mailbox_(std::move(mailbox)), side_(side) {}

Task<bool> ImapAppend::message(AppendMessage message) {
    ++count_;
    return append_->message({std::move(message.flags), message.internal_date, message.size_bytes});
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

}  // namespace imapcopy::copy
