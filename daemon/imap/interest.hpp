#pragma once

// Which untagged responses belong to which command. IMAP does not say; what was asked for tells.

#include <cstdint>
#include <optional>

#include "daemon/imap/codec/command.hpp"
#include "daemon/imap/codec/response.hpp"

namespace imapcopy::imap {

/// What one command waits for, without its secrets.
struct Interest {
    enum class Kind : std::uint8_t {
        nothing,
        capability,
        enable,
        list,
        lsub,
        name_space,
        status,
        open,
        fetch,
        quota,
    } kind = Kind::nothing;
    bool bodies = false;                      ///< fetch: BODY[] was asked for.
    UidSet uids = {};                         ///< fetch: which messages.
    std::optional<MailboxName> mailbox = {};  ///< status: which mailbox.
};

Interest interest_of(command::Command const& command);

/// True where `response` answers a command with this interest. FETCH: a UID that was asked for, or no UID.
bool wants(Interest const& interest, response::Response const& response);

}  // namespace imapcopy::imap
