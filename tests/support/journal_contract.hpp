#pragma once

// The contract of copy::Journal, as one suite for all implementations. A test program includes this once and
// says
//
//   INSTANTIATE_TEST_SUITE_P(Ledger, JournalContract, testing::Values(JournalFactory{make_my_host}));

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "daemon/copy/journal.hpp"
#include "tests/support/await.hpp"

namespace imapcopy::test {

/// What an implementation brings along.
class JournalHost {
 public:
    virtual ~JournalHost() = default;
    virtual boost::asio::io_context& loop() = 0;
    /// The journal of the pair under test.
    virtual copy::Journal& journal() = 0;
    /// The journal of another source that is copied to the same destination account.
    virtual copy::Journal& neighbour() = 0;
    /// As after a restart: what was durable is there again. Both references above are void then.
    virtual void reopen() = 0;
};

using JournalFactory = std::function<std::unique_ptr<JournalHost>()>;

class JournalContract : public testing::TestWithParam<JournalFactory> {
 protected:
    using Uid = copy::Uid;
    using UidValidity = copy::UidValidity;

    template <class T>
    T await(Task<T> task) {
        return test::await(host_->loop(), std::move(task));
    }
    void await(Task<> task) { test::await(host_->loop(), std::move(task)); }

    copy::Journal& journal() { return host_->journal(); }

    static copy::FolderKey key(std::string const& name) { return {{name, name}, {name, name}}; }

    /// The folder "Archive", both epochs known: source 100, destination 200.
    copy::FolderRecord archive() {
        auto const record = await(journal().folder(key("Archive")));
        await(journal().set_source_epoch(record.id, UidValidity(100)));
        await(journal().set_destination_epoch(record.id, UidValidity(200)));
        return await(journal().folder(key("Archive")));
    }

    static copy::Identity identity(std::uint8_t seed) {
        copy::Identity identity;
        identity.fingerprint.fill(seed);
        identity.coarse = 0xfedcba9800000000ULL + seed;
        return identity;
    }

