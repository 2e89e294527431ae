#include "daemon/bus/calls.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

#include "common/bus_value.hpp"

namespace imapcopy::bus {

sdbus::Error to_bus_error(Error const& error) {
    auto const name = std::string(error_name_prefix) + std::string(info(error.code).name);
    return sdbus::Error(name, bus_error_text(error));
}

Calls::Calls(Connection& connection, Authorizer& authorizer, Context context)
    : connection_(connection), authorizer_(authorizer), context_(context) {}

Task<> Calls::stop() {
    stopping_ = true;
    for (auto& call : running_) call.cancel.emit(boost::asio::cancellation_type::terminal);
    if (running_.empty()) co_return;
    auto const initiate = [this](auto handler) {
        auto const shared = std::make_shared<decltype(handler)>(std::move(handler));
        on_idle_ = [shared] { (*shared)(); };
    };
    co_await boost::asio::async_initiate<boost::asio::use_awaitable_t<> const, void()>(
        initiate, boost::asio::use_awaitable);
}

Error Calls::refusal() const {
    if (stopping_) return {ErrorCode::unavailable, "imapcopyd is stopping"};
    return {ErrorCode::queue_full, "too many calls are waiting for their answers"};
}

bool Calls::full(std::string const& sender) const {
    auto const count = per_sender_.find(sender);
    return stopping_ || running_.size() >= in_all_max ||
           (count != per_sender_.end() && count->second >= per_sender_max);
}

void Calls::spawn(std::string const& sender, Task<> task) {
    auto const call = running_.emplace(running_.end());
    call->sender = sender;
    ++per_sender_[sender];
    auto const on_end = [this, call](std::exception_ptr const& exception) {
        // An answer that could not be sent: the caller or the bus is gone.
        if (exception) context_.log.write(LogLevel::debug, "answer not sent", {{"caller", call->sender}});
        auto const count = per_sender_.find(call->sender);
        if (--count->second == 0) per_sender_.erase(count);
        running_.erase(call);
        // The waiter may destroy this object, so it runs on a stack of its own.
        if (running_.empty() && on_idle_)
            boost::asio::post(connection_.executor(), std::exchange(on_idle_, nullptr));
    };
    boost::asio::co_spawn(connection_.executor(), std::move(task),
                          boost::asio::bind_cancellation_slot(call->cancel.slot(), on_end));
}

Task<> Calls::next_turn() {
    co_await boost::asio::post(connection_.executor(), boost::asio::use_awaitable);
}

Error Calls::describe(std::exception_ptr const& exception) const {
    try {
        std::rethrow_exception(exception);
    } catch (Failure const& failure) {
        return failure.error();
    } catch (std::exception const& other) {
        // Cancelled operations of Asio end here too.
        if (stopping_) return Error{ErrorCode::unavailable, "imapcopyd is stopping"};
        context_.log.write(LogLevel::error, "a call failed unexpectedly", {{"error", other.what()}});
        return Error{ErrorCode::internal, "unexpected error, see the log of imapcopyd"};
    }
}

}  // namespace imapcopy::bus
