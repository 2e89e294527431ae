#include "daemon/bus/connection.hpp"

#include <poll.h>
#include <sdbus-c++/Error.h>
#include <sdbus-c++/Message.h>

#include <boost/asio/post.hpp>
#include <utility>

#include "common/bus_value.hpp"
#include "common/result.hpp"

namespace imapcopy::bus {
namespace {

using Descriptor = boost::asio::posix::stream_descriptor;

/// Messages handled in one go before others of the loop get their turn.
constexpr int messages_per_turn = 64;

/// What sd-bus says for "never".
constexpr std::uint64_t no_timeout = UINT64_MAX;

std::unique_ptr<sdbus::IConnection> connect(std::string const& address) {
    try {
        if (address == "system") return sdbus::createSystemBusConnection();
        return sdbus::createSessionBusConnectionWithAddress(address);
    } catch (sdbus::Error const& error) {
        throw Failure(ErrorCode::connection_refused,
                      "connect to the bus \"" + address + "\": " + error.getMessage());
    }
}

}  // namespace

Connection::Connection(boost::asio::any_io_executor executor, Clock& clock, std::string const& address,
                       std::function<void(Error)> on_lost)
    : executor_(std::move(executor)),
      clock_(clock),
      on_lost_(std::move(on_lost)),
      bus_(connect(address)),
      descriptor_(executor_, bus_->getEventLoopPollData().fd),
      alarm_(clock_.make_alarm([this] { pump(); })),
      self_(std::make_shared<Connection*>(this)) {
    observe_calls();
}

Connection::~Connection() {
    *self_ = nullptr;
    // The descriptor belongs to sd-bus, which closes it.
    descriptor_.release();
}

/// sdbus-c++ does not tell a property getter who asks. Matches run before objects are dispatched, so this one
/// notes the caller for methods and getters alike.
void Connection::observe_calls() {
    auto const match = std::string("type='method_call',path_namespace='") + manager_path + "'";
    auto const note = [this](sdbus::Message& message) {
        current_ = {message.getSender(), message.getInterfaceName(), message.getMemberName()};
    };
    try {
        observer_ = bus_->addMatch(match, note);
    } catch (sdbus::Error const& error) {
        throw Failure(ErrorCode::connection_lost, "subscribe at the bus: " + error.getMessage());
    }
}

void Connection::start() {
    try {
        bus_->requestName(bus_name);
    } catch (sdbus::Error const& error) {
        auto const refused = error.getName() == "org.freedesktop.DBus.Error.AccessDenied" ||
                             error.getName() == "org.freedesktop.DBus.Error.AddressInUse";
        throw Failure(refused ? ErrorCode::not_authorized : ErrorCode::in_use,
                      std::string("own the bus name ") + bus_name + ": " + error.getMessage());
    }
    started_ = true;
    kick();
}

void Connection::release_name() {
    if (lost_ || !std::exchange(started_, false)) return;
    try {
        bus_->releaseName(bus_name);
    } catch (sdbus::Error const& error) {
        lose(error.getMessage());
    }
}

void Connection::kick() {
    if (kicked_ || lost_) return;
    kicked_ = true;
    auto const turn = [self = self_] {
        if (*self == nullptr) return;
        (*self)->kicked_ = false;
        (*self)->pump();
    };
    boost::asio::post(executor_, turn);
}

void Connection::pump() {
    if (lost_) return;
    try {
        if (drain()) {
            kick();
        } else {
            arm();
        }
    } catch (sdbus::Error const& error) {
        lose(error.getMessage());
    }
}

/// True: there is more to do than one turn allows.
bool Connection::drain() {
    for (int turn = 0; turn < messages_per_turn; ++turn) {
        auto const processed = bus_->processPendingRequest();
        current_ = {};
        if (!processed) return false;
    }
    return true;
}

void Connection::arm() {
    auto const poll = bus_->getEventLoopPollData();
    // A timeout of 0 means that there is work now.
    if (poll.timeout_usec == 0) return kick();
    if (poll.timeout_usec == no_timeout) {
        alarm_->clear();
    } else {
        // Both are CLOCK_MONOTONIC.
        alarm_->set(TimePoint(std::chrono::microseconds(poll.timeout_usec)));
    }
    if ((poll.events & POLLIN) != 0) arm_descriptor(waiting_read_, Descriptor::wait_read);
    if ((poll.events & POLLOUT) != 0) arm_descriptor(waiting_write_, Descriptor::wait_write);
}

void Connection::arm_descriptor(bool& waiting, Descriptor::wait_type kind) {
    if (waiting) return;
    waiting = true;
    auto const ready = [self = self_, flag = &waiting](boost::system::error_code error) {
        if (*self == nullptr) return;
        *flag = false;
        if (!error) (*self)->pump();
    };
    descriptor_.async_wait(kind, ready);
}

void Connection::lose(std::string const& why) {
    if (lost_) return;
    lost_ = true;
    alarm_->clear();
    Error const error{ErrorCode::connection_lost, "the bus went away: " + why};
    boost::asio::post(executor_, [on_lost = on_lost_, error] { on_lost(error); });
}

}  // namespace imapcopy::bus
