// The real program on a private bus, as a service manager would run it.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "daemon/store/sqlite.hpp"
#include "tests/support/places.hpp"
#include "tests/support/private_bus.hpp"

extern char** environ;

using imapcopy::test::in_build;
using imapcopy::test::PrivateBus;

namespace {

constexpr std::chrono::seconds patience{60};

/// Runs imapcopyd in a folder of its own and listens to what it tells the service manager.
class DaemonProcess {
 public:
    DaemonProcess() {
        std::string folder = "/tmp/imapcopyd-test-XXXXXX";
        EXPECT_NE(::mkdtemp(folder.data()), nullptr);
        folder_ = folder;
        write("secrets.key", std::string(32, 'k'));
        ::chmod((folder_ + "/secrets.key").c_str(), 0600);
        write_config("");
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        auto const path = folder_ + "/notify";
        path.copy(name.sun_path, sizeof(name.sun_path) - 1);
        socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr const*>(&name), sizeof(name)), 0);
    }
    ~DaemonProcess() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        ::close(socket_);
        std::filesystem::remove_all(folder_);
    }

    void write(std::string const& file, std::string const& text) {
        std::ofstream(folder_ + "/" + file) << text;
    }
    void write_config(std::string const& more) {
        write("imapcopyd.toml", "providers_dir = \"" + folder_ + "/none\"\n[secrets]\nkey_file = \"" +
                                    folder_ + "/secrets.key\"\n" + more);
    }
    std::string path(std::string const& file) const { return folder_ + "/" + file; }
    std::string output() const {
        std::ifstream file(folder_ + "/output");
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }

    void start(std::vector<std::string> words) {
        words.insert(words.begin(), {in_build("bin/imapcopyd"), "--config", folder_ + "/imapcopyd.toml",
                                     "--state-dir", folder_});
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        std::string notify = "NOTIFY_SOCKET=" + folder_ + "/notify";
        std::vector<char*> environment{notify.data()};
        for (auto** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
        environment.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        auto const output_file = folder_ + "/output";
        posix_spawn_file_actions_addopen(&actions, 1, output_file.c_str(), O_CREAT | O_WRONLY | O_APPEND,
                                         0600);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
        EXPECT_EQ(
            ::posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, arguments.data(), environment.data()),
            0);
        posix_spawn_file_actions_destroy(&actions);
    }

    /// The next words to the service manager that contain `wanted`; empty after a minute.
    std::string await_notice(std::string const& wanted) {
        while (auto const notice = next_notice(patience)) {
            if (notice->find(wanted) != std::string::npos) return *notice;
        }
        return {};
    }
    std::optional<std::string> next_notice(std::chrono::milliseconds timeout) {
        pollfd descriptor{socket_, POLLIN, 0};
        if (::poll(&descriptor, 1, static_cast<int>(timeout.count())) <= 0) return std::nullopt;
        std::array<char, 4096> bytes{};
        auto const count = ::recv(socket_, bytes.data(), bytes.size(), 0);
        return std::string(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    }

    void signal(int number) { ::kill(pid_, number); }
    int exit_status() {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }

    /// Processor time of the process so far, in clock ticks of 10 ms.
    long cpu_ticks() const {
        std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
        std::string word;
        long ticks = 0;
        for (int field = 1; field <= 15 && file >> word; ++field) {
            if (field >= 14) ticks += std::stol(word);
        }
        return ticks;
    }

 private:
    std::string folder_;
    int socket_ = -1;
    pid_t pid_ = -1;
};

class MainTest : public testing::Test {
 protected:
    PrivateBus bus{PrivateBus::Policy::shipped};
    DaemonProcess daemon;

    void start_ready() {
        daemon.start({"--bus", bus.address()});
        ASSERT_NE(daemon.await_notice("READY=1"), "") << daemon.output();
    }
};

}  // namespace

TEST_F(MainTest, IsReadyDrainsAndEndsWell) {
    start_ready();
    daemon.signal(SIGTERM);
    EXPECT_NE(daemon.await_notice("STOPPING=1"), "");
    EXPECT_EQ(daemon.exit_status(), 0) << daemon.output();
}

