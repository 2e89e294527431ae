// The real terminal, on a pseudo-terminal: a child process asks, the test types and reads what a person would
// see.

#include "ctl/terminal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill is not in <csignal>.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "ctl/caught.hpp"

namespace imapcopy::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Runs `child` with a terminal of its own.
class OnTerminal {
 public:
    explicit OnTerminal(int (*child)()) {
        pid_ = ::forkpty(&fd_, nullptr, nullptr, nullptr);
        if (pid_ == 0) ::_exit(child());
    }
    ~OnTerminal() {
        (void)::kill(pid_, SIGKILL);  // Usually it has ended.
        (void)::close(fd_);
        if (!waited_) (void)::waitpid(pid_, nullptr, 0);
    }
    OnTerminal(OnTerminal const&) = delete;
    OnTerminal& operator=(OnTerminal const&) = delete;

    void type(std::string const& keys) {
        ASSERT_EQ(::write(fd_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
    }

    /// Everything shown so far, up to and with `text`; gives up after ten seconds.
    std::string const& until(std::string const& text) {
        while (shown_.find(text) == std::string::npos) {
            pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
            std::array<char, 256> buffer{};
            if (::poll(&ready, 1, 10'000) <= 0) break;
            auto const count = ::read(fd_, buffer.data(), buffer.size());
            if (count <= 0) break;
            shown_.append(buffer.data(), static_cast<std::size_t>(count));
        }
        return shown_;
    }

    int exit_status() {
        int status = 0;
        waited_ = ::waitpid(pid_, &status, 0) == pid_;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

 private:
    int fd_ = -1;
    pid_t pid_ = -1;
    bool waited_ = false;
    std::string shown_;
};

int ask_for_a_secret() {
    RealTerminal terminal;
    if (!terminal.can_ask()) return 2;
    auto const error = caught([&] {
        auto const secret = terminal.ask_secret("Password: ");
        terminal.out(secret.reveal() == "h\xc3\xbcnter2" ? "right\n" : "wrong\n");
    });
    if (error) terminal.out("refused\n");
    auto const name = terminal.ask("Name: ");
    terminal.out("[" + name.value_or("nothing") + "]\n");
    return error ? 1 : 0;
}

TEST(RealTerminal, HidesWhatIsTypedAndGivesTheEchoBack) {
    OnTerminal person(ask_for_a_secret);
    EXPECT_THAT(person.until("Password: "), HasSubstr("Password: "));
    person.type(
        "wrong\x15h\xc3\xbcx\xc3\xa4\x7f\x7fnter2\r");  // Ctrl-U and Backspace edit; "ä" goes as a whole.
    EXPECT_THAT(person.until("Name: "), HasSubstr("right"));
    EXPECT_THAT(person.until("Name: "), Not(HasSubstr("nter2")));
    person.type("anna\n");
    EXPECT_THAT(person.until("[anna]"), HasSubstr("Name: anna"));
    EXPECT_EQ(person.exit_status(), 0);
}

TEST(RealTerminal, CtrlCAndCtrlDGiveNoPasswordAndKeepTheTerminalUsable) {
    for (auto const* const key : {"\x03", "\x04"}) {
        OnTerminal person(ask_for_a_secret);
        (void)person.until("Password: ");
        person.type(std::string(key[0] == 4 ? "" : "secret") + key);
        EXPECT_THAT(person.until("Name: "), HasSubstr("refused"));
        person.type("anna\n");
        EXPECT_THAT(person.until("[anna]"), HasSubstr("Name: anna"));
        EXPECT_EQ(person.exit_status(), 1);
    }
}

int wait_for_an_interrupt() {
    RealTerminal terminal;
    terminal.catch_interrupts();
    if (terminal.interrupted()) return 2;
    terminal.out("ready\n");
    (void)terminal.ask("");
    return terminal.interrupted() ? 130 : 1;
}

TEST(RealTerminal, TellsOfCtrlCInsteadOfDying) {
    OnTerminal person(wait_for_an_interrupt);
    (void)person.until("ready");
    person.type("\x03\n");
    EXPECT_EQ(person.exit_status(), 130);
}

}  // namespace
}  // namespace imapcopy::ctl
