#pragma once

// The contract of copy::Endpoint, as one suite for the account in memory and for real servers. A test program
// includes this once and says
//
//   INSTANTIATE_TEST_SUITE_P(Memory, EndpointContract, testing::Values(EndpointFactory{make_my_host}));

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/attempt.hpp"
#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/identity.hpp"
#include "tests/support/memory_account.hpp"

namespace imapcopy::test {

/// What to expect of a server.
struct ServerNature {
    std::string prefix = {};                                ///< Of the names of folders, but for INBOX.
    Flags accepted_flags = Flags::parse("\\Seen Keyword");  ///< An APPEND may give these.
    Flags kept_flags = accepted_flags;                      ///< What is left of them.
    bool keeps_date = true;
};

/// What an implementation brings along: one empty account that holds nothing but INBOX.
class EndpointHost {
 public:
    virtual ~EndpointHost() = default;
    virtual ServerNature nature() const { return {}; }
    /// Runs `task` to its end on the loop of the endpoints; rethrows what it throws.
    virtual void run(Task<> task) = 0;
    /// Another connection to the account.
    virtual Task<std::unique_ptr<copy::Endpoint>> connect() = 0;
};

using EndpointFactory = std::function<std::unique_ptr<EndpointHost>()>;

/// Keeps the bodies that it is given.
class KeepingSink final : public copy::BodySink {
 public:
    std::vector<std::pair<Uid, std::string>> bodies;
    std::vector<Uid> absent;

 private:
    Task<> begin(Uid uid, std::uint64_t size_bytes) override {
        bodies.emplace_back(uid, std::string());
        size_bytes_ = size_bytes;
        co_return;
    }
    Task<> data(std::string_view bytes) override {
        bodies.back().second += bytes;
        co_return;
    }
    Task<> end() override {
        EXPECT_EQ(bodies.back().second.size(), size_bytes_);
        co_return;
    }
    Task<> missing(Uid uid) override {
        absent.push_back(uid);
        co_return;
    }
    std::uint64_t size_bytes_ = 0;
};

class EndpointContract : public testing::TestWithParam<EndpointFactory> {
 protected:
    void SetUp() override { host_ = GetParam()(); }

    using Step = Task<> (*)(copy::Endpoint&, ServerNature);
    /// Runs `step` over a fresh connection and closes it.
    void with_endpoint(Step step) {
        if (!host_) return;
        host_->run(run_step(*host_, step));
    }

    using PairStep = Task<> (*)(copy::Endpoint&, copy::Endpoint&, ServerNature);
    /// The same over two connections.
    void with_two_endpoints(PairStep step) {
        if (!host_) return;
        host_->run(run_pair_step(*host_, step));
    }

    static Task<std::optional<MailboxStatus>> status_of(copy::Endpoint& endpoint, std::string utf8) {
        std::vector<MailboxName> names(1, name(utf8));
        auto const statuses = co_await endpoint.status(std::move(names));
        co_return statuses.at(0);
    }

    static MailboxName name(std::string const& utf8) { return MailboxName::from_utf8(utf8).value(); }

