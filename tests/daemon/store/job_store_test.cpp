#include "daemon/store/job_store.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "common/random.hpp"
#include "daemon/store/ledger.hpp"
#include "daemon/store/reports.hpp"
#include "daemon/store/sqlite.hpp"
#include "daemon/store/vault.hpp"
#include "tests/support/await.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::store {
namespace {

using std::chrono::seconds;
constexpr std::string_view canary = "canary-7f3a9c1e5b2d4860-secret";
constexpr WallTime noon{std::chrono::microseconds(1'800'000'000'000'000)};

JobSpec full_spec() {
    JobSpec spec;
    spec.source = {"gmail",           "IMAP.Old.Example",  993,
                   TlsMode::implicit, "Anna@old.example",  "anna@old.example",
                   "admin",           AuthMethod::xoauth2, "ab12"};
    spec.destination = {"", "imap.new.example",   143, TlsMode::starttls, "anna", "anna@new.example",
                        "", AuthMethod::password, ""};
    spec.folders.include = {"Archive*", "INBOX"};
    spec.folders.exclude = {"Spam"};
    spec.folders.rename = {{"Gesendet", "Sent"}, {"a=b", "c"}};
    spec.folders.below = "Old mail";
    spec.label = "customer \"17\"; DROP TABLE job";
    spec.language = "de";
    spec.completion_mail = false;
    spec.hold = true;
    spec.keep_secrets_seconds = 3600;
    spec.not_before = noon + seconds(10);
    return spec;
}

JobSpec simple_spec(std::string const& login) {
    JobSpec spec;
    spec.source.host = "old.example";
    spec.source.login = login;
    spec.destination.host = "new.example";
    spec.destination.login = login;
    return spec;
}

class JobStoreTest : public testing::Test {
 protected:
    template <class T>
    T await(Task<T> task) {
        return test::await(loop_, std::move(task));
    }
    void await(Task<> task) { test::await(loop_, std::move(task)); }

    JobRow create(JobSpec spec) { return await(jobs_->create(std::move(spec), 1000, {}, {}, noon)); }
    JobRow create_with_secrets(JobSpec spec) {
        return await(jobs_->create(std::move(spec), 1000, Secret(canary), Secret("second"), noon));
    }
    JobRow load(JobId id) {
        for (auto& row : await(jobs_->load_all())) {
            if (row.view.id == id) return row;
        }
        throw Failure(ErrorCode::no_such_job, "load");
    }
    void end(JobId id, JobStore::Secrets secrets = JobStore::Secrets::keep) {
        JobUpdate update;
        update.phase = Phase::complete;
        update.ended = noon;
        await(jobs_->update(id, update, secrets));
    }
    std::optional<ErrorCode> code_of_secret(JobId id, Side side) {
        auto const error = test::error_of([&] { (void)await(jobs_->secret(id, side)); });
        return error ? std::optional(error->code) : std::nullopt;
    }
    void reopen() {
        jobs_.reset();
        writer_.reset();
        writer_ = std::make_unique<Writer>(folder_.file("state.db"), loop_.get_executor());
        jobs_ = std::make_unique<JobStore>(*writer_, vault_);
    }
    /// All bytes of the database, its WAL and shared memory, as they lie on disk now.
    std::string bytes_on_disk() {
        std::string bytes;
        for (auto const& entry : std::filesystem::directory_iterator(folder_.path())) {
            std::ifstream file(entry.path(), std::ios::binary);
            bytes.append(std::istreambuf_iterator<char>(file), {});
        }
        return bytes;
    }

    boost::asio::io_context loop_;
    test::TemporaryFolder folder_;
    SeededRandom random_{1};
    Vault vault_{Secret(std::string(32, 'k')), random_};
    std::unique_ptr<Writer> writer_ =
        std::make_unique<Writer>(folder_.file("state.db"), loop_.get_executor());
    std::unique_ptr<JobStore> jobs_ = std::make_unique<JobStore>(*writer_, vault_);
};

TEST_F(JobStoreTest, GivesBackWhatWasCreated) {
    auto const created = create_with_secrets(full_spec());
    EXPECT_EQ(created.view.spec, full_spec());
    EXPECT_EQ(created.view.owner_uid, 1000U);
    EXPECT_EQ(created.view.created, noon);
    EXPECT_EQ(created.view.phase, Phase::held);
    EXPECT_EQ(created.pass, 0U);
    EXPECT_TRUE(created.has_source_secret);
    EXPECT_TRUE(created.has_destination_secret);
    reopen();
    auto const rows = await(jobs_->load_all());
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].view, created.view);
    EXPECT_EQ(rows[0].pair, created.pair);
}

TEST_F(JobStoreTest, StartsInThePhaseThatTheSpecAsksFor) {
    auto later = simple_spec("later");
    later.not_before = noon + seconds(1);
    auto past = simple_spec("past");
    past.not_before = noon - seconds(1);
    EXPECT_EQ(create(simple_spec("now")).view.phase, Phase::queued);
    EXPECT_EQ(create(later).view.phase, Phase::scheduled);
    EXPECT_EQ(create(past).view.phase, Phase::queued);
}

TEST_F(JobStoreTest, RefusesASecondUnfinishedJobOfThePair) {
    auto const first = create(simple_spec("anna"));
    auto again = simple_spec("anna");
    again.source.host = "OLD.example";
    auto const error = test::error_of([&] { create(again); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::job_exists);
    EXPECT_EQ(error->message, "Todo for sync this account exists.");
    end(first.view.id);
    auto const second = create(again);
    EXPECT_EQ(second.pair, first.pair);
    EXPECT_GT(second.view.id, first.view.id);
}

TEST_F(JobStoreTest, TellsPairsApartByLoginAndSide) {
    create(simple_spec("anna"));
    create(simple_spec("Anna"));
    auto turned = simple_spec("anna");
    std::swap(turned.source, turned.destination);
    create(turned);
    EXPECT_EQ(await(jobs_->load_all()).size(), 3U);
}

TEST_F(JobStoreTest, TellsTheMailboxesOfOneAdministratorApart) {
    auto spec = simple_spec("admin");
    spec.source.authorize_as = "anna";
    auto const anna = create(spec);
    spec.source.authorize_as = "bert";
    EXPECT_NE(create(spec).pair, anna.pair);
    spec.source.authorize_as = "anna";
    auto const again = test::error_of([&] { return create(spec); });
    ASSERT_TRUE(again);
    EXPECT_EQ(again->code, ErrorCode::job_exists);
}

TEST_F(JobStoreTest, RefusesAnAccountWithoutHost) {
    auto spec = simple_spec("anna");
    spec.destination.host.clear();
    auto const error = test::error_of([&] { create(spec); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::invalid_argument);
    EXPECT_TRUE(await(jobs_->load_all()).empty());
}

TEST_F(JobStoreTest, WritesTheWholeUpdate) {
    auto const id = create(simple_spec("anna")).view.id;
    JobUpdate update;
    update.phase = Phase::waiting;
    update.wait_reason = WaitReason::throttled;
    update.wait_text = "old.example asks for a pause of 300 s";
    update.waiting_until = noon + seconds(300);
    update.attempt = 3;
    update.started = noon - seconds(5);
    update.progress = {4, 3, 1000, 900, 7, 5'000'000'000, 4'000'000'000, 123, noon + seconds(9), "INBOX/é"};
    update.error = Error{ErrorCode::throttled, "log in", "slow down", Side::destination, 300};
    update.last_activity = noon - seconds(1);
    await(jobs_->update(id, update, JobStore::Secrets::keep));
    reopen();
    auto const view = load(id).view;
    EXPECT_EQ(view.phase, Phase::waiting);
    EXPECT_EQ(view.wait_reason, WaitReason::throttled);
    EXPECT_EQ(view.wait_text, update.wait_text);
    EXPECT_EQ(view.waiting_until, update.waiting_until);
    EXPECT_EQ(view.attempt, 3U);
    EXPECT_EQ(view.started, update.started);
    EXPECT_EQ(view.ended, WallTime{});
    EXPECT_EQ(view.progress, update.progress);
    EXPECT_EQ(view.error, update.error);
    EXPECT_EQ(view.last_activity, update.last_activity);

    await(jobs_->update(id, JobUpdate{}, JobStore::Secrets::keep));
    EXPECT_EQ(load(id).view.error, std::nullopt);
}

TEST_F(JobStoreTest, KeepsEveryPhase) {
    auto const id = create(simple_spec("anna")).view.id;
    for (auto const phase : {Phase::queued, Phase::held, Phase::scheduled, Phase::connecting, Phase::planning,
                             Phase::copying, Phase::verifying, Phase::complete,
                             Phase::complete_with_exceptions, Phase::failed, Phase::cancelled}) {
        JobUpdate update;
        update.phase = phase;
        update.ended = noon;
        await(jobs_->update(id, update, JobStore::Secrets::keep));
        auto const view = load(id).view;
        EXPECT_EQ(view.phase, phase);
        auto const state = state_of(phase);
        auto const ended = state == JobState::finished || state == JobState::error;
        EXPECT_EQ(view.ended, ended ? noon : WallTime{}) << to_string(phase);
    }
}

TEST_F(JobStoreTest, RefusesAnEndWithoutTimeAndAnUnknownJob) {
    auto const id = create(simple_spec("anna")).view.id;
    JobUpdate update;
    update.phase = Phase::complete;
    auto const error = test::error_of([&] { await(jobs_->update(id, update, JobStore::Secrets::keep)); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::internal);
    auto const unknown =
        test::error_of([&] { await(jobs_->update(JobId(99), {}, JobStore::Secrets::keep)); });
    ASSERT_TRUE(unknown);
    EXPECT_EQ(unknown->code, ErrorCode::no_such_job);
}

TEST_F(JobStoreTest, ReopensAnEndedJobUnlessAnotherIsUnfinished) {
    auto const first = create(simple_spec("anna")).view.id;
    auto const too_early = test::error_of([&] { await(jobs_->reopen(first, {}, {}, {})); });
    ASSERT_TRUE(too_early);
    EXPECT_EQ(too_early->code, ErrorCode::wrong_state);
    end(first);
    auto const second = create(simple_spec("anna")).view.id;
    auto const error = test::error_of([&] { await(jobs_->reopen(first, {}, {}, {})); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::job_exists);
    end(second);
    await(jobs_->reopen(first, {}, {}, {}));
    EXPECT_EQ(load(first).view.phase, Phase::queued);
    EXPECT_EQ(load(first).view.ended, WallTime{});
}

TEST_F(JobStoreTest, OpensSecretsUntilTheyAreWiped) {
    auto const id = create_with_secrets(simple_spec("anna")).view.id;
    reopen();
    EXPECT_EQ(await(jobs_->secret(id, Side::source)).reveal(), canary);
    EXPECT_EQ(await(jobs_->secret(id, Side::destination)).reveal(), "second");
    await(jobs_->set_secret(id, Side::source, Secret("third")));
    EXPECT_EQ(await(jobs_->secret(id, Side::source)).reveal(), "third");
    end(id, JobStore::Secrets::wipe);
    EXPECT_EQ(code_of_secret(id, Side::source), ErrorCode::credentials_missing);
    EXPECT_FALSE(load(id).has_source_secret);
    EXPECT_FALSE(load(id).has_destination_secret);
}

TEST_F(JobStoreTest, MissingSecretsNameTheirSide) {
    auto const id = create(simple_spec("anna")).view.id;
    auto const error = test::error_of([&] { (void)await(jobs_->secret(id, Side::destination)); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::credentials_missing);
    EXPECT_EQ(error->side, Side::destination);
}

TEST_F(JobStoreTest, CreatesNothingWhileTheVaultIsLocked) {
    Vault locked(Secret(), random_);
    JobStore jobs(*writer_, locked);
    auto const error = test::error_of(
        [&] { (void)await(jobs.create(simple_spec("anna"), 0, Secret("geheim"), Secret("geheim"), noon)); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::credentials_missing);
    EXPECT_TRUE(await(jobs_->load_all()).empty());
}

/// The sealed bytes are looked for, too: who has the key could open them.
TEST_F(JobStoreTest, WipedSecretsLeaveNoByteOnDisk) {
    std::vector<JobId> ids;
    for (int i = 0; i < 20; ++i)
        ids.push_back(create_with_secrets(simple_spec("login" + std::to_string(i))).view.id);
    std::vector<std::string> sealed;
    std::function<void(Database&)> const read = [&sealed](Database& database) {
        auto row = database.prepare("SELECT sealed FROM secret");
        while (row.step()) sealed.push_back(row.text(0).substr(5));
    };
    await(writer_->run(read));
    ASSERT_EQ(sealed.size(), 40U);
    auto const before = bytes_on_disk();
    for (auto const& bytes : sealed) ASSERT_NE(before.find(bytes), std::string::npos);

    for (auto const id : ids) end(id, JobStore::Secrets::wipe);
    auto const after = bytes_on_disk();
    for (auto const& bytes : sealed) EXPECT_EQ(after.find(bytes), std::string::npos);
    EXPECT_EQ(before.find(canary), std::string::npos);
    EXPECT_EQ(after.find(canary), std::string::npos);
}

TEST_F(JobStoreTest, ForgottenAndReplacedSecretsLeaveNoByteOnDisk) {
    auto const id = create_with_secrets(simple_spec("anna")).view.id;
    std::vector<std::string> sealed;
    std::function<void(Database&)> const read = [&sealed](Database& database) {
        auto row = database.prepare("SELECT sealed FROM secret");
        while (row.step()) sealed.push_back(row.text(0).substr(5));
    };
    await(writer_->run(read));
    await(jobs_->set_secret(id, Side::source, Secret("other")));
    EXPECT_EQ(bytes_on_disk().find(sealed.at(0)), std::string::npos);
    await(writer_->run(read));
    await(jobs_->forget(id, false));
    auto const after = bytes_on_disk();
    for (auto const& bytes : sealed) EXPECT_EQ(after.find(bytes), std::string::npos);
}

TEST_F(JobStoreTest, KeptSecretsExpire) {
    auto kept = simple_spec("kept");
    kept.keep_secrets_seconds = 3600;
    auto const first = create_with_secrets(kept).view.id;
    auto const second = create_with_secrets(simple_spec("not kept")).view.id;
    auto const third = create_with_secrets(simple_spec("unfinished")).view.id;
    EXPECT_EQ(await(jobs_->wipe_expired_secrets(noon)), WallTime{});
    end(first);
    end(second);
    EXPECT_EQ(load(first).secrets_until, noon + seconds(3600));
    EXPECT_EQ(await(jobs_->wipe_expired_secrets(noon)), noon + seconds(3600));
    EXPECT_TRUE(load(first).has_source_secret);
    EXPECT_FALSE(load(second).has_source_secret);
    EXPECT_EQ(await(jobs_->wipe_expired_secrets(noon + seconds(3600))), WallTime{});
    EXPECT_FALSE(load(first).has_source_secret);
    EXPECT_TRUE(load(third).has_source_secret);
}

TEST_F(JobStoreTest, KeepsTheResultsOfTheLastPass) {
    auto const id = create(simple_spec("anna")).view.id;
    copy::PassResult result;
    copy::FolderResult folder{.source = "INBOX", .destination = "Old/INBOX"};
    folder.messages = 10;
    folder.copied = 7;
    folder.recognised = 1;
    folder.exceptions = 2;
    folder.bytes = 4711;
    folder.created = true;
    folder.elsewhere = 3;
    result.folders = {folder};
    result.exceptions = {{"INBOX", copy::Uid(5), "AppendRejected", 99, "NUL"},
                         {"Sent", copy::Uid(0), "X", 0, "Y"}};
    EXPECT_EQ(await(jobs_->complete_pass(id, result)), 1U);
    EXPECT_EQ(await(jobs_->complete_pass(id, result)), 2U);
    EXPECT_EQ(load(id).pass, 2U);
    reopen();
    auto const folders = await(jobs_->folder_results(id));
    ASSERT_EQ(folders.size(), 1U);
    EXPECT_EQ(folders[0].destination, "Old/INBOX");
    EXPECT_EQ(folders[0].copied, 7U);
    EXPECT_EQ(folders[0].bytes, 4711U);
    EXPECT_TRUE(folders[0].created);
    EXPECT_EQ(folders[0].elsewhere, 3U);
    auto const items = await(jobs_->items(id, "exceptions", 0, 10));
    ASSERT_EQ(items.size(), 2U);
    EXPECT_EQ(items[0].source_uid, 5U);
    EXPECT_EQ(items[0].folder, "INBOX");
    EXPECT_EQ(items[0].code, "AppendRejected");
    EXPECT_EQ(items[0].size_bytes, 99U);
    EXPECT_EQ(items[0].text, "NUL");
    EXPECT_EQ(await(jobs_->items(id, "exceptions", 1, 10)).size(), 1U);
    auto const error = test::error_of([&] { (void)await(jobs_->items(id, "nonsense", 0, 10)); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::invalid_argument);
}

/// A ledger with `count` messages of which the first is only announced.
void fill_ledger(boost::asio::io_context& loop, copy::Journal& journal, std::uint32_t count) {
    copy::MailboxName const inbox{"INBOX", "INBOX"};
    auto const folder = test::await(loop, journal.folder({inbox, inbox})).id;
    test::await(loop, journal.set_source_epoch(folder, copy::UidValidity(1)));
    std::vector<copy::Intent> intents;
    std::vector<copy::Outcome> outcomes;
    for (std::uint32_t uid = 1; uid <= count; ++uid) {
        copy::Intent intent;
        intent.source_uid = copy::Uid(uid);
        intent.size_bytes = uid;
        intent.destination_uid_validity = copy::UidValidity(2);
        intent.base_uid_next = copy::Uid(1);
        intents.push_back(intent);
        copy::Outcome outcome;
        outcome.source_uid = copy::Uid(uid);
        outcome.destination_uid = copy::Uid(1000 + uid);
        if (uid > 1) outcomes.push_back(outcome);
    }
    test::await(loop, journal.begin(folder, intents));
    test::await(loop, journal.finish(folder, outcomes));
}

TEST_F(JobStoreTest, ItemsOfTheLedgerComeInPagesOfAtMostAThousand) {
    auto const job = create(simple_spec("anna"));
    auto const journal = make_ledger(*writer_, job.pair);
    fill_ledger(loop_, *journal, 1202);
    auto const page = await(jobs_->items(job.view.id, "copied", 0, 5000));
    ASSERT_EQ(page.size(), 1000U);
    EXPECT_EQ(page[0].source_uid, 2U);
    EXPECT_EQ(page[0].folder, "INBOX");
    EXPECT_EQ(page[0].code, "copied");
    EXPECT_EQ(page[0].size_bytes, 2U);
    EXPECT_EQ(page[0].destination_uid, "1002");
    EXPECT_EQ(await(jobs_->items(job.view.id, "copied", 1000, 1000)).size(), 201U);
    auto const open = await(jobs_->items(job.view.id, "ambiguous", 0, 1000));
    ASSERT_EQ(open.size(), 1U);
    EXPECT_EQ(open[0].source_uid, 1U);
    EXPECT_EQ(open[0].destination_uid, "");
}

TEST_F(JobStoreTest, ForgetsAJobButNotItsLedger) {
    auto const job = create_with_secrets(simple_spec("anna"));
    fill_ledger(loop_, *make_ledger(*writer_, job.pair), 3);
    end(job.view.id);
    await(jobs_->forget(job.view.id, false));
    EXPECT_TRUE(await(jobs_->load_all()).empty());
    auto const again = create(simple_spec("anna"));
    EXPECT_EQ(again.pair, job.pair);
    EXPECT_GT(again.view.id, job.view.id);
    EXPECT_EQ(await(jobs_->items(again.view.id, "copied", 0, 10)).size(), 2U);
    auto const error = test::error_of([&] { await(jobs_->forget(job.view.id, false)); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::no_such_job);
}

TEST_F(JobStoreTest, ForgetsTheLedgerWithTheLastJobOfThePair) {
    auto const first = create(simple_spec("anna"));
    fill_ledger(loop_, *make_ledger(*writer_, first.pair), 3);
    Reports reports(*writer_);
    await(reports.begin(first.view.id, 1, {}, copy::UidValidity(1), copy::Uid(1)));
    end(first.view.id);
    auto const second = create(simple_spec("anna"));
    await(jobs_->forget(first.view.id, true));
    EXPECT_EQ(await(jobs_->items(second.view.id, "copied", 0, 10)).size(), 2U);
    await(jobs_->forget(second.view.id, true));
    std::function<std::int64_t(Database&)> const count = [](Database& database) {
        return database
            .find_integer(
                "SELECT (SELECT count(*) FROM account) + (SELECT count(*) FROM pair) + (SELECT count(*) FROM "
                "mailbox) + "
                "(SELECT count(*) FROM folder) + (SELECT count(*) FROM message) + (SELECT count(*) FROM "
                "report)")
            .value();
    };
    EXPECT_EQ(await(writer_->run<std::int64_t>(count)), 0);
}

}  // namespace
}  // namespace imapcopy::store
