#pragma once

// Notifier: what the service manager is told. Silent where there is none.

#include <memory>
#include <string>

#include "common/clock.hpp"

namespace imapcopy {

class Notifier {
 public:
    /// Pings the watchdog from the loop, where the service manager asks for it: a loop that hangs is
    /// restarted.
    explicit Notifier(Clock& clock);

    void ready(std::string const& status);
    void reloading();
    void stopping();
    /// One line for people: STATUS=.
    void status(std::string const& text);

 private:
    void ping();

    Clock& clock_;
    Duration interval_{};
    std::unique_ptr<Alarm> watchdog_;
};

}  // namespace imapcopy
