#pragma once

// A dbus-daemon of one's own, with or without the shipped policy; and a stranger who tries to speak on it.

#include <sys/types.h>

#include <functional>
#include <string>

namespace imapcopy::test {

/// Started by the constructor, ended by the destructor. The folder and the socket are open to every user.
class PrivateBus {
 public:
    enum class Policy {
        shipped,     ///< Like the system bus, with systemd/imapcopyd-dbus.conf.
        permissive,  ///< Everybody may do everything: what remains is the daemon's own check.
    };
    /// Throws std::runtime_error where dbus-daemon cannot be started.
    explicit PrivateBus(Policy policy);
    ~PrivateBus();
    PrivateBus(PrivateBus const&) = delete;
    PrivateBus& operator=(PrivateBus const&) = delete;

    std::string const& address() const { return address_; }
    /// Ends the bus while others still use it.
    void kill();

 private:
    std::string folder_;
    std::string address_;
    pid_t pid_ = -1;
};

/// A process of the user nobody, which answers each command with the value of `answer`. Fork it while the
/// test has one thread only. Needs root.
class Stranger {
 public:
    static bool possible();
    explicit Stranger(std::function<std::string(std::string const&)> const& answer);
    ~Stranger();
    Stranger(Stranger const&) = delete;
    Stranger& operator=(Stranger const&) = delete;

    /// Sends one line and returns everything that the stranger says to it; "(died)" where it is gone.
    std::string ask(std::string const& command);

 private:
    int to_ = -1;
    int from_ = -1;
    pid_t pid_ = -1;
};

}  // namespace imapcopy::test
