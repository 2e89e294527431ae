#include "daemon/copy/connected.hpp"

#include <boost/asio/this_coro.hpp>

#include "common/attempt.hpp"
#include "common/task_group.hpp"

namespace imapcopy::copy {
namespace {

Task<> connect_side(Connections& connections, Side side, std::unique_ptr<Endpoint>& endpoint) {
    endpoint = co_await connections.connect(side);
}

}  // namespace

Task<Connected> connect_both(Connections& connections) {
    Connected connected;
    TaskGroup sides(co_await boost::asio::this_coro::executor);
    sides.spawn(connect_side(connections, Side::source, connected.source));
    sides.spawn(connect_side(connections, Side::destination, connected.destination));
    co_await sides.join();
    co_return connected;
}

void leave_both(Connected& connected) {
    connected.source->leave();
    connected.destination->leave();
}

bool is_worth_reconnecting(Error const& error) {
    return error.code == ErrorCode::connection_lost || error.code == ErrorCode::timed_out ||
           error.code == ErrorCode::server_bug || error.code == ErrorCode::folder_vanished ||
           error.code == ErrorCode::uid_validity_changed;
}

std::exception_ptr cause_of(std::exception_ptr const& first, std::exception_ptr const& second) {
    auto const is_cause = [](std::exception_ptr const& failure) {
        auto const error = *error_of(failure);
        return error.code != ErrorCode::cancelled && !is_worth_reconnecting(error);
    };
    if (!first || (second && !is_cause(first) && is_cause(second))) return second;
    return first;
}

}  // namespace imapcopy::copy
