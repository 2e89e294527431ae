#include "daemon/bus/manager_object.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sdbus-c++/sdbus-c++.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "common/bus_value.hpp"
#include "tests/daemon/bus/bus_fixture.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;
using testing::ElementsAre;

namespace {

using Row = sdbus::Struct<sdbus::ObjectPath, BusDict>;
using Objects = std::map<sdbus::ObjectPath, std::map<std::string, BusDict>>;

class ManagerObjectTest : public BusFixture {};

/// A daemon with this many jobs, and someone who speaks plain D-Bus with it.
class Plain {
 private:
    test::PrivateBus private_bus_{test::PrivateBus::Policy::shipped};

 public:
    explicit Plain(std::uint32_t jobs) : server(private_bus_.address(), jobs) {}

    std::vector<Row> list(std::uint32_t after, std::uint32_t count) {
        std::vector<Row> rows;
        manager_->callMethod("ListJobs")
            .onInterface(manager_interface)
            .withArguments(after, count)
            .storeResultsTo(rows);
        return rows;
    }

    std::vector<std::string> listed(std::uint32_t after, std::uint32_t count) {
        std::vector<std::string> paths;
        for (auto const& row : list(after, count)) paths.push_back(row.get<0>());
        return paths;
    }

    Objects managed_objects() {
        Objects objects;
        manager_->callMethod("GetManagedObjects")
            .onInterface("org.freedesktop.DBus.ObjectManager")
            .storeResultsTo(objects);
        return objects;
    }

    /// Name and sentence of the error, or two empty strings.
    static std::pair<std::string, std::string> refusal(std::function<void()> const& call) {
        try {
            call();
        } catch (sdbus::Error const& error) {
            return {error.getName(), error.getMessage()};
        }
        return {};
    }

    std::string const& address() const { return private_bus_.address(); }

    BusServer server;

 private:
    std::unique_ptr<sdbus::IConnection> bus_ =
        sdbus::createSessionBusConnectionWithAddress(private_bus_.address());
    std::unique_ptr<sdbus::IProxy> manager_ = sdbus::createProxy(*bus_, bus_name, manager_path);
};

std::map<std::string, std::string> types(BusDict const& properties) {
    std::map<std::string, std::string> all;
    for (auto const& [name, value] : properties) all.emplace(name, value.peekValueType());
    return all;
}

}  // namespace

TEST_F(ManagerObjectTest, CarriesASubmissionWithItsSecrets) {
    auto const id = client.submit(spec(), Secret("old secret"), Secret());
    EXPECT_EQ(id, JobId{1});
    EXPECT_THAT(server.service.asked,
                ElementsAre("submit by " + std::to_string(::getuid()) + " old secret/"));
    EXPECT_EQ(server.service.views.at(id).spec, spec());
}

TEST_F(ManagerObjectTest, TestsAnAccountAndNamesTheSideOfARefusal) {
    client.begin_test(spec().source, Side::source, Secret("right"));
    client.begin_test(spec().destination, Side::destination, Secret("wrong"));
    auto const view = client.finish_test(Side::source);
    EXPECT_EQ(view.account.host, "imap.example.org");
    EXPECT_EQ(view.folders, 7U);
    EXPECT_THAT(view.capabilities, ElementsAre("IMAP4rev1", "UIDPLUS"));
    auto const error = error_of([&] { (void)client.finish_test(Side::destination); });
    EXPECT_EQ(error.code, ErrorCode::auth_rejected);
    EXPECT_EQ(error.side, Side::destination);
    EXPECT_EQ(error.message, "login refused: server said: no such user");
    EXPECT_EQ(exit_status(error), 13);
}

TEST_F(ManagerObjectTest, PlansWithFoldersAndExceptions) {
    auto const view = client.plan(spec(), Secret("a"), Secret("b"));
    EXPECT_EQ(view.source, spec().source);
    ASSERT_EQ(view.folders.size(), 1U);
    EXPECT_EQ(view.folders[0].destination, "Gesendet");
    EXPECT_EQ(view.folders[0].to_copy, 10U);
    ASSERT_EQ(view.exceptions.size(), 1U);
    EXPECT_EQ(view.exceptions[0].code, "FolderNameCollision");
}

