#include "daemon/notifier.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "tests/support/manual_clock.hpp"

using namespace imapcopy;

namespace {

/// Listens where the service manager would.
class NotifierTest : public testing::Test {
 protected:
    NotifierTest() {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        // An abstract name: nothing to clean up.
        auto const path = "@imapcopy-notify-" + std::to_string(::getpid());
        path.copy(name.sun_path, sizeof(name.sun_path));
        name.sun_path[0] = '\0';
        auto const length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
        socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr const*>(&name), length), 0);
        ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    }
    ~NotifierTest() override {
        for (auto const* variable : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(variable);
        ::close(socket_);
    }

    std::string heard() {
        std::array<char, 1024> bytes{};
        auto const count = ::recv(socket_, bytes.data(), bytes.size(), 0);
        return count < 0 ? "" : std::string(bytes.data(), static_cast<std::size_t>(count));
    }

    boost::asio::io_context io;
    test::ManualClock clock{io};

 private:
    int socket_ = -1;
};

}  // namespace

TEST_F(NotifierTest, TellsTheStatesOfTheService) {
    Notifier notifier(clock);
    EXPECT_EQ(heard(), "");
    notifier.ready("running: 0 jobs");
    EXPECT_EQ(heard(), "READY=1\nSTATUS=running: 0 jobs");
    notifier.reloading();
    EXPECT_EQ(heard(), "RELOADING=1");
    notifier.stopping();
    EXPECT_TRUE(heard().starts_with("STOPPING=1\n"));
}

TEST_F(NotifierTest, KeepsTheStatusOnOneLine) {
    Notifier(clock).status("degraded: x\nREADY=1");
    EXPECT_EQ(heard(), "STATUS=degraded: x\\x0aREADY=1");
}

TEST_F(NotifierTest, PingsTheWatchdogTwiceInItsTime) {
    ::setenv("WATCHDOG_USEC", "60000000", 1);
    Notifier const notifier(clock);
    EXPECT_EQ(heard(), "WATCHDOG=1");
    clock.advance(std::chrono::seconds(29));
    clock.poll();
    EXPECT_EQ(heard(), "");
    clock.advance(std::chrono::seconds(1));
    clock.poll();
    EXPECT_EQ(heard(), "WATCHDOG=1");
}