    /// Appends `bodies` as one command, or as one each where the server cannot take more.
    static Task<std::vector<copy::AppendOutcome>> append_all(copy::Endpoint& endpoint, MailboxName mailbox,
                                                             std::vector<std::string> bodies,
                                                             ServerNature nature) {
        std::vector<copy::AppendOutcome> outcomes;
        std::unique_ptr<copy::Append> append;
        for (auto const& body : bodies) {
            if (!append) append = co_await endpoint.append(mailbox);
            copy::AppendMessage message{nature.accepted_flags, InternalDate{1'700'000'000, 60}, body.size()};
            bool const accepted = co_await append->message(std::move(message));
            if (accepted) co_await append->write(body);
            if (endpoint.traits().multi_append && &body != &bodies.back() && accepted) continue;
            if (accepted) co_await append->commit();
            outcomes.push_back(co_await append->outcome());
            append.reset();
        }
        co_return outcomes;
    }

    static Task<std::vector<MessageMeta>> list_all(copy::Endpoint& endpoint, MailboxName mailbox,
                                                   copy::Listing listing) {
        std::vector<MessageMeta> listed;
        std::function<void(MessageMeta)> const sink = [&](MessageMeta meta) { listed.push_back(meta); };
        UidRange const everything{Uid(1), Uid(UINT32_MAX)};
        co_await endpoint.list_messages(std::move(mailbox), everything, listing, sink);
        co_return listed;
    }

 private:
    static Task<> run_step(EndpointHost& host, Step step) {
        auto const endpoint = co_await host.connect();
        co_await step(*endpoint, host.nature());
        co_await endpoint->close();
    }

    static Task<> run_pair_step(EndpointHost& host, PairStep step) {
        auto const one = co_await host.connect();
        auto const other = co_await host.connect();
        co_await step(*one, *other, host.nature());
        co_await one->close();
        co_await other->close();
    }

    std::unique_ptr<EndpointHost> host_;
};

TEST_P(EndpointContract, ListsTheInboxOfAnEmptyAccount) {
    with_endpoint([](copy::Endpoint& endpoint, ServerNature) -> Task<> {
        auto const view = co_await endpoint.list();
        EXPECT_EQ(view.mailboxes.size(), 1U);
        EXPECT_TRUE(view.mailboxes.at(0).name.is_inbox());
        EXPECT_TRUE(view.mailboxes.at(0).selectable);
    });
}

TEST_P(EndpointContract, CreatesAFolderOnceAndSubscribesToIt) {
    with_endpoint([](copy::Endpoint& endpoint, ServerNature nature) -> Task<> {
        auto const first = co_await endpoint.create(name(nature.prefix + "Größe"), copy::Role::none);
        EXPECT_EQ(first.outcome, copy::CreateOutcome::created);
        auto const again = co_await endpoint.create(name(nature.prefix + "Größe"), copy::Role::none);
        EXPECT_EQ(again.outcome, copy::CreateOutcome::existed);
        bool const subscribed = co_await endpoint.subscribe(name(nature.prefix + "Größe"));
        EXPECT_TRUE(subscribed);
        auto const view = co_await endpoint.list();
        EXPECT_EQ(view.mailboxes.size(), 2U);
        for (auto const& mailbox : view.mailboxes) {
            EXPECT_TRUE(mailbox.subscribed || mailbox.name.is_inbox()) << mailbox.name.utf8;
        }
    });
}

TEST_P(EndpointContract, KeepsBytesDateAndFlagsOfWhatIsAppended) {
    with_endpoint([](copy::Endpoint& endpoint, ServerNature nature) -> Task<> {
        std::vector<std::string> const bodies = {sample_message(1), sample_message(2, 300'000),
                                                 sample_message(3)};
        auto const outcomes = co_await append_all(endpoint, name("INBOX"), bodies, nature);
        for (auto const& outcome : outcomes) EXPECT_EQ(outcome.kind, copy::AppendOutcome::Kind::stored);
        auto const listed = co_await list_all(endpoint, name("INBOX"), copy::Listing::identity);
        EXPECT_EQ(listed.size(), 3U);
        std::vector<Uid> uids;
        for (std::size_t i = 0; i < listed.size(); ++i) {
            uids.push_back(listed[i].uid);
            EXPECT_EQ(listed[i].flags, nature.kept_flags);
            EXPECT_EQ(listed[i].internal_date.unix_seconds == 1'700'000'000, nature.keeps_date);
            EXPECT_EQ(listed[i].size_bytes, bodies[i].size());
            EXPECT_EQ(listed[i].identity, copy::identity_of_headers(bodies[i]));
        }
        KeepingSink sink;
        co_await endpoint.fetch_bodies(name("INBOX"), uids, sink);
        EXPECT_EQ(sink.bodies.size(), 3U);
        for (std::size_t i = 0; i < sink.bodies.size(); ++i) {
            EXPECT_EQ(sink.bodies[i].first, uids[i]);
            EXPECT_EQ(sink.bodies[i].second, bodies[i]);
        }
    });
}

TEST_P(EndpointContract, SetsFlagsOfWhatIsThereWhateverAppendKept) {
    with_endpoint([](copy::Endpoint& endpoint, ServerNature nature) -> Task<> {
        std::vector<std::string> const bodies = {sample_message(1), sample_message(2)};
        (void)co_await append_all(endpoint, name("INBOX"), bodies, nature);
        auto const listed = co_await list_all(endpoint, name("INBOX"), copy::Listing::flags);
        EXPECT_EQ(listed.size(), 2U);
        UidSet const second(listed.at(1).uid, listed.at(1).uid);
        bool const taken =
            co_await endpoint.store_flags(name("INBOX"), second, nature.accepted_flags, Flags());
        EXPECT_TRUE(taken);
    });
    with_endpoint([](copy::Endpoint& endpoint, ServerNature nature) -> Task<> {
        auto const listed = co_await list_all(endpoint, name("INBOX"), copy::Listing::flags);
        EXPECT_EQ(listed.at(0).flags, nature.kept_flags);
        EXPECT_EQ(listed.at(1).flags, nature.accepted_flags);
    });
}

/// GNU Mailutils writes over messages if it is asked for the STATUS of a folder whose flags it has not saved.
TEST_P(EndpointContract, KeepsBytesWhenFlagsAreSetAndTheStatusIsAsked) {
    static std::vector<std::string> const bodies = {sample_message(1), sample_message(2, 3000),
                                                    sample_message(3)};
    with_endpoint([](copy::Endpoint& endpoint, ServerNature nature) -> Task<> {
        (void)co_await append_all(endpoint, name("INBOX"), bodies, nature);
        (void)co_await endpoint.open(name("INBOX"), copy::Access::read_write);
        UidSet const everything(Uid(1), Uid(UINT32_MAX));
        (void)co_await endpoint.store_flags(name("INBOX"), everything, Flags::parse("\\Answered"), Flags());
        (void)co_await status_of(endpoint, "INBOX");
    });
    with_endpoint([](copy::Endpoint& endpoint, ServerNature) -> Task<> {
        std::vector<Uid> uids;
        auto const listed = co_await list_all(endpoint, name("INBOX"), copy::Listing::flags);
        for (auto const& message : listed) uids.push_back(message.uid);
        KeepingSink sink;
        co_await endpoint.fetch_bodies(name("INBOX"), uids, sink);
        EXPECT_EQ(sink.bodies.size(), bodies.size());
        for (std::size_t i = 0; i < sink.bodies.size(); ++i)
            EXPECT_NE(sink.bodies[i].second.find(bodies[i].substr(bodies[i].find("\r\n\r\n"))),
                      std::string::npos);
    });
}

TEST_P(EndpointContract, NamesTheUidsOfWhatItStoredWhereItPromisesTo) {
    // Courier gives a folder its UIDVALIDITY when somebody opens it, and on that connection it would not
    // count what comes later.
    with_endpoint([](copy::Endpoint& endpoint, ServerNature) -> Task<> {
        (void)co_await endpoint.open(name("INBOX"), copy::Access::read_write);
    });
    with_endpoint([](copy::Endpoint& endpoint, ServerNature nature) -> Task<> {
        if (!endpoint.traits().uid_plus) co_return;
        auto const before = co_await status_of(endpoint, "INBOX");
        std::vector<std::string> const bodies = {sample_message(1), sample_message(2)};
        auto const outcomes = co_await append_all(endpoint, name("INBOX"), bodies, nature);
        std::vector<Uid> uids;
        for (auto const& outcome : outcomes) {
            EXPECT_EQ(outcome.uid_validity, before->uid_validity);
            uids.insert(uids.end(), outcome.uids.begin(), outcome.uids.end());
        }
        EXPECT_EQ(uids.size(), 2U);
        EXPECT_GE(uids.at(0), before->uid_next);
        auto const after = co_await status_of(endpoint, "INBOX");
        EXPECT_EQ(after->messages, 2U);
    });
}

/// Courier refuses it where the folder is open for reading only.
TEST_P(EndpointContract, AppendsToAFolderThatIsOpenForWriting) {
    with_endpoint([](copy::Endpoint& endpoint, ServerNature nature) -> Task<> {
        (void)co_await endpoint.open(name("INBOX"), copy::Access::read_write);
        (void)co_await list_all(endpoint, name("INBOX"), copy::Listing::metadata);
        std::vector<std::string> const bodies = {sample_message(1)};
        auto const outcomes = co_await append_all(endpoint, name("INBOX"), bodies, nature);
        EXPECT_EQ(outcomes.at(0).kind, copy::AppendOutcome::Kind::stored);
    });
}

TEST_P(EndpointContract, StoresNothingOfAnAppendThatIsDropped) {
    with_endpoint([](copy::Endpoint& endpoint, ServerNature) -> Task<> {
        auto const body = sample_message(1);
        auto append = co_await endpoint.append(name("INBOX"));
        copy::AppendMessage message{{}, {}, body.size()};
        (void)co_await append->message(std::move(message));
        co_await append->write(body);
    });
    with_endpoint([](copy::Endpoint& endpoint, ServerNature) -> Task<> {
        auto const status = co_await status_of(endpoint, "INBOX");
        EXPECT_EQ(status->messages, 0U);
    });
}

TEST_P(EndpointContract, TellsAMissingFolderFromARefusedMessage) {
    with_endpoint([](copy::Endpoint& endpoint, ServerNature nature) -> Task<> {
        std::vector<std::string> const bodies = {sample_message(1)};
        auto const outcomes = co_await append_all(endpoint, name(nature.prefix + "Nowhere"), bodies, nature);
        EXPECT_EQ(outcomes.at(0).kind, copy::AppendOutcome::Kind::missing_mailbox);
        auto const missing = co_await status_of(endpoint, nature.prefix + "Nowhere");
        EXPECT_FALSE(missing);
    });
}

TEST_P(EndpointContract, TellsThatAFolderIsNotTheExpectedOne) {
    with_endpoint([](copy::Endpoint& endpoint, ServerNature nature) -> Task<> {
        std::vector<std::string> bodies(1, sample_message(1));
        co_await append_all(endpoint, name("INBOX"), std::move(bodies), nature);
        auto const status = co_await status_of(endpoint, "INBOX");
        endpoint.expect(name("INBOX"), status->uid_validity);
        auto const listed = co_await list_all(endpoint, name("INBOX"), copy::Listing::flags);
        EXPECT_EQ(listed.size(), 1U);
        endpoint.expect(name("INBOX"), UidValidity(status->uid_validity.value() + 1));
        auto const refused = co_await attempt(list_all(endpoint, name("INBOX"), copy::Listing::flags));
        auto const error = error_of(refused.exception);
        EXPECT_TRUE(error && error->code == ErrorCode::uid_validity_changed);
    });
}

TEST_P(EndpointContract, SaysWhichMessagesAreNotThere) {
    with_endpoint([](copy::Endpoint& endpoint, ServerNature nature) -> Task<> {
        std::vector<std::string> const bodies = {sample_message(1)};
        (void)co_await append_all(endpoint, name("INBOX"), bodies, nature);
        auto const listed = co_await list_all(endpoint, name("INBOX"), copy::Listing::metadata);
        auto const uid = listed.at(0).uid;
        std::vector<Uid> uids = {uid, Uid(uid.value() + 1000)};
        KeepingSink sink;
        co_await endpoint.fetch_bodies(name("INBOX"), uids, sink);
        EXPECT_EQ(sink.bodies.size(), 1U);
        EXPECT_EQ(sink.absent, std::vector<Uid>{Uid(uid.value() + 1000)});
    });
}

TEST_P(EndpointContract, ListsWhatCameSinceWhereTheFolderIsOpenedAnew) {
    with_two_endpoints([](copy::Endpoint& one, copy::Endpoint& other, ServerNature nature) -> Task<> {
        for (std::size_t i = 1; i <= 3; ++i) {
            std::vector<std::string> bodies(1, sample_message(static_cast<int>(i)));
            (void)co_await append_all(other, name("INBOX"), std::move(bodies), nature);
            one.reopen_at_next_use();
            auto const listed = co_await list_all(one, name("INBOX"), copy::Listing::flags);
            EXPECT_EQ(listed.size(), i);
        }
    });
}

}  // namespace imapcopy::test
