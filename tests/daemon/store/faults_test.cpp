// The life of a job in the database, broken at every write, truncation, sync and deletion in every way. Each
// step of that life is one call that reports something durable when it returns. Whatever happens, the
// database is found as it was after the last reported step, or after the one under way: never in between.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "common/random.hpp"
#include "daemon/store/job_store.hpp"
#include "daemon/store/ledger.hpp"
#include "daemon/store/reports.hpp"
#include "daemon/store/vault.hpp"
#include "tests/support/await.hpp"
#include "tests/support/faulty_vfs.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::store {
namespace {

using Fault = test::FaultyVfs::Fault;
using copy::FolderId;
using copy::Uid;
using copy::UidValidity;

constexpr WallTime noon{std::chrono::microseconds(1'800'000'000'000'000)};
constexpr JobId job{1};
constexpr PairId pair{1};
constexpr FolderId folder{1};

/// Every row of every table as text; of a sealed secret only that it is there, since sealing is random.
std::vector<std::string> content_of(Database& database) {
    std::vector<std::string> lines;
    std::vector<std::string> tables;
    auto names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    while (names.step()) tables.push_back(names.text(0));
    for (auto const& table : tables) {
        std::string row = "'" + table + "'";
        auto columns = database.prepare("SELECT name FROM pragma_table_info(?1)");
        columns.bind(table);
        while (columns.step()) {
            if (columns.text(0) != "sealed") row += " || ' ' || quote(" + columns.text(0) + ")";
        }
        auto rows = database.prepare("SELECT " + row + " FROM " + table + " ORDER BY 1");
        while (rows.step()) lines.push_back(rows.text(0));
    }
    return lines;
}

/// The store as the daemon has it.
class Store {
 public:
    Store(std::string const& file, std::string const& vfs)
        : writer_(file, loop_.get_executor(), OpenOptions{vfs}), ledger_(make_ledger(writer_, pair)) {}

    template <class T>
    T await(Task<T> task) {
        return test::await(loop_, std::move(task));
    }
    void await(Task<> task) { test::await(loop_, std::move(task)); }

    JobStore& jobs() { return jobs_; }
    Reports& reports() { return reports_; }
    copy::Journal& ledger() { return *ledger_; }
    void truncate_wal() { await(writer_.truncate_wal()); }
    std::vector<std::string> content() { return await(writer_.run<std::vector<std::string>>(content_of)); }

 private:
    boost::asio::io_context loop_;
    SeededRandom random_{1};
    Vault vault_{Secret(std::string(32, 'k')), random_};
    Writer writer_;
    JobStore jobs_{writer_, vault_};
    Reports reports_{writer_};
    std::unique_ptr<copy::Journal> ledger_;
};

using Step = std::function<void(Store&)>;

copy::Intent intent(std::uint32_t uid) {
    copy::Intent intent;
    intent.source_uid = Uid(uid);
    intent.identity.fingerprint.fill(static_cast<std::uint8_t>(uid));
    intent.size_bytes = 1000;
    intent.destination_uid_validity = UidValidity(200);
    intent.base_uid_next = Uid(10);
    return intent;
}

copy::Outcome outcome(std::uint32_t uid, copy::MessageState state, std::uint32_t destination_uid) {
    copy::Outcome outcome;
    outcome.source_uid = Uid(uid);
    outcome.state = state;
    outcome.destination_uid = Uid(destination_uid);
    return outcome;
}

JobUpdate update(Phase phase, std::uint32_t attempt) {
    JobUpdate update;
    update.phase = phase;
    update.attempt = attempt;
    update.started = noon;
    if (phase == Phase::complete) update.ended = noon;
    return update;
}

JobSpec spec() {
    JobSpec spec;
    spec.source.host = "old.example";
    spec.destination.host = "new.example";
    spec.source.login = spec.destination.login = "anna";
    return spec;
}

copy::PassResult pass_result() {
    copy::PassResult result;
    result.folders.resize(2);
    result.folders[0].source = "INBOX";
    result.folders[1].source = "Archive";
    result.exceptions.resize(1);
    result.exceptions[0].folder = "Archive";
    result.exceptions[0].code = "AppendRejected";
    return result;
}

/// Enough intents for more than one page.
std::vector<copy::Intent> many_intents() {
    std::vector<copy::Intent> intents;
    for (std::uint32_t uid = 1; uid <= 60; ++uid) intents.push_back(intent(uid));
    return intents;
}

std::vector<copy::Outcome> many_outcomes() {
    std::vector<copy::Outcome> outcomes;
    for (std::uint32_t uid = 1; uid <= 59; ++uid) {
        outcomes.push_back(outcome(uid, copy::MessageState::done, 100 + uid));
    }
    outcomes.push_back(outcome(60, copy::MessageState::refused, 0));
    return outcomes;
}

std::vector<Step> const life = {
    [](Store& s) {
        (void)s.await(s.jobs().create(spec(), 1000, Secret("old password"), Secret("new password"), noon));
    },
    [](Store& s) { s.await(s.jobs().update(job, update(Phase::connecting, 1), JobStore::Secrets::keep)); },
    [](Store& s) {
        (void)s.await(s.ledger().folder({{"Archive", "Archive"}, {"Archive", "Archive"}}));
    },
    [](Store& s) { s.await(s.ledger().set_source_epoch(folder, UidValidity(100))); },
    [](Store& s) { s.await(s.ledger().set_destination_epoch(folder, UidValidity(200))); },
    [](Store& s) { s.await(s.ledger().begin(folder, many_intents())); },
    [](Store& s) { s.await(s.ledger().finish(folder, many_outcomes())); },
    [](Store& s) { s.truncate_wal(); },
    [](Store& s) {
        copy::MailboxStatus const status{UidValidity(100), Uid(61), 60, copy::ModSeq(1)};
        s.await(s.ledger().set_complete(folder, status, status));
    },
    [](Store& s) { s.await(s.reports().begin(job, 1, {}, UidValidity(200), Uid(5))); },
    [](Store& s) { s.await(s.reports().finish(job, 1, ReportState::done, Uid(5))); },
    [](Store& s) { (void)s.await(s.jobs().complete_pass(job, pass_result())); },
    [](Store& s) { s.await(s.jobs().update(job, update(Phase::complete, 1), JobStore::Secrets::wipe)); },
    [](Store& s) { s.await(s.jobs().reopen(job, update(Phase::queued, 1), {}, {})); },
    [](Store& s) { s.await(s.jobs().set_secret(job, Side::source, Secret("another password"))); },
};

class StoreFaults : public testing::TestWithParam<Fault> {
 protected:
    StoreFaults() {
        { Store const made(empty_, vfs_.name()); }
        auto const file = folder_.file("calm.db");
        std::filesystem::copy_file(empty_, file);
        auto const before = vfs_.steps();
        {
            Store store(file, vfs_.name());
            contents_.push_back(store.content());
            for (auto const& step : life) {
                step(store);
                contents_.push_back(store.content());
            }
        }
        steps_ = vfs_.steps() - before;
    }

    /// A file that was made empty, opened, and lived in until something went wrong at step `k`; mended.
    struct Broken {
        std::string file;
        std::size_t done = 0;  ///< Steps of `life` that were reported.
        std::optional<Error> error;
        std::unique_ptr<Store> store;  ///< Still open, if it could be opened.
    };
    Broken break_at(std::size_t k) {
        Broken broken{folder_.file("broken.db"), 0, std::nullopt, nullptr};
        for (auto const* const end : {"", "-wal"}) std::filesystem::remove(broken.file + end);
        std::filesystem::copy_file(empty_, broken.file);
        vfs_.fail_at(k, GetParam());
        broken.error =
            test::error_of([&] { broken.store = std::make_unique<Store>(broken.file, vfs_.name()); });
        while (!broken.error && broken.done < life.size()) {
            broken.error = test::error_of([&] { life[broken.done](*broken.store); });
            if (!broken.error) ++broken.done;
        }
        return broken;
    }

    /// How many steps `content` shows: those reported, or the one under way as well.
    std::size_t steps_shown(std::vector<std::string> const& content, std::size_t done) const {
        if (content == contents_[done]) return done;
        bool const next = done < life.size() && content == contents_[done + 1];
        EXPECT_TRUE(next) << "neither as after step " << done << " nor as after the next";
        return done + 1;
    }

    void live_on(Store& store, std::size_t from) {
        for (auto i = from; i < life.size(); ++i) life[i](store);
        EXPECT_EQ(store.content(), contents_.back());
    }

    test::TemporaryFolder folder_;
    std::string const empty_ = folder_.file("empty.db");
    test::FaultyVfs vfs_{"faulty"};
    std::vector<std::vector<std::string>> contents_;  ///< After 0, 1, 2 … steps of `life`.
    std::size_t steps_ = 0;                           ///< Of the file system, in a calm life.
};

class CrashedStore : public StoreFaults {};

TEST_P(CrashedStore, HoldsWhatWasReportedAndNothingHalf) {
    ASSERT_GT(steps_, 100U);
    for (std::size_t k = 1; k <= steps_; ++k) {
        SCOPED_TRACE("step " + std::to_string(k));
        auto broken = break_at(k);
        if (broken.error) {
            EXPECT_EQ(broken.error->code, ErrorCode::store_corrupt) << broken.error->message;
        }
        broken.store.reset();
        EXPECT_TRUE(vfs_.struck());
        vfs_.mend();
        // Opening checks every page.
        Store store(broken.file, vfs_.name());
        live_on(store, steps_shown(store.content(), broken.done));
    }
}

/// After an error of the disk nothing more is written, since nobody knows what it holds. So it is as a crash.
INSTANTIATE_TEST_SUITE_P(Store, CrashedStore,
                         testing::Values(Fault::crash, Fault::torn_crash, Fault::io_error));

class FullStore : public StoreFaults {};

TEST_P(FullStore, RefusesUntilThereIsRoomAndThenGoesOn) {
    for (std::size_t k = 1; k <= steps_; ++k) {
        SCOPED_TRACE("step " + std::to_string(k));
        auto broken = break_at(k);
        ASSERT_TRUE(broken.store) << "a full disk is no reason not to show jobs: " << broken.error->message;
        auto shown = broken.done;
        if (broken.error) {
            EXPECT_EQ(broken.error->code, ErrorCode::store_full) << broken.error->message;
            shown = steps_shown(broken.store->content(), broken.done);
        }
        vfs_.mend();
        live_on(*broken.store, shown);
        broken.store.reset();
        Store again(broken.file, vfs_.name());
        EXPECT_EQ(again.content(), contents_.back());
    }
}

INSTANTIATE_TEST_SUITE_P(Store, FullStore, testing::Values(Fault::disk_full));

TEST(FirstStart, MakesAWholeDatabaseWhateverEndedTheOneBefore) {
    test::FaultyVfs vfs("faulty");
    for (auto const fault : {Fault::disk_full, Fault::io_error, Fault::crash, Fault::torn_crash}) {
        bool struck = true;
        for (std::size_t k = 1; struck; k += 7) {
            test::TemporaryFolder const fresh;
            auto const file = fresh.file("state.db");
            vfs.fail_at(k, fault);
            (void)test::error_of([&] { Store const store(file, vfs.name()); });
            struck = vfs.struck();
            vfs.mend();
            Store store(file, vfs.name());
            life.front()(store);
            EXPECT_EQ(store.await(store.jobs().load_all()).size(), 1U) << "step " << k;
        }
    }
}

}  // namespace
}  // namespace imapcopy::store
