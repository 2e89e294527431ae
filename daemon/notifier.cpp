#include "daemon/notifier.hpp"

#include <systemd/sd-daemon.h>

#include <cstdint>

#include "common/text.hpp"

namespace imapcopy {
namespace {

/// The environment stays as it is: nothing is ever executed that could inherit it.
void notify(std::string const& state) {
    // Nobody listens where there is no service manager, and there is nothing to do about it.
    (void)::sd_notify(0, state.c_str());
}

}  // namespace

Notifier::Notifier(Clock& clock) : clock_(clock), watchdog_(clock.make_alarm([this] { ping(); })) {
    std::uint64_t timeout_usec = 0;
    if (::sd_watchdog_enabled(0, &timeout_usec) <= 0) return;
    // Half of the time, as sd_watchdog_enabled(3) recommends.
    interval_ = std::chrono::microseconds(timeout_usec / 2);
    ping();
}

void Notifier::ready(std::string const& status) {
    notify("READY=1\nSTATUS=" + printable(status));
}
void Notifier::reloading() {
    notify("RELOADING=1");
}
void Notifier::stopping() {
    notify("STOPPING=1\nSTATUS=stopping: running batches end first");
}
void Notifier::status(std::string const& text) {
    notify("STATUS=" + printable(text));
}

void Notifier::ping() {
    notify("WATCHDOG=1");
    watchdog_->set(clock_.now() + interval_);
}

}  // namespace imapcopy
