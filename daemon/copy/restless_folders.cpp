#include "daemon/copy/restless_folders.hpp"

#include "common/attempt.hpp"

namespace imapcopy::copy {
namespace {

/// The UIDVALIDITY that opening the folder tells; none if it is gone: whoever needs it will say so.
Task<std::optional<UidValidity>> ask(Endpoint& endpoint, MailboxName mailbox, Access access) {
    auto const opened = co_await attempt(endpoint.open(std::move(mailbox), access));
    if (auto const error = error_of(opened.exception)) {
        if (error->code != ErrorCode::folder_vanished) opened.rethrow();
        co_return std::nullopt;
    }
    co_return opened.value->status.uid_validity;
}

/// Where a folder is only another one for EXAMINE than for STATUS, EXAMINE is right.
Task<bool> is_restless_at_source(LaneParts& parts, FolderWork& folder) {
    auto const told = folder.source.uid_validity;
    if (told.value() == 0 || folder.source.messages == 0) co_return false;
    auto const first = co_await ask(parts.source, folder.mapped.source.name, Access::read_only);
    if (!first || *first == told) co_return false;
    auto const second = co_await ask(parts.source, folder.mapped.source.name, Access::read_only);
    if (second && *second == *first) folder.source.uid_validity = *first;
    bool const another = second.has_value() && second != first;
    co_return another;
}

Task<bool> is_restless_at_destination(LaneParts& parts, FolderWork const& folder) {
    auto const known = folder.record.destination_uid_validity;
    auto const& there = folder.mapped.destination_status;
    if (known.value() == 0 || !there || known == there->uid_validity) co_return false;
    auto const now = co_await ask(parts.destination, folder.mapped.destination, Access::read_write);
    bool const another = now.has_value() && now != there->uid_validity;
    co_return another;
}

}  // namespace

Task<> give_up_restless_folders(LaneParts& parts) {
    for (auto const& folder : parts.state.folders) {
        if (parts.context.stop.requested()) co_return;
        if (folder->unchanged) continue;
        bool const at_source = co_await is_restless_at_source(parts, *folder);
        bool const restless = at_source || co_await is_restless_at_destination(parts, *folder);
        if (!restless) continue;
        folder->given_up = true;
        folder->complete = false;
        parts.state.labels.give_up(folder->mapped.source.name);
        parts.state.add_exception(
            *folder, Uid(), std::string(info(ErrorCode::uid_validity_changed).name), 0,
            std::string("left as it is: the ") + (at_source ? "source" : "destination") +
                " gives this folder another UIDVALIDITY each time that it is opened, so nobody can tell its "
                "messages apart from one moment to the next");
    }
}

}  // namespace imapcopy::copy
