#pragma once

// Connection: sdbus-c++ inside the one io_context, without a thread and without polling.

#include <sdbus-c++/IConnection.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "common/clock.hpp"
#include "common/error.hpp"

namespace imapcopy::bus {

/// The method call that is being dispatched right now. All empty where no message of somebody else is.
struct CurrentCall {
    std::string sender;  ///< Unique name, vouched for by the bus driver.
    std::string interface;
    std::string member;
};

class Connection {
 public:
    /// Connects to the system bus ("system") or to a bus address. `on_lost` is called once, on the loop, when
    /// the bus goes away. Throws Failure(connection_refused). Blocks for the handshake with a local socket.
    Connection(boost::asio::any_io_executor executor, Clock& clock, std::string const& address,
               std::function<void(Error)> on_lost);
    ~Connection();
    Connection(Connection const&) = delete;
    Connection& operator=(Connection const&) = delete;

    /// Owns org.imapcopyd1 and begins to answer. Objects that exist by now are there from the first call on.
    /// Throws Failure(not_authorized) where the policy refuses the name, Failure(in_use) where another daemon
    /// has it.
    void start();
    /// Gives the name back: no call is started any more, pending ones can still be answered.
    void release_name();
    /// To be called after everything sent outside a bus callback: lets queued output go and timeouts be seen.
    void kick();

    sdbus::IConnection& bus() { return *bus_; }
    boost::asio::any_io_executor const& executor() const { return executor_; }
    CurrentCall const& current_call() const { return current_; }

 private:
    void observe_calls();
    void pump();
    bool drain();
    void arm();
    void arm_descriptor(bool& waiting, boost::asio::posix::stream_descriptor::wait_type kind);
    void lose(std::string const& why);

    boost::asio::any_io_executor executor_;
    Clock& clock_;
    std::function<void(Error)> on_lost_;
    std::unique_ptr<sdbus::IConnection> bus_;
    sdbus::Slot observer_;
    boost::asio::posix::stream_descriptor descriptor_;
    std::unique_ptr<Alarm> alarm_;
    /// Handlers that are still queued when the connection goes find this gone.
    std::shared_ptr<Connection*> self_;
    CurrentCall current_;
    bool started_ = false;
    bool lost_ = false;
    bool kicked_ = false;
    bool waiting_read_ = false;
    bool waiting_write_ = false;
};

}  // namespace imapcopy::bus
