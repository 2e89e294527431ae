#include "daemon/copy/connections_ahead.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "common/attempt.hpp"
#include "common/event.hpp"

namespace imapcopy::copy {

struct ConnectionsAhead::Opening {
    std::optional<Attempt<std::unique_ptr<Endpoint>>> result;
    bool wanted = true;
    Event ended;
    boost::asio::cancellation_signal cancel;
};

namespace {

/// The best come first: open, being opened, failed.
constexpr auto rank_of = [](auto const& opening) {
    if (!opening->result) return 1;
    return opening->result->ok() ? 0 : 2;
};

}  // namespace

ConnectionsAhead::ConnectionsAhead(Connections& connections, boost::asio::any_io_executor executor)
    : connections_(connections), group_(std::move(executor)) {}

ConnectionsAhead::~ConnectionsAhead() = default;

std::deque<std::shared_ptr<ConnectionsAhead::Opening>>& ConnectionsAhead::openings(Side side) {
    return openings_.at(static_cast<std::size_t>(side));
}

void ConnectionsAhead::open(std::uint32_t pairs) {
    for (std::uint32_t i = 0; i < pairs; ++i) {
        for (auto const side : {Side::source, Side::destination}) {
            auto const opening = openings(side).emplace_back(std::make_shared<Opening>());
            group_.spawn(run(opening, side));
        }
    }
}

Task<> ConnectionsAhead::run(std::shared_ptr<Opening> opening, Side side) {
    auto const executor = co_await boost::asio::this_coro::executor;
    auto token = boost::asio::bind_cancellation_slot(opening->cancel.slot(), boost::asio::use_awaitable);
    auto spawned = boost::asio::co_spawn(executor, connections_.connect(side), std::move(token));
    auto result = co_await attempt(std::move(spawned));
    if (!opening->wanted && result.ok()) (*result.value)->leave();
    opening->result = std::move(result);
    opening->ended.set();
}

void ConnectionsAhead::keep(std::uint32_t pairs) {
    for (auto& openings : openings_) {
        std::ranges::stable_sort(openings, {}, rank_of);
        while (openings.size() > pairs) {
            auto const opening = std::move(openings.back());
            openings.pop_back();
            opening->wanted = false;
            if (!opening->result) {
                opening->cancel.emit(boost::asio::cancellation_type::terminal);
            } else if (opening->result->ok()) {
                (*opening->result->value)->leave();
            }
        }
    }
}

Task<> ConnectionsAhead::close() {
    keep(0);
    co_await group_.join();
}

Task<std::unique_ptr<Endpoint>> ConnectionsAhead::connect(Side side) {
    auto& ahead = openings(side);
    if (ahead.empty()) {
        auto endpoint = co_await connections_.connect(side);
        co_return endpoint;
    }
    std::ranges::stable_sort(ahead, {}, rank_of);
    auto const opening = std::move(ahead.front());
    ahead.pop_front();
    co_await opening->ended.wait();
    opening->result->rethrow();
    co_return std::move(*opening->result->value);
}

}  // namespace imapcopy::copy
