#include "daemon/bus/job_object.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/bus/bus_fixture.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;
using ctl::Client;
using testing::ElementsAre;

namespace {

class JobObjectTest : public BusFixture {};

}  // namespace

TEST_F(JobObjectTest, ShowsAJobAsTheServiceHasIt) {
    auto const id = submit();
    auto expected = server.service.views.at(id);
    auto const job = client.job(id);
    ASSERT_TRUE(job);
    EXPECT_EQ(job->spec.source, expected.spec.source);
    EXPECT_EQ(job->spec.label, "office");
    EXPECT_EQ(job->created, expected.created);
    EXPECT_EQ(client.jobs().size(), 1U);
    EXPECT_EQ(client.job(JobId{99}), std::nullopt);
    EXPECT_THAT(client.find("anna@old.example"), ElementsAre(id));
    EXPECT_THAT(client.find("nobody@old.example"), ElementsAre());
}

TEST_F(JobObjectTest, ShowsThePaceOfAJob) {
    auto const id = submit();
    auto view = server.service.views.at(id);
    view.progress.lanes = 3;
    view.progress.source_round_trip = std::chrono::microseconds(100'200);
    view.progress.destination_round_trip = std::chrono::microseconds(180);
    view.progress.bound = Bound::limit;
    server.on_loop([&] { server.listener().job_changed(view); });
    auto const job = client.job(id);
    ASSERT_TRUE(job);
    EXPECT_EQ(job->progress, view.progress);
}

TEST_F(JobObjectTest, CutsWhatAServerMayHaveMadeLong) {
    auto const id = submit();
    auto view = server.service.views.at(id);
    view.progress.current_folder = std::string(1024, 'f');
    view.wait_text = std::string(1025, 'w');
    view.error = Error{ErrorCode::over_quota, std::string(1'000'000, 'e')};
    server.on_loop([&] { server.listener().job_changed(view); });
    auto const job = client.job(id);
    ASSERT_TRUE(job);
    EXPECT_EQ(job->progress.current_folder, view.progress.current_folder);
    EXPECT_EQ(job->wait_text, std::string(1024, 'w') + "…");
    EXPECT_EQ(job->error->message, std::string(1024, 'e') + "…");
}

TEST_F(JobObjectTest, CarriesEveryVerb) {
    auto const id = submit();
    server.service.asked.clear();
    client.hold(id);
    client.release(id);
    client.retry(id, Secret(), Secret("new"));
    client.resync(id, Secret("old"), Secret());
    client.set_secret(id, Side::destination, Secret("newer"));
    client.hold_all();
    client.release_all();
    client.reload();
    client.forget(id, Client::Ledger::forget);
    EXPECT_THAT(server.service.asked, ElementsAre("hold 1", "release 1", "retry /new 1", "resync old/ 1",
                                                  "secret destination newer 1", "hold all 0", "release all 0",
                                                  "reload 0", "forget all"));
    EXPECT_EQ(client.job(id), std::nullopt);
}

TEST_F(JobObjectTest, HandsOutItemsAndReports) {
    auto const id = submit();
    auto const items = client.items(id, "exceptions", 4, 1000);
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].source_uid, 4U);
    EXPECT_EQ(items[0].text, "bad bytes \\xff here");
    auto const report = client.report(id, "text", "fi");
    EXPECT_TRUE(report.starts_with("report in text, fi\n"));
    EXPECT_GT(report.size(), 200'000U);
}

TEST_F(JobObjectTest, VerifiesAJob) {
    auto const id = submit();
    server.service.asked.clear();
    auto const view = client.verify(id, VerifyLevel::digest, Secret("old"), Secret());
    (void)client.verify(id, VerifyLevel::counts, Secret(), Secret());
    EXPECT_THAT(server.service.asked, ElementsAre("verify digest old/ 1", "verify counts / 1"));
    EXPECT_EQ(view.level, "digest");
    EXPECT_EQ(view.folders, 3U);
    EXPECT_EQ(view.messages, 40U);
    EXPECT_EQ(view.differences, 150U);
    EXPECT_EQ(view.explained, 1U);
    ASSERT_EQ(view.totals.size(), 2U);
    EXPECT_EQ(view.totals[0].kind, "missing");
    EXPECT_EQ(view.totals[0].count, 150U);
    EXPECT_TRUE(view.totals[1].explained);
    ASSERT_EQ(view.listed.size(), 2U);
    EXPECT_EQ(view.listed[0].text, "bad bytes \\xff here");
    EXPECT_EQ(view.listed[0].source_uid, 7U);
    EXPECT_EQ(view.listed[1].destination, "Gesendet");
    EXPECT_EQ(view.listed[1].destination_uid, 9U);
}

TEST_F(JobObjectTest, RefusesAnUnknownLevel) {
    auto const id = submit();
    auto const bus = sdbus::createSessionBusConnectionWithAddress(private_bus.address());
    auto const proxy = sdbus::createProxy(*bus, bus_name, job_path(id));
    for (auto const& options : {BusDict{{"level", std::string("all")}}, BusDict{{"level", std::uint32_t{1}}},
                                BusDict{{"depth", std::string("index")}}}) {
        std::string refusal;
        try {
            proxy->callMethod("Verify").onInterface(job_interface).withArguments(options);
        } catch (sdbus::Error const& error) {
            refusal = error.getName();
        }
        EXPECT_EQ(refusal, "org.imapcopyd1.Error.InvalidArgument");
    }
    EXPECT_THAT(server.service.asked, testing::Not(testing::Contains(testing::HasSubstr("verify"))));
}
