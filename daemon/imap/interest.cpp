#include "daemon/imap/interest.hpp"

#include <type_traits>

namespace imapcopy::imap {
namespace {

using Kind = Interest::Kind;

struct FromCommand {
    Interest operator()(command::Capability const&) const { return {Kind::capability}; }
    Interest operator()(command::Enable const&) const { return {Kind::enable}; }
    Interest operator()(command::Namespace const&) const { return {Kind::name_space}; }
    Interest operator()(command::List const&) const { return {Kind::list}; }
    Interest operator()(command::Lsub const&) const { return {Kind::lsub}; }
    Interest operator()(command::Status const& status) const {
        return {Kind::status, false, {}, status.mailbox};
    }
    Interest operator()(command::Examine const&) const { return {Kind::open}; }
    Interest operator()(command::Select const&) const { return {Kind::open}; }
    Interest operator()(command::UidFetch const& fetch) const {
        return {Kind::fetch, fetch.body, fetch.uids};
    }
    Interest operator()(command::GetQuotaRoot const&) const { return {Kind::quota}; }
    // All the others wait for their tagged reply only.
    template <class T>
    Interest operator()(T const&) const {
        return {};
    }
};

struct Wants {
    Interest const& interest;

    bool operator()(response::Status const&) const { return interest.kind == Kind::open; }
    bool operator()(response::Continuation const&) const { return false; }
    bool operator()(response::Capability const&) const { return interest.kind == Kind::capability; }
    bool operator()(response::Enabled const&) const { return interest.kind == Kind::enable; }
    bool operator()(response::List const& list) const {
        return interest.kind == (list.lsub ? Kind::lsub : Kind::list);
    }
    bool operator()(response::MailboxStatus const& status) const {
        if (interest.kind == Kind::status) return interest.mailbox == status.mailbox;
        return interest.kind == Kind::list;
    }
    bool operator()(response::Namespace const&) const { return interest.kind == Kind::name_space; }
    bool operator()(response::Count const&) const { return interest.kind == Kind::open; }
    bool operator()(response::MailboxFlags const&) const { return interest.kind == Kind::open; }
    bool operator()(response::Fetch const& fetch) const {
        if (interest.kind != Kind::fetch || (fetch.has_body && !interest.bodies)) return false;
        return !fetch.uid || interest.uids.contains(*fetch.uid);
    }
    bool operator()(response::Quota const&) const { return interest.kind == Kind::quota; }
    bool operator()(response::Id const&) const { return false; }
    bool operator()(response::Other const&) const { return false; }
};

}  // namespace

Interest interest_of(command::Command const& command) {
    return std::visit(FromCommand{}, command);
}

bool wants(Interest const& interest, response::Response const& response) {
    return std::visit(Wants{interest}, response);
}

}  // namespace imapcopy::imap
