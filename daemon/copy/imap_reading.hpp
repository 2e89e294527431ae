#pragma once

// What IMAP responses say, as the engine's views. Pure: fed with responses, asked for the result.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/copy/endpoint.hpp"
#include "daemon/imap/codec/response.hpp"

namespace imapcopy::copy {

/// LIST, LSUB, STATUS and NAMESPACE → AccountView.
class ListReader {
 public:
    void add(imap::response::Response const& response);
    /// Folders of the personal namespace in the server's order. A status that lacks its UIDVALIDITY or its
    /// count is none.
    AccountView take() const;
    /// More than a sane server has; take() has not got all.
    bool too_many() const { return too_many_; }

 private:
    bool is_personal(MailboxName const& mailbox) const;
    /// Counts one more name. False: there are more than memory should hold.
    bool admits(MailboxName const& mailbox);

    std::vector<Mailbox> mailboxes_;
    std::map<std::string, std::size_t>
        places_;  ///< By spelling on the wire; a folder listed twice counts once.
    std::set<std::string> subscribed_;
    bool too_many_ = false;
    std::size_t bytes_ = 0;  ///< Of all names that were told.
    std::map<std::string, MailboxStatus> status_;
    std::optional<imap::response::Namespace> namespace_;
};

/// The status of a folder; nothing without UIDVALIDITY or count.
std::optional<MailboxStatus> to_status(imap::response::MailboxStatus const& status);

/// The special-use attribute of a role ("\Sent"), and back; "" where there is none.
std::string_view special_use_of(Role role);

/// What SELECT or EXAMINE said.
class OpenReader {
 public:
    void add(imap::response::Response const& response);
    /// UIDVALIDITY 0 if the server told none.
    Opened const& opened() const { return opened_; }

 private:
    Opened opened_;
};

/// FETCH responses of a listing → MessageMeta, each UID at most once. Servers may answer one message in
/// several pieces and put news about other messages in between.
class MetaReader {
 public:
    /// What was asked for.
    struct Question {
        UidRange range;
        Listing listing = Listing::metadata;
        bool labels = false;
    };
    MetaReader(Question question, std::function<void(MessageMeta)> sink)
        : question_(question), sink_(std::move(sink)) {}
    void add(imap::response::Response const& response);
    /// The command is over: gives out what the server answered only in part, unless it is mere news of flags.
    /// A date that it did not tell is not_told(). False: there was more than memory should hold.
    bool finish();

 private:
    struct Piece {
        MessageMeta meta;
        bool flags = false;
        bool date = false;
        bool size = false;
        bool headers = false;
        bool labels = false;
        std::size_t bytes = 0;  ///< See `pieces_bytes_`.
    };
    bool is_complete(Piece const& piece) const;

    Question question_;
    std::function<void(MessageMeta)> sink_;
    std::map<Uid, Piece> pieces_;
    std::size_t pieces_bytes_ = 0;  ///< Of them, roughly.
    UidSet given_;
    std::size_t bytes_ = 0;  ///< Of what was given out, roughly.
    bool too_much_ = false;
};

}  // namespace imapcopy::copy
