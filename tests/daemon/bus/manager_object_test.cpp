#include "daemon/bus/manager_object.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/daemon/bus/bus_fixture.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;
using testing::ElementsAre;

namespace {

class ManagerObjectTest : public BusFixture {};

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