TEST_F(MainTest, UsesNoProcessorTimeWhenIdle) {
    start_ready();
    // The start itself, the first looks at the queue.
    (void)daemon.next_notice(std::chrono::milliseconds(500));
    auto const before = daemon.cpu_ticks();
    (void)daemon.next_notice(std::chrono::milliseconds(3000));
    EXPECT_LE(daemon.cpu_ticks() - before, 1) << "ticks of 10 ms";
}

TEST_F(MainTest, ReadsTheConfigurationAgainAllOrNothing) {
    start_ready();
    daemon.write_config("[limits]\nmax_jobs = 3\n");
    daemon.signal(SIGHUP);
    EXPECT_NE(daemon.await_notice("RELOADING=1"), "");
    EXPECT_NE(daemon.await_notice("READY=1"), "");
    daemon.write_config("[limits]\nmax_jobs = \"many\"\n");
    daemon.signal(SIGHUP);
    EXPECT_NE(daemon.await_notice("RELOADING=1"), "");
    EXPECT_NE(daemon.await_notice("READY=1"), "");
    daemon.signal(SIGTERM);
    EXPECT_EQ(daemon.exit_status(), 0);
    EXPECT_NE(daemon.output().find("the configuration stays as it was"), std::string::npos)
        << daemon.output();
}

TEST_F(MainTest, ReportsEveryMistakeOfTheConfiguration) {
    daemon.write_config("[limits]\nmax_jobs = \"many\"\nmax_job = 3\n");
    daemon.start({"--check-config"});
    EXPECT_EQ(daemon.exit_status(), 2);
    EXPECT_NE(daemon.output().find("imapcopyd.toml:5:"), std::string::npos) << daemon.output();
    EXPECT_NE(daemon.output().find("imapcopyd.toml:6:"), std::string::npos) << daemon.output();
}

TEST_F(MainTest, ServesInDegradedModeWithADamagedDatabase) {
    daemon.write("imapcopyd.sqlite", std::string(8192, 'x'));
    daemon.start({"--bus", bus.address()});
    auto const notice = daemon.await_notice("READY=1");
    EXPECT_NE(notice.find("degraded: "), std::string::npos) << notice << daemon.output();
    daemon.signal(SIGTERM);
    EXPECT_EQ(daemon.exit_status(), 3) << "the service manager shall know that it did not end well";
}

/// A large database is not checked in whole at the start: the damage is met when the jobs are read.
TEST_F(MainTest, ServesInDegradedModeWhereTheJobsCannotBeRead) {
    start_ready();
    daemon.signal(SIGTERM);
    ASSERT_EQ(daemon.exit_status(), 0);
    auto const file = daemon.path("imapcopyd.sqlite");
    std::int64_t root = 0;
    {
        imapcopy::store::Database database(file);
        root = database.find_integer("SELECT rootpage FROM sqlite_schema WHERE name = 'job'").value();
    }
    constexpr std::uint32_t page_bytes = 4096;
    constexpr std::uint32_t pages = imapcopy::store::Database::checked_bytes_max / page_bytes + 1;
    std::filesystem::resize_file(file, std::uint64_t{pages} * page_bytes);
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(28);  // The size in pages, big endian.
    for (auto shift = 24; shift >= 0; shift -= 8) stream.put(static_cast<char>(pages >> shift));
    stream.seekp((root - 1) * page_bytes);
    stream << std::string(page_bytes, 'x');
    stream.close();
    daemon.start({"--bus", bus.address()});
    auto const notice = daemon.await_notice("READY=1");
    EXPECT_NE(notice.find("degraded: "), std::string::npos) << notice << daemon.output();
    daemon.signal(SIGTERM);
    EXPECT_EQ(daemon.exit_status(), 3);
}

TEST_F(MainTest, EndsWithAnErrorWhenTheBusGoes) {
    start_ready();
    bus.kill();
    EXPECT_EQ(daemon.exit_status(), 1);
}

TEST_F(MainTest, RefusesToRunBesideAnother) {
    start_ready();
    DaemonProcess second;
    second.start({"--bus", bus.address()});
    EXPECT_EQ(second.exit_status(), 1) << second.output();
}

TEST_F(MainTest, EndsWithAnErrorWithoutABus) {
    daemon.start({"--bus", "unix:path=/nowhere"});
    EXPECT_EQ(daemon.exit_status(), 1);
    EXPECT_NE(daemon.output().find("connect to the bus"), std::string::npos) << daemon.output();
}
