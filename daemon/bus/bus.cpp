#include "daemon/bus/bus.hpp"

#include <optional>
#include <utility>

#include "daemon/bus/authorize.hpp"
#include "daemon/bus/calls.hpp"
#include "daemon/bus/connection.hpp"
#include "daemon/bus/job_object.hpp"
#include "daemon/bus/publisher.hpp"

namespace imapcopy::bus {

struct Bus::Parts {
    Parts(Context context, boost::asio::any_io_executor executor, jobs::Service& served,
          std::string const& address, BusHooks hooks)
        : service(served),
          on_status(std::move(hooks.on_status)),
          connection(std::move(executor), context.clock, address, std::move(hooks.on_lost)),
          authorizer(connection, find_operators()),
          calls(connection, authorizer, context) {}

    jobs::Service& service;
    std::function<void(jobs::ServiceStatus const&)> on_status;
    Connection connection;
    Authorizer authorizer;
    JobObjects jobs;  ///< The publisher's; calls under way may still look at it when that has gone.
    Calls calls;
    std::optional<Publisher> publisher;
};

Bus::Bus(Context context, boost::asio::any_io_executor executor, jobs::Service& service,
         std::string const& address, BusHooks hooks)
    : parts_(std::make_unique<Parts>(context, std::move(executor), service, address, std::move(hooks))) {}

Bus::~Bus() = default;

void Bus::start() {
    parts_->publisher.emplace(parts_->connection, parts_->calls, parts_->service, parts_->jobs,
                             parts_->on_status);
    parts_->connection.start();
}

Task<> Bus::stop() {
    parts_->publisher.reset();  // Nobody may hear a signal of somebody without the name.
    parts_->connection.release_name();
    co_await parts_->calls.stop();
}

}  // namespace imapcopy::bus
