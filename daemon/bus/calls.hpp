#pragma once

// Calls: every method call from its arrival to its answer. Authorised first, limited per sender, answered
// with the error's own name.

#include <sdbus-c++/Error.h>
#include <sdbus-c++/MethodResult.h>

#include <boost/asio/cancellation_signal.hpp>
#include <cstddef>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "common/context.hpp"
#include "common/result.hpp"
#include "common/task.hpp"
#include "daemon/bus/authorize.hpp"
#include "daemon/bus/connection.hpp"

namespace imapcopy::bus {

/// org.imapcopyd1.Error.NAME with the sentence.
sdbus::Error to_bus_error(Error const& error);

class Calls {
 public:
    static constexpr std::size_t per_sender_max = 64;
    static constexpr std::size_t in_all_max = 1024;

    /// All three outlive it, and it outlives the coroutines that it starts: await stop() before destroying
    /// it.
    Calls(Connection& connection, Authorizer& authorizer, Context context);

    /// Serves the call that is being dispatched: authorises the sender, then awaits `task` and answers with
    /// its value (a tuple where there are several) or its Failure. Never throws; past the limits it answers
    /// QueueFull.
    template <class T, class... R>
    void start(sdbus::Result<R...>&& result, Task<T> task) {
        auto const& call = connection_.current_call();
        if (full(call.sender)) return result.returnError(to_bus_error(refusal()));
        spawn(call.sender, serve(call, std::move(result), std::move(task)));
    }

    /// Cancels what is under way, each call being answered, and returns when all has ended.
    Task<> stop();

    CurrentCall const& current_call() const { return connection_.current_call(); }
    Authorizer& authorizer() { return authorizer_; }
    Context const& context() const { return context_; }

 private:
    struct Running {
        std::string sender;
        boost::asio::cancellation_signal cancel;
    };

    template <class T, class... R>
    Task<> serve(CurrentCall call, sdbus::Result<R...> result, Task<T> task) {
        std::optional<Error> error;
        try {
            // Off the stack of the bus library: a call may remove the very object that it was made on.
            co_await next_turn();
            co_await authorizer_.authorize(std::move(call));
            if constexpr (std::is_void_v<T>) {
                co_await std::move(task);
                result.returnResults();
            } else {
                auto const value = co_await std::move(task);
                answer(result, value);
            }
        } catch (...) {
            error = describe(std::current_exception());
        }
        if (error) result.returnError(to_bus_error(*error));
        connection_.kick();
    }

    template <class T, class... R>
    static void answer(sdbus::Result<R...> const& result, T const& value) {
        if constexpr (sizeof...(R) == 1) {
            result.returnResults(value);
        } else {
            std::apply([&result](auto const&... values) { result.returnResults(values...); }, value);
        }
    }

    bool full(std::string const& sender) const;
    Error refusal() const;
    void spawn(std::string const& sender, Task<> task);
    Task<> next_turn();
    Error describe(std::exception_ptr const& exception) const;

    Connection& connection_;
    Authorizer& authorizer_;
    Context context_;
    std::list<Running> running_;
    std::map<std::string, std::size_t> per_sender_;
    std::function<void()> on_idle_;
    bool stopping_ = false;
};

}  // namespace imapcopy::bus
