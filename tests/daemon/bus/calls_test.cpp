#include "daemon/bus/calls.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sdbus-c++/sdbus-c++.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>

#include "common/bus_value.hpp"
#include "tests/daemon/bus/bus_fixture.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;

namespace {

class CallsTest : public BusFixture {};

}  // namespace

TEST_F(CallsTest, LimitsTheCallsThatOneSenderLeavesPending) {
    auto const bus = sdbus::createSessionBusConnectionWithAddress(private_bus.address());
    auto const proxy = sdbus::createProxy(*bus, bus_name, manager_path);
    sdbus::UnixFd const secret(::memfd_create("hang", MFD_ALLOW_SEALING | MFD_CLOEXEC), sdbus::adopt_fd);
    ASSERT_EQ(::write(secret.get(), "hang", 4), 4);
    ASSERT_EQ(::fcntl(secret.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
    std::map<std::string, int> answers;
    auto const note = [&](sdbus::Error const* error, BusDict const&) {
        ++answers[error ? error->getName() : "ok"];
    };
    auto const account = to_bus(to_dict(spec().source));
    auto const calls = static_cast<int>(Calls::per_sender_max) + 6;
    for (int i = 0; i < calls; ++i) {
        proxy->callMethodAsync("Test")
            .onInterface(manager_interface)
            .withArguments(account, secret, BusDict{})
            .uponReplyInvoke(note);
    }
    auto const wait_for = [&](int count) {
        for (auto total = 0; total < count;) {
            auto const data = bus->getEventLoopPollData();
            pollfd descriptor{data.fd, data.events, 0};
            (void)::poll(&descriptor, 1, 100);
            while (bus->processPendingRequest()) {
            }
            total = 0;
            for (auto const& [name, number] : answers) total += number;
        }
    };
    wait_for(6);
    EXPECT_EQ(answers, (std::map<std::string, int>{{"org.imapcopyd1.Error.QueueFull", 6}}));
    EXPECT_EQ(client.status().state, "running") << "others are still served";
    // A stop answers what is pending.
    server.stop();
    wait_for(calls);
    EXPECT_EQ(answers.at("org.imapcopyd1.Error.Unavailable"), static_cast<int>(Calls::per_sender_max));
}

TEST_F(CallsTest, AnswersWithTheNameOfTheError) {
    auto const again = error_of([&] { (void)client.submit(spec("again"), Secret("a"), Secret("b")); });
    EXPECT_EQ(again.code, ErrorCode::job_exists);
    EXPECT_EQ(again.message, "Todo for sync this account exists.");
    auto const id = submit();
    EXPECT_EQ(error_of([&] { client.cancel(id); }).code, ErrorCode::wrong_state);
    EXPECT_EQ(error_of([&] { client.hold(JobId{99}); }).code, ErrorCode::no_such_job);
    EXPECT_EQ(error_of([&] { (void)client.detect_provider("a@b.example"); }).code,
              ErrorCode::unknown_provider);
    EXPECT_EQ(error_of([&] { (void)client.items(id, "exceptions", 0, 1001); }).code,
              ErrorCode::invalid_argument);
    auto odd = spec();
    odd.label = std::string(1001, 'x');
    EXPECT_EQ(error_of([&] { (void)client.submit(odd, Secret("a"), Secret("b")); }).code,
              ErrorCode::invalid_argument);
}
