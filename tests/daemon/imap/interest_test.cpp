#include "daemon/imap/interest.hpp"

#include <gtest/gtest.h>

namespace imapcopy::imap {
namespace {

response::Fetch fetched(std::optional<Uid> uid, bool has_body) {
    response::Fetch fetch;
    fetch.uid = uid;
    fetch.has_body = has_body;
    return fetch;
}

TEST(Interest, OfAFetchIsInItsOwnMessages) {
    command::UidFetch command;
    command.uids = UidSet(Uid{5}, Uid{7});
    auto const listing = interest_of(command);
    EXPECT_TRUE(wants(listing, fetched(Uid{5}, false)));
    EXPECT_TRUE(wants(listing, fetched(std::nullopt, false)));
    EXPECT_FALSE(wants(listing, fetched(Uid{8}, false)));
    EXPECT_FALSE(wants(listing, fetched(Uid{5}, true))) << "it asked for no body";
    command.body = true;
    EXPECT_TRUE(wants(interest_of(command), fetched(Uid{5}, true)));
}

TEST(Interest, OfAStatusIsInItsOwnMailbox) {
    auto const work = MailboxName::from_utf8("Work").value();
    auto const interest = interest_of(command::Status{work, false});
    response::MailboxStatus status;
    status.mailbox = work;
    EXPECT_TRUE(wants(interest, status));
    status.mailbox = MailboxName::from_utf8("Home").value();
    EXPECT_FALSE(wants(interest, status));
    EXPECT_TRUE(wants(interest_of(command::List{}), status)) << "LIST-STATUS";
}

TEST(Interest, TellsListFromLsub) {
    response::List list;
    EXPECT_TRUE(wants(interest_of(command::List{}), list));
    EXPECT_FALSE(wants(interest_of(command::Lsub{}), list));
    list.lsub = true;
    EXPECT_TRUE(wants(interest_of(command::Lsub{}), list));
}

TEST(Interest, OfMostCommandsIsInTheirReplyOnly) {
    for (auto const& command : {command::Command(command::Noop{}), command::Command(command::Logout{})}) {
        EXPECT_FALSE(wants(interest_of(command), response::Count{}));
        EXPECT_FALSE(wants(interest_of(command), response::Status{}));
    }
}

}  // namespace
}  // namespace imapcopy::imap