TEST_F(ManagerObjectTest, TriesNoLoginWithAnEmptySecret) {
    client.begin_test(spec().destination, Side::destination, Secret());
    auto const test = error_of([&] { (void)client.finish_test(Side::destination); });
    auto const source = error_of([&] { (void)client.plan(spec(), Secret(), Secret("b")); });
    auto const destination = error_of([&] { (void)client.plan(spec(), Secret("a"), Secret()); });
    EXPECT_EQ(test.code, ErrorCode::invalid_argument);
    EXPECT_EQ(source.code, ErrorCode::invalid_argument);
    EXPECT_EQ(source.message, "the secret of the source is empty");
    EXPECT_EQ(destination.message, "the secret of the destination is empty");
    EXPECT_THAT(server.service.asked, ElementsAre());
    auto const id = client.submit(spec(), Secret("a"), Secret());
    auto const again = error_of([&] { client.set_secret(id, Side::destination, Secret()); });
    EXPECT_EQ(again.message, "the secret of the destination is empty");
}

TEST_F(ManagerObjectTest, TellsItsStatus) {
    auto const status = client.status();
    EXPECT_EQ(status.version, IMAPCOPY_VERSION);
    EXPECT_EQ(status.state, "running");
    EXPECT_EQ(status.jobs_by_state.at(JobState::not_started), 2U);
    EXPECT_EQ(status.bytes_per_second, 5000U);
}

TEST(ListJobs, ShowsJobsByIdAfterTheOneNamed) {
    Plain plain(12);
    plain.server.on_loop([&] { plain.server.listener().job_removed(JobId{5}); });
    EXPECT_THAT(plain.listed(0, 3), ElementsAre(job_path(JobId{1}), job_path(JobId{2}), job_path(JobId{3})));
    EXPECT_THAT(plain.listed(3, 2), ElementsAre(job_path(JobId{4}), job_path(JobId{6})));
    EXPECT_THAT(plain.listed(5, 1), ElementsAre(job_path(JobId{6}))) << "a job that is gone holds up nobody";
    EXPECT_THAT(plain.listed(9, 1000),
                ElementsAre(job_path(JobId{10}), job_path(JobId{11}), job_path(JobId{12})));
    EXPECT_THAT(plain.listed(12, 1000), ElementsAre());
    EXPECT_THAT(plain.listed(UINT32_MAX, 1000), ElementsAre());
    EXPECT_THAT(plain.listed(0, 0), ElementsAre());
}

TEST(ListJobs, TellsOfAJobWhatGetManagedObjectsTells) {
    Plain plain(1);
    auto const objects = plain.managed_objects();
    auto const rows = plain.list(0, 1);
    ASSERT_EQ(rows.size(), 1U);
    auto const& expected = objects.at(job_path(JobId{1})).at(job_interface);
    EXPECT_EQ(types(rows[0].get<1>()), types(expected));
    EXPECT_GT(expected.size(), 20U);
    EXPECT_EQ(from_bus(rows[0].get<1>().at("Source").get<BusDict>(), "source").value(),
              from_bus(expected.at("Source").get<BusDict>(), "source").value());
}

TEST(ListJobs, RefusesMoreThanAThousandAtOnce) {
    Plain plain(1);
    auto const [name, sentence] = Plain::refusal([&] { (void)plain.list(0, jobs_shown_max + 1); });
    EXPECT_EQ(name, "org.imapcopyd1.Error.InvalidArgument");
    EXPECT_EQ(sentence, "at most 1000 jobs can be asked for at once");
}

TEST(ListJobs, LetsAClientReadAnyNumberOfJobs) {
    Plain plain(jobs_shown_max);
    ctl::Client client(plain.address());
    EXPECT_EQ(client.jobs().size(), jobs_shown_max);
    auto view = plain.server.service.views.at(JobId{1});
    view.id = JobId{jobs_shown_max + 7};
    plain.server.on_loop([&] { plain.server.listener().job_added(view); });
    auto const jobs = client.jobs();
    ASSERT_EQ(jobs.size(), jobs_shown_max + 1);
    EXPECT_EQ(jobs.back().id, view.id);
    EXPECT_TRUE(std::ranges::is_sorted(jobs, {}, &JobView::id));
}

// More would end the daemon's connection at the system bus.
TEST(GetManagedObjects, IsRefusedWhereTheAnswerCouldBeTooLong) {
    Plain plain(jobs_shown_max);
    EXPECT_EQ(plain.managed_objects().size(), jobs_shown_max);
    auto view = plain.server.service.views.at(JobId{1});
    view.id = JobId{jobs_shown_max + 1};
    plain.server.on_loop([&] { plain.server.listener().job_added(view); });
    auto const [name, sentence] = Plain::refusal([&] { (void)plain.managed_objects(); });
    EXPECT_EQ(name, "org.imapcopyd1.Error.QueueFull");
    EXPECT_EQ(sentence, "1001 jobs are too many for one answer: call ListJobs");
    EXPECT_EQ(plain.list(jobs_shown_max, 1000).size(), 1U);
    EXPECT_TRUE(ctl::Client(plain.address()).job(view.id)) << "one by one they can be read";
}