    static copy::Intent intent(std::uint32_t uid, std::uint32_t base = 10) {
        copy::Intent intent;
        intent.source_uid = Uid(uid);
        intent.identity = identity(static_cast<std::uint8_t>(uid));
        intent.size_bytes = 1000 + uid;
        intent.internal_date = {1'000'000'000, -420};
        intent.flags = copy::Flags::parse("\\Seen $Forwarded");
        intent.destination_uid_validity = UidValidity(200);
        intent.base_uid_next = Uid(base);
        return intent;
    }

    static copy::Outcome outcome(std::uint32_t uid, copy::MessageState state,
                                 std::uint32_t destination_uid = 0) {
        copy::Outcome outcome;
        outcome.source_uid = Uid(uid);
        outcome.state = state;
        outcome.destination_uid = Uid(destination_uid);
        if (destination_uid != 0) outcome.destination_uid_validity = UidValidity(200);
        return outcome;
    }

    void begin(copy::FolderId folder, std::vector<copy::Intent> intents) {
        await(journal().begin(folder, std::move(intents)));
    }
    void finish(copy::FolderId folder, std::vector<copy::Outcome> outcomes) {
        await(journal().finish(folder, std::move(outcomes)));
    }
    /// Copied as `destination_uid`; 0: the server did not tell.
    void copied(copy::FolderId folder, std::uint32_t uid, std::uint32_t destination_uid) {
        begin(folder, {intent(uid)});
        finish(folder, {outcome(uid, copy::MessageState::done, destination_uid)});
    }
    copy::LedgerView all(copy::FolderId folder) {
        return await(journal().entries(folder, {Uid(1), Uid(0xffffffff)}));
    }
    static std::vector<std::uint32_t> uids(copy::LedgerView const& view) {
        std::vector<std::uint32_t> uids;
        for (auto const& entry : view) uids.push_back(entry.source_uid.value());
        return uids;
    }
    using Uids = std::vector<std::uint32_t>;

    std::unique_ptr<JournalHost> host_ = GetParam()();
};

TEST_P(JournalContract, KnowsAFolderAgain) {
    auto const first = await(journal().folder(key("Archive")));
    auto const again = await(journal().folder(key("Archive")));
    auto const other = await(journal().folder(key("Sent")));
    EXPECT_EQ(first.id, again.id);
    EXPECT_NE(first.id, other.id);
    EXPECT_EQ(first.source_uid_validity, UidValidity(0));
    EXPECT_EQ(first.destination_uid_validity, UidValidity(0));
    EXPECT_FALSE(first.source_complete);
    EXPECT_FALSE(first.destination_complete);
}

TEST_P(JournalContract, KeepsTheStatusOfACompletePass) {
    auto const folder = archive();
    copy::MailboxStatus const source{UidValidity(100), Uid(7), 6, copy::ModSeq(0xffffffffffULL)};
    copy::MailboxStatus const destination{UidValidity(200), Uid(9), 8, copy::ModSeq(0)};
    await(journal().set_complete(folder.id, source, destination));
    host_->reopen();
    auto const record = await(journal().folder(key("Archive")));
    EXPECT_EQ(record.source_complete, source);
    EXPECT_EQ(record.destination_complete, destination);
    EXPECT_EQ(record.source_uid_validity, UidValidity(100));
    EXPECT_EQ(record.destination_uid_validity, UidValidity(200));
}

TEST_P(JournalContract, RemembersAnIntentAcrossARestart) {
    auto const folder = archive();
    begin(folder.id, {intent(5, 17)});
    host_->reopen();
    auto const open = await(journal().open_entries(folder.id));
    ASSERT_EQ(uids(open), Uids{5});
    auto const& entry = open.front();
    EXPECT_EQ(entry.state, copy::MessageState::intent);
    EXPECT_EQ(entry.base_uid_next, Uid(17));
    EXPECT_EQ(entry.destination_uid_validity, UidValidity(200));
    EXPECT_EQ(entry.destination_uid, Uid(0));
    EXPECT_EQ(entry.identity, identity(5));
    EXPECT_EQ(entry.size_bytes, 1005U);
    EXPECT_EQ(entry.internal_date, (copy::InternalDate{1'000'000'000, -420}));
    EXPECT_EQ(entry.flags, copy::Flags::parse("\\Seen $Forwarded"));
}

TEST_P(JournalContract, KeepsTheBaseOfTheFirstAttempt) {
    auto const folder = archive();
    begin(folder.id, {intent(5, 17)});
    finish(folder.id, {outcome(5, copy::MessageState::ambiguous)});
    begin(folder.id, {intent(5, 42)});
    auto const open = await(journal().open_entries(folder.id));
    ASSERT_EQ(uids(open), Uids{5});
    EXPECT_EQ(open.front().state, copy::MessageState::intent);
    EXPECT_EQ(open.front().base_uid_next, Uid(17));
}

TEST_P(JournalContract, TakesANewBaseAfterARefusal) {
    auto const folder = archive();
    begin(folder.id, {intent(5, 17)});
    auto refused = outcome(5, copy::MessageState::refused);
    refused.code = "OverQuota";
    finish(folder.id, {refused});
    begin(folder.id, {intent(5, 42)});
    EXPECT_EQ(await(journal().open_entries(folder.id)).at(0).base_uid_next, Uid(42));
}

TEST_P(JournalContract, TakesANewBaseInANewDestinationEpoch) {
    auto const folder = archive();
    begin(folder.id, {intent(5, 17)});
    auto renewed = intent(5, 3);
    renewed.destination_uid_validity = UidValidity(201);
    begin(folder.id, {renewed});
    auto const open = await(journal().open_entries(folder.id));
    ASSERT_EQ(uids(open), Uids{5});
    EXPECT_EQ(open.front().base_uid_next, Uid(3));
    EXPECT_EQ(open.front().destination_uid_validity, UidValidity(201));
}

TEST_P(JournalContract, RecordsEveryOutcome) {
    auto const folder = archive();
    begin(folder.id, {intent(1), intent(2), intent(3), intent(4)});
    auto refused = outcome(3, copy::MessageState::refused);
    refused.code = "AppendRejected";
    refused.text = "Message contains NUL characters";
    finish(folder.id, {outcome(1, copy::MessageState::done, 11), outcome(2, copy::MessageState::ambiguous),
                       refused, outcome(4, copy::MessageState::gone)});
    host_->reopen();
    auto const view = all(folder.id);
    ASSERT_EQ(uids(view), (Uids{1, 2, 3, 4}));
    EXPECT_EQ(view[0].state, copy::MessageState::done);
    EXPECT_EQ(view[0].destination_uid, Uid(11));
    EXPECT_EQ(view[0].destination_uid_validity, UidValidity(200));
    EXPECT_EQ(view[0].identity, identity(1));
    EXPECT_EQ(view[1].state, copy::MessageState::ambiguous);
    EXPECT_EQ(view[2].state, copy::MessageState::refused);
    EXPECT_EQ(view[2].code, "AppendRejected");
    EXPECT_EQ(view[2].text, "Message contains NUL characters");
    EXPECT_EQ(view[3].state, copy::MessageState::gone);
    EXPECT_EQ(uids(await(journal().open_entries(folder.id))), Uids{2});
}

TEST_P(JournalContract, RecordsWhatHadNoIntent) {
    auto const folder = archive();
    auto adopted = outcome(7, copy::MessageState::adopted, 70);
    adopted.identity = identity(7);
    adopted.size_bytes = 4711;
    adopted.flags = copy::Flags::parse("\\Flagged");
    finish(folder.id, {adopted, outcome(8, copy::MessageState::gone)});
    auto const view = all(folder.id);
    ASSERT_EQ(uids(view), (Uids{7, 8}));
    EXPECT_EQ(view[0].state, copy::MessageState::adopted);
    EXPECT_EQ(view[0].destination_uid, Uid(70));
    EXPECT_EQ(view[0].identity, identity(7));
    EXPECT_EQ(view[0].size_bytes, 4711U);
    EXPECT_EQ(view[0].flags, copy::Flags::parse("\\Flagged"));
    EXPECT_EQ(view[1].state, copy::MessageState::gone);
}

TEST_P(JournalContract, IgnoresTheIdentityOfAnOutcomeWithAnIntent) {
    auto const folder = archive();
    begin(folder.id, {intent(1)});
    auto done = outcome(1, copy::MessageState::done, 11);
    done.identity = identity(99);
    finish(folder.id, {done});
    EXPECT_EQ(all(folder.id).at(0).identity, identity(1));
}

TEST_P(JournalContract, RefusesADoubleClaimAndRecordsNothingOfTheCall) {
    auto const folder = archive();
    copied(folder.id, 1, 11);
    begin(folder.id, {intent(2), intent(3)});
    auto const error = error_of([&] {
        finish(folder.id,
               {outcome(2, copy::MessageState::done, 12), outcome(3, copy::MessageState::done, 11)});
    });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::internal);
    EXPECT_EQ(uids(await(journal().open_entries(folder.id))), (Uids{2, 3}));
    EXPECT_EQ(all(folder.id).at(0).destination_uid, Uid(11));
}

TEST_P(JournalContract, RecordsTheSameOutcomeTwice) {
    auto const folder = archive();
    copied(folder.id, 1, 11);
    finish(folder.id, {outcome(1, copy::MessageState::done, 11)});
    EXPECT_EQ(all(folder.id).at(0).destination_uid, Uid(11));
}

TEST_P(JournalContract, SharesClaimsWithOtherSourcesOfTheDestination) {
    auto const folder = archive();
    copied(folder.id, 1, 11);
    auto& neighbour = host_->neighbour();
    auto const theirs = await(neighbour.folder(key("Archive")));
    await(neighbour.set_source_epoch(theirs.id, UidValidity(300)));
    await(neighbour.set_destination_epoch(theirs.id, UidValidity(200)));
    await(neighbour.begin(theirs.id, {intent(1)}));
    auto const error =
        error_of([&] { await(neighbour.finish(theirs.id, {outcome(1, copy::MessageState::done, 11)})); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::internal);
    await(neighbour.finish(theirs.id, {outcome(1, copy::MessageState::done, 12)}));

    copy::UidSet both;
    both.add(Uid(11));
    both.add(Uid(12));
    copy::MailboxName const archive_name{"Archive", "Archive"};
    EXPECT_EQ(await(journal().claimed(archive_name, UidValidity(200))), both);
    EXPECT_EQ(await(neighbour.claimed(archive_name, UidValidity(200))), both);
    EXPECT_TRUE(await(journal().claimed(archive_name, UidValidity(201))).empty());
    EXPECT_TRUE(await(journal().claimed({"Sent", "Sent"}, UidValidity(200))).empty());
    // What each has recorded is its own.
    EXPECT_EQ(uids(all(folder.id)), Uids{1});
}

TEST_P(JournalContract, RemembersFlagsThatWereSetLater) {
    auto const folder = archive().id;
    await(journal().begin(folder, {intent(1), intent(2)}));
    await(journal().finish(
        folder, {outcome(1, copy::MessageState::done, 11), outcome(2, copy::MessageState::done, 12)}));
    await(journal().set_flags(folder, {{Uid(2), copy::Flags::parse("\\Flagged Other")}}));
    host_->reopen();
    auto const entries = await(journal().entries(folder, {Uid(1), Uid(9)}));
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].flags, copy::Flags::parse("\\Seen $Forwarded"));
    EXPECT_EQ(entries[1].flags, copy::Flags::parse("\\Flagged Other"));
    EXPECT_EQ(entries[1].state, copy::MessageState::done);
    EXPECT_EQ(entries[1].destination_uid, Uid(12));
}

TEST_P(JournalContract, ListsWhatWasRefusedAndWhatACopyLacks) {
    auto const folder = archive().id;
    auto lacking = intent(2);
    lacking.code = "AttributeRefused";
    lacking.text = "stored without its keywords Odd!";
    begin(folder, {intent(1), lacking, intent(3)});
    EXPECT_TRUE(await(journal().exceptions(folder, Uid())).empty()) << "nothing of it has happened yet";
    host_->reopen();
    auto const open = await(journal().open_entries(folder));
    ASSERT_EQ(uids(open), (Uids{1, 2, 3}));
    EXPECT_EQ(open[1].code, "AttributeRefused") << "who settles it must know";
    auto stored = outcome(2, copy::MessageState::done, 12);
    stored.code = open[1].code;
    stored.text = open[1].text;
    auto refused = outcome(3, copy::MessageState::refused);
    refused.code = "AppendRejected";
    finish(folder, {outcome(1, copy::MessageState::done, 11), stored, refused});
    host_->reopen();
    auto const listed = await(journal().exceptions(folder, Uid()));
    ASSERT_EQ(uids(listed), (Uids{2, 3}));
    EXPECT_EQ(listed[0].text, "stored without its keywords Odd!");
    EXPECT_EQ(listed[0].size_bytes, 1002U);
    EXPECT_EQ(listed[1].code, "AppendRejected");
    EXPECT_EQ(await(journal().unkept_flags(folder)).messages, 0U);

    finish(folder, {outcome(2, copy::MessageState::done, 12)});
    EXPECT_EQ(uids(await(journal().exceptions(folder, Uid()))), Uids{3});
    await(journal().set_source_epoch(folder, UidValidity(101)));
    EXPECT_TRUE(await(journal().exceptions(folder, Uid())).empty());
}

TEST_P(JournalContract, CountsTheCopiesWhoseFlagsTheFolderDoesNotKeep) {
    auto const folder = archive().id;
    auto red = intent(1);
    red.unkept_flags = copy::Flags::parse("Red");
    auto both = intent(2);
    both.unkept_flags = copy::Flags::parse("Blue Red");
    auto open = intent(3);
    open.unkept_flags = copy::Flags::parse("Green");
    begin(folder, {red, both, open, intent(4)});
    finish(folder, {outcome(1, copy::MessageState::done, 11), outcome(2, copy::MessageState::done),
                    outcome(4, copy::MessageState::done, 14)});
    host_->reopen();
    auto const unkept = await(journal().unkept_flags(folder));
    EXPECT_EQ(unkept.flags, copy::Flags::parse("Blue Red"));
    EXPECT_EQ(unkept.messages, 2U);
    EXPECT_TRUE(await(journal().exceptions(folder, Uid())).empty());
}

TEST_P(JournalContract, GivesExceptionsInPieces) {
    auto const folder = archive().id;
    auto const count = static_cast<std::uint32_t>(copy::exceptions_per_call) + 2;
    std::vector<copy::Outcome> refused;
    for (std::uint32_t uid = 1; uid <= count; ++uid) {
        refused.push_back(outcome(uid, copy::MessageState::refused));
        refused.back().code = "AppendRejected";
    }
    await(journal().finish(folder, std::move(refused)));
    auto const first = await(journal().exceptions(folder, Uid()));
    ASSERT_EQ(first.size(), copy::exceptions_per_call);
    EXPECT_EQ(first.front().source_uid, Uid(1));
    EXPECT_EQ(uids(await(journal().exceptions(folder, first.back().source_uid))), (Uids{count - 1, count}));
    EXPECT_TRUE(await(journal().exceptions(folder, Uid(count))).empty());
}

TEST_P(JournalContract, ShowsAWindowOfUidsInOrder) {
    auto const folder = archive();
    begin(folder.id, {intent(30), intent(10), intent(20), intent(40)});
    EXPECT_EQ(uids(await(journal().entries(folder.id, {Uid(11), Uid(30)}))), (Uids{20, 30}));
    EXPECT_TRUE(await(journal().entries(folder.id, {Uid(41), Uid(0xffffffff)})).empty());
}

TEST_P(JournalContract, FindsCopiesWithoutUid) {
    auto const folder = archive();
    copied(folder.id, 1, 0);
    copied(folder.id, 2, 12);
    EXPECT_EQ(uids(await(journal().entries_without_uid(folder.id))), Uids{1});
    finish(folder.id, {outcome(1, copy::MessageState::done, 11)});
    EXPECT_TRUE(await(journal().entries_without_uid(folder.id)).empty());
}

TEST_P(JournalContract, OpensACopyAgainThatHasNotBeenFound) {
    auto const folder = archive();
    copied(folder.id, 1, 0);
    finish(folder.id, {outcome(1, copy::MessageState::ambiguous, 0)});
    EXPECT_EQ(uids(await(journal().open_entries(folder.id))), Uids{1});
    EXPECT_TRUE(await(journal().entries_without_uid(folder.id)).empty());
    EXPECT_EQ(await(journal().folders_with_open_entries()).size(), 1U);
}

TEST_P(JournalContract, ANewDestinationEpochVoidsItsUids) {
    auto const folder = archive();
    copied(folder.id, 1, 11);
    await(journal().set_destination_epoch(folder.id, UidValidity(201)));
    auto const view = all(folder.id);
    ASSERT_EQ(uids(view), Uids{1});
    EXPECT_EQ(view[0].state, copy::MessageState::done);
    EXPECT_EQ(view[0].destination_uid, Uid(0));
    EXPECT_EQ(uids(await(journal().entries_without_uid(folder.id))), Uids{1});
    EXPECT_TRUE(await(journal().claimed({"Archive", "Archive"}, UidValidity(200))).empty());
    EXPECT_EQ(await(journal().folder(key("Archive"))).destination_uid_validity, UidValidity(201));
}

TEST_P(JournalContract, TheSameDestinationEpochAgainVoidsNothing) {
    auto const folder = archive();
    copied(folder.id, 1, 11);
    await(journal().set_destination_epoch(folder.id, UidValidity(200)));
    EXPECT_EQ(all(folder.id).at(0).destination_uid, Uid(11));
}

TEST_P(JournalContract, ANewSourceEpochInherits) {
    auto const folder = archive();
    copied(folder.id, 1, 11);
    copied(folder.id, 2, 12);
    await(journal().set_source_epoch(folder.id, UidValidity(101)));
    EXPECT_TRUE(all(folder.id).empty());
    EXPECT_EQ(uids(await(journal().inheritable(folder.id))), (Uids{1, 2}));

    // The old UIDs in the other order: neither may get into the other's way.
    await(journal().inherit(folder.id, {{Uid(1), Uid(2)}, {Uid(2), Uid(1)}}));
    auto const view = all(folder.id);
    ASSERT_EQ(uids(view), (Uids{1, 2}));
    EXPECT_EQ(view[0].destination_uid, Uid(12));
    EXPECT_EQ(view[0].identity, identity(2));
    EXPECT_EQ(view[1].destination_uid, Uid(11));
    EXPECT_TRUE(await(journal().inheritable(folder.id)).empty());
}

TEST_P(JournalContract, OldEpochsKeepTheirClaims) {
    auto const folder = archive();
    copied(folder.id, 1, 11);
    await(journal().set_source_epoch(folder.id, UidValidity(101)));
    begin(folder.id, {intent(1)});
    EXPECT_TRUE(error_of([&] { finish(folder.id, {outcome(1, copy::MessageState::done, 11)}); }));
    EXPECT_TRUE(await(journal().claimed({"Archive", "Archive"}, UidValidity(200))).contains(Uid(11)));
}

TEST_P(JournalContract, ListsFoldersWithOpenEntries) {
    auto const folder = archive();
    auto const sent = await(journal().folder(key("Sent")));
    await(journal().set_source_epoch(sent.id, UidValidity(1)));
    copied(folder.id, 1, 11);
    EXPECT_TRUE(await(journal().folders_with_open_entries()).empty());
    begin(folder.id, {intent(2)});
    host_->reopen();
    auto const open = await(journal().folders_with_open_entries());
    ASSERT_EQ(open.size(), 1U);
    EXPECT_EQ(open.front().first.source, (copy::MailboxName{"Archive", "Archive"}));
    EXPECT_EQ(open.front().first.destination, (copy::MailboxName{"Archive", "Archive"}));
    EXPECT_EQ(open.front().second.id, folder.id);
    EXPECT_EQ(open.front().second.source_uid_validity, UidValidity(100));
}

TEST_P(JournalContract, KnowsNoReportsAtFirst) {
    EXPECT_TRUE(await(journal().report_fingerprints()).empty());
}

}  // namespace imapcopy::test
