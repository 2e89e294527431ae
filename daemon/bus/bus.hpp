#pragma once

// Bus: the whole D-Bus side of the daemon, for main.

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "common/context.hpp"
#include "common/error.hpp"
#include "common/task.hpp"
#include "daemon/jobs/service.hpp"

namespace imapcopy::bus {

/// What main wants to know; called on the loop.
struct BusHooks {
    std::function<void(Error)> on_lost;  ///< Once, if the bus goes away.
    /// After changes, at most once a second.
    std::function<void(jobs::ServiceStatus const&)> on_status = [](jobs::ServiceStatus const&) {};
};

class Bus {
 public:
    /// Connects to the system bus ("system") or to an address; answers nobody before start(). `service` and
    /// what `context` refers to outlive it. Throws Failure.
    Bus(Context context, boost::asio::any_io_executor executor, jobs::Service& service,
        std::string const& address, BusHooks hooks);
    ~Bus();
    Bus(Bus const&) = delete;
    Bus& operator=(Bus const&) = delete;

    /// Exports the objects and owns the name. Throws Failure where the bus refuses it.
    void start();
    /// Gives the name back, ends the calls under way, and returns when nothing refers to this object any
    /// more.
    Task<> stop();

 private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace imapcopy::bus
