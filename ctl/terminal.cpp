#include "ctl/terminal.hpp"

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigprocmask is not in <csignal>.
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <cerrno>
#include <cstdlib>

#include "common/clock.hpp"
#include "common/result.hpp"

namespace imapcopy::ctl {
namespace {

/// A question's answer is a login or a host name.
constexpr std::size_t answer_bytes_max = 1024;

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        auto const count = ::write(fd, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return;  // Nobody reads us; SIGPIPE has usually ended the program before.
        text.remove_prefix(static_cast<std::size_t>(count));
    }
}

/// One byte, or nothing at the end of input.
std::optional<char> read_byte(int fd) {
    for (;;) {
        char byte = 0;
        auto const count = ::read(fd, &byte, 1);
        if (count == 1) return byte;
        if (count < 0 && errno == EINTR) continue;
        return std::nullopt;
    }
}

/// Turns off echo, line editing and the keys that send signals; gives all back when it goes. The signal keys
/// are off so that Ctrl-C cannot end the program while the echo is off.
class SilentInput {
 public:
    explicit SilentInput(int fd) : fd_(fd) {
        active_ = ::tcgetattr(fd, &before_) == 0;
        if (!active_) return;
        auto silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
        silent.c_cc[VMIN] = 1;
        silent.c_cc[VTIME] = 0;
        active_ = ::tcsetattr(fd, TCSAFLUSH, &silent) == 0;
    }
    ~SilentInput() {
        if (active_) (void)::tcsetattr(fd_, TCSAFLUSH, &before_);  // The terminal may have gone.
    }
    SilentInput(SilentInput const&) = delete;
    SilentInput& operator=(SilentInput const&) = delete;
    bool active() const { return active_; }

 private:
    int fd_;
    termios before_{};
    bool active_ = false;
};

/// A line typed without echo, edited here. Its bytes are wiped when it goes.
class SecretLine {
 public:
    enum class End : bool { entered, interrupted };

    SecretLine() = default;
    ~SecretLine() { wipe(bytes_); }
    SecretLine(SecretLine const&) = delete;
    SecretLine& operator=(SecretLine const&) = delete;

    End read(int fd) {
        constexpr char end_of_input = 4;
        constexpr char interrupt = 3;
        for (;;) {
            auto const byte = read_byte(fd);
            if (!byte || *byte == interrupt || (*byte == end_of_input && size_ == 0)) return End::interrupted;
            if (*byte == '\n' || *byte == '\r' || *byte == end_of_input) return End::entered;
            edit(*byte);
        }
    }
    std::string_view text() const { return {bytes_.data(), size_}; }

 private:
    void edit(char byte) {
        constexpr char backspace = 8;
        constexpr char erase = 127;
        constexpr char kill_line = 21;
        if (byte == backspace || byte == erase) {
            while (size_ > 0 && (static_cast<unsigned char>(bytes_[--size_]) & 0xc0U) == 0x80U) continue;
        } else if (byte == kill_line) {
            size_ = 0;
        } else if (size_ < bytes_.size()) {
            bytes_.at(size_++) = byte;
        }
    }

    std::array<char, Secret::bytes_max> bytes_{};
    std::size_t size_ = 0;
};

}  // namespace

class RealTerminal::Impl {
 public:
    Impl()
        : tty_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)), clock_(boost::asio::any_io_executor{}) {}
    ~Impl() {
        if (tty_ >= 0) (void)::close(tty_);          // Nothing can be lost here.
        if (signals_ >= 0) (void)::close(signals_);  // The same.
    }
    Impl(Impl const&) = delete;
    Impl& operator=(Impl const&) = delete;

    int tty() const { return tty_; }
    Clock const& clock() const { return clock_; }

    void catch_interrupts() {
        if (signals_ >= 0) return;
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        (void)::sigprocmask(SIG_BLOCK, &set, nullptr);  // Fails only for a wrong first argument.
        signals_ = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    }

    bool interrupted() {
        signalfd_siginfo info{};
        if (signals_ >= 0 && ::read(signals_, &info, sizeof info) == sizeof info) interrupted_ = true;
        return interrupted_;
    }

 private:
    int tty_;
    int signals_ = -1;
    bool interrupted_ = false;
    RealClock clock_;
};

RealTerminal::RealTerminal() : impl_(std::make_unique<Impl>()) {}
RealTerminal::~RealTerminal() = default;

void RealTerminal::out(std::string_view text) {
    write_all(STDOUT_FILENO, text);
}
void RealTerminal::err(std::string_view text) {
    write_all(STDERR_FILENO, text);
}
bool RealTerminal::out_is_terminal() const {
    return ::isatty(STDOUT_FILENO) == 1;
}

Terminal::Size RealTerminal::size() const {
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0)
        return {};
    return {window.ws_col, window.ws_row};
}

bool RealTerminal::can_ask() {
    return impl_->tty() >= 0;
}

std::optional<std::string> RealTerminal::ask(std::string_view question) {
    write_all(impl_->tty(), question);
    std::string line;
    for (;;) {
        auto const byte = read_byte(impl_->tty());
        if (!byte) return std::nullopt;
        if (*byte == '\n') return line;
        if (line.size() < answer_bytes_max) line += *byte;
    }
}

Secret RealTerminal::ask_secret(std::string_view question) {
    SecretLine line;
    auto end = SecretLine::End::interrupted;
    {
        SilentInput const silence(impl_->tty());
        if (!silence.active()) throw Failure(ErrorCode::internal, "turn off the echo of the terminal");
        write_all(impl_->tty(), question);
        end = line.read(impl_->tty());
    }
    write_all(impl_->tty(), "\n");
    left_unanswered_ = end == SecretLine::End::interrupted;
    if (left_unanswered_) throw Failure(ErrorCode::cancelled, "no password was given");
    return Secret(line.text());
}

void RealTerminal::catch_interrupts() {
    impl_->catch_interrupts();
}
bool RealTerminal::interrupted() {
    return impl_->interrupted();
}
TimePoint RealTerminal::now() const {
    return impl_->clock().now();
}
WallTime RealTerminal::wall_now() const {
    return impl_->clock().wall_now();
}

}  // namespace imapcopy::ctl
