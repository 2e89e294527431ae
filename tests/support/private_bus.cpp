#include "tests/support/private_bus.hpp"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include "tests/support/places.hpp"

extern char** environ;

namespace imapcopy::test {
namespace {

constexpr uid_t nobody = 65534;

/// What the system bus of Debian says before it reads the policies of the services.
constexpr char const* system_policy = R"(
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Introspectable"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus.Properties"/>
  </policy>)";

constexpr char const* open_policy = R"(
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_type="method_call"/> <allow send_type="signal"/>
    <allow send_type="method_return"/> <allow send_type="error"/> <allow receive_type="method_call"/>
    <allow receive_type="method_return"/> <allow receive_type="error"/> <allow receive_type="signal"/>
  </policy>)";

/// The shipped policy, in which whoever tests plays the part of root or else of the user imapcopyd.
std::string shipped_policy(std::string const& folder) {
    auto const shipped = in_source("systemd/imapcopyd-dbus.conf");
    if (::geteuid() == 0) return shipped;
    std::ifstream file(shipped);
    std::string text(std::istreambuf_iterator<char>(file), {});
    std::string_view const user = "user=\"imapcopyd\"";
    auto const place = text.find(user);
    if (place == std::string::npos) throw std::runtime_error(shipped + " names no user imapcopyd");
    text.replace(place, user.size(), "user=\"" + std::to_string(::geteuid()) + "\"");
    auto played = folder + "/imapcopyd.conf";
    std::ofstream(played) << text;
    return played;
}

std::string configuration(PrivateBus::Policy policy, std::string const& folder) {
    auto const shipped = policy == PrivateBus::Policy::shipped;
    std::string text = "<busconfig><type>system</type><listen>unix:path=" + folder + "/socket</listen>";
    text += "<auth>EXTERNAL</auth>";
    text += shipped ? system_policy : open_policy;
    if (shipped) text += "<include>" + shipped_policy(folder) + "</include>";
    return text + "</busconfig>";
}

std::string read_line(int file) {
    std::string line;
    char byte = 0;
    while (::read(file, &byte, 1) == 1 && byte != '\n') line += byte;
    return line;
}

pid_t spawn_bus(std::string const& config_option, int address_file) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, address_file, 3);
    std::string words[] = {"dbus-daemon", "--nofork",    "--nopidfile",
                           "--nosyslog",  config_option, "--print-address=3"};
    std::array<char*, 7> arguments{};
    for (std::size_t i = 0; i < std::size(words); ++i) arguments[i] = words[i].data();
    pid_t pid = -1;
    auto const failed = ::posix_spawnp(&pid, "dbus-daemon", &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error("dbus-daemon cannot be started");
    return pid;
}

void end(pid_t& pid) {
    if (pid < 0) return;
    ::kill(pid, SIGTERM);
    ::waitpid(pid, nullptr, 0);
    pid = -1;
}

}  // namespace

PrivateBus::PrivateBus(Policy policy) {
    std::string folder = "/tmp/imapcopy-bus-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = folder;
    ::chmod(folder_.c_str(), 0755);
    std::ofstream(folder_ + "/bus.conf") << configuration(policy, folder_);
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
    // Above 3, so that dup2 in the child clears the close-on-exec flag.
    auto const address_file = ::fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
    pid_ = spawn_bus("--config-file=" + folder_ + "/bus.conf", address_file);
    ::close(address_file);
    ::close(ends[1]);
    address_ = read_line(ends[0]);
    ::close(ends[0]);
    if (address_.empty()) throw std::runtime_error("dbus-daemon did not say its address");
}

PrivateBus::~PrivateBus() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void PrivateBus::kill() {
    end(pid_);
}

bool Stranger::possible() {
    return ::geteuid() == 0;
}

Stranger::Stranger(std::function<std::string(std::string const&)> const& answer) {
    std::array<int, 2> down{};
    std::array<int, 2> up{};
    if (::pipe2(down.data(), O_CLOEXEC) != 0 || ::pipe2(up.data(), O_CLOEXEC) != 0) {
        throw std::runtime_error("pipe failed");
    }
    pid_ = ::fork();
    if (pid_ == 0) {
        ::close(down[1]);
        ::close(up[0]);
        if (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0) ::_exit(1);
        for (auto command = read_line(down[0]); !command.empty(); command = read_line(down[0])) {
            std::string text;
            try {
                text = answer(command);
            } catch (std::exception const& error) {
                text = std::string("(exception) ") + error.what();
            }
            text += '\0';
            if (::write(up[1], text.data(), text.size()) < 0) ::_exit(1);
        }
        ::_exit(0);
    }
    ::close(down[0]);
    ::close(up[1]);
    to_ = down[1];
    from_ = up[0];
}

Stranger::~Stranger() {
    ::close(to_);
    ::waitpid(pid_, nullptr, 0);
    ::close(from_);
}

std::string Stranger::ask(std::string const& command) {
    auto const line = command + "\n";
    if (::write(to_, line.data(), line.size()) < 0) return "(died)";
    std::string text;
    char byte = 0;
    while (::read(from_, &byte, 1) == 1) {
        if (byte == '\0') return text;
        text += byte;
    }
    return text + "(died)";
}

}  // namespace imapcopy::test
