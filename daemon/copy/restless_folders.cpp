#include "daemon/copy/restless_folders.hpp"

#include "common/attempt.hpp"

namespace imapcopy::copy {
namespace {

/// True if the folder gets another UIDVALIDITY than it was `told` to have a moment ago.
Task<bool> changes_again(Endpoint& endpoint, MailboxName mailbox, Access access, UidValidity told) {
    auto const opened = co_await attempt(endpoint.open(std::move(mailbox), access));
    if (auto const error = error_of(opened.exception)) {
        if (error->code != ErrorCode::folder_vanished) opened.rethrow();
        co_return false;  // Whoever needs the folder will say so.
    }
    co_return opened.value->status.uid_validity != told;
}

Task<bool> is_restless_at_source(LaneParts& parts, FolderWork const& folder) {
    auto const told = folder.source.uid_validity;
    bool const again =
        co_await changes_again(parts.source, folder.mapped.source.name, Access::read_only, told);
    co_return again;
}

Task<bool> is_restless_at_destination(LaneParts& parts, FolderWork const& folder) {
    auto const known = folder.record.destination_uid_validity;
    auto const& there = folder.mapped.destination_status;
    if (known.value() == 0 || !there || known == there->uid_validity) co_return false;
    bool const again = co_await changes_again(parts.destination, folder.mapped.destination,
                                              Access::read_write, there->uid_validity);
    co_return again;
}

}  // namespace

Task<> give_up_restless_folders(LaneParts& parts) {
    for (auto const& folder : parts.state.folders) {
        if (folder->unchanged) continue;
        bool const at_source = co_await is_restless_at_source(parts, *folder);
        bool const restless = at_source || co_await is_restless_at_destination(parts, *folder);
        if (!restless) continue;
        folder->given_up = true;
        folder->complete = false;
        parts.state.add_exception(
            *folder, Uid(), std::string(info(ErrorCode::uid_validity_changed).name), 0,
            std::string("left as it is: the ") + (at_source ? "source" : "destination") +
                " gives this folder another UIDVALIDITY each time that it is opened, so nobody can tell its "
                "messages apart from one moment to the next");
    }
}

}  // namespace imapcopy::copy
