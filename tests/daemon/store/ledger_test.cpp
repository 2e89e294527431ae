#include "daemon/store/ledger.hpp"

#include "common/random.hpp"
#include "daemon/store/job_store.hpp"
#include "daemon/store/reports.hpp"
#include "daemon/store/vault.hpp"
#include "tests/support/journal_contract.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::test {
namespace {

JobSpec spec_of(std::string const& source_login) {
    JobSpec spec;
    spec.source.host = "old.example";
    spec.source.login = source_login;
    spec.destination.host = "new.example";
    spec.destination.login = "anna";
    return spec;
}

/// Two jobs with one destination account, in a real file.
class LedgerHost final : public JournalHost {
 public:
    LedgerHost() {
        open();
        store::Vault vault(Secret(), random_);
        store::JobStore jobs(*writer_, vault);
        auto const one = test::await(loop_, jobs.create(spec_of("anna"), 0, {}, {}, WallTime{}));
        auto const two = test::await(loop_, jobs.create(spec_of("berta"), 0, {}, {}, WallTime{}));
        job_ = one.view.id;
        pairs_ = {one.pair, two.pair};
        reopen();
    }

    boost::asio::io_context& loop() override { return loop_; }
    copy::Journal& journal() override { return *journals_.first; }
    copy::Journal& neighbour() override { return *journals_.second; }
    void reopen() override {
        open();
        journals_.first = store::make_ledger(*writer_, pairs_.first);
        journals_.second = store::make_ledger(*writer_, pairs_.second);
    }
    store::Writer& writer() { return *writer_; }
    JobId job() const { return job_; }

 private:
    void open() {
        writer_.reset();
        writer_ = std::make_unique<store::Writer>(folder_.file("state.db"), loop_.get_executor());
    }

    boost::asio::io_context loop_;
    TemporaryFolder folder_;
    SeededRandom random_{1};
    std::unique_ptr<store::Writer> writer_;
    JobId job_;
    std::pair<store::PairId, store::PairId> pairs_;
    std::pair<std::unique_ptr<copy::Journal>, std::unique_ptr<copy::Journal>> journals_;
};

INSTANTIATE_TEST_SUITE_P(Ledger, JournalContract,
                         testing::Values(JournalFactory([] { return std::make_unique<LedgerHost>(); })));

copy::MailboxName name(std::string const& text) {
    return {text, text};
}

TEST(Ledger, KeepsTheBytesOfMailboxNames) {
    LedgerHost host;
    copy::FolderKey const key{{"Entwürfe", "Entw&APw-rfe"}, {"raw \xff", std::string("raw \xff\0x", 7)}};
    auto const record = test::await(host.loop(), host.journal().folder(key));
    test::await(host.loop(), host.journal().set_source_epoch(record.id, copy::UidValidity(1)));
    copy::Intent intent;
    intent.source_uid = copy::Uid(1);
    test::await(host.loop(), host.journal().begin(record.id, {intent}));
    auto const open = test::await(host.loop(), host.journal().folders_with_open_entries());
    ASSERT_EQ(open.size(), 1U);
    EXPECT_EQ(open[0].first.source.utf8, key.source.utf8);
    EXPECT_EQ(open[0].first.source.wire, key.source.wire);
    EXPECT_EQ(open[0].first.destination.utf8, key.destination.utf8);
    EXPECT_EQ(open[0].first.destination.wire, key.destination.wire);
}

// A UIDVALIDITY that comes back brings its entries back; equal UIDs of two old epochs do not hide each other.
TEST(Ledger, TakesEqualUidsOfTwoOldEpochsOneAfterTheOther) {
    LedgerHost host;
    auto& journal = host.journal();
    auto const folder = test::await(host.loop(), journal.folder({name("A"), name("A")})).id;
    auto const adopt = [&](std::uint32_t epoch, std::uint32_t destination_uid) {
        test::await(host.loop(), journal.set_source_epoch(folder, copy::UidValidity(epoch)));
        copy::Outcome outcome;
        outcome.source_uid = copy::Uid(1);
        outcome.state = copy::MessageState::adopted;
        outcome.destination_uid = copy::Uid(destination_uid);
        outcome.destination_uid_validity = copy::UidValidity(9);
        test::await(host.loop(), journal.finish(folder, {outcome}));
    };
    adopt(1, 11);
    adopt(2, 12);
    test::await(host.loop(), journal.set_source_epoch(folder, copy::UidValidity(3)));
    auto old = test::await(host.loop(), journal.inheritable(folder));
    ASSERT_EQ(old.size(), 1U);
    EXPECT_EQ(old[0].destination_uid, copy::Uid(12));
    test::await(host.loop(), journal.inherit(folder, {{copy::Uid(1), copy::Uid(7)}}));
    old = test::await(host.loop(), journal.inheritable(folder));
    ASSERT_EQ(old.size(), 1U);
    EXPECT_EQ(old[0].destination_uid, copy::Uid(11));
    auto const inherited = test::await(host.loop(), journal.entries(folder, {copy::Uid(7), copy::Uid(7)}));
    ASSERT_EQ(inherited.size(), 1U);
    EXPECT_EQ(inherited[0].destination_uid, copy::Uid(12));
}

TEST(Ledger, RefusesToInheritWhatIsNotThere) {
    LedgerHost host;
    auto const folder = test::await(host.loop(), host.journal().folder({name("A"), name("A")})).id;
    EXPECT_TRUE(error_of([&] {
        test::await(host.loop(), host.journal().inherit(folder, {{copy::Uid(1), copy::Uid(2)}}));
    }));
}

TEST(Ledger, RefusesAnIntentThatCannotBe) {
    LedgerHost host;
    auto const folder = test::await(host.loop(), host.journal().folder({name("A"), name("A")})).id;
    copy::Intent possible;
    possible.source_uid = copy::Uid(1);
    copy::Intent const impossible;  // No message has the UID 0.
    EXPECT_TRUE(error_of(
        [&] { test::await(host.loop(), host.journal().begin(folder, {possible, impossible})); }));
    EXPECT_TRUE(test::await(host.loop(), host.journal().open_entries(folder)).empty());
}

TEST(Ledger, RefusesAnOutcomeThatCannotBe) {
    LedgerHost host;
    auto const folder = test::await(host.loop(), host.journal().folder({name("A"), name("A")})).id;
    copy::Intent intent;
    intent.source_uid = copy::Uid(1);
    test::await(host.loop(), host.journal().begin(folder, {intent}));
    copy::Outcome outcome;
    outcome.source_uid = copy::Uid(1);
    outcome.state = copy::MessageState::ambiguous;
    outcome.destination_uid = copy::Uid(7);  // Only a copy has one.
    outcome.destination_uid_validity = copy::UidValidity(9);
    EXPECT_TRUE(error_of([&] { test::await(host.loop(), host.journal().finish(folder, {outcome})); }));
    auto const open = test::await(host.loop(), host.journal().open_entries(folder));
    ASSERT_EQ(open.size(), 1U);
    EXPECT_EQ(open[0].state, copy::MessageState::intent);
}

TEST(Ledger, ListsTheReportsOfEveryPair) {
    LedgerHost host;
    store::Reports reports(host.writer());
    copy::Digest digest{};
    digest.fill(0x5a);
    test::await(host.loop(), reports.begin(host.job(), 1, digest, copy::UidValidity(1), copy::Uid(2)));
    EXPECT_EQ(test::await(host.loop(), host.journal().report_fingerprints()), std::vector{digest});
    EXPECT_EQ(test::await(host.loop(), host.neighbour().report_fingerprints()), std::vector{digest});
}

}  // namespace
}  // namespace imapcopy::test
