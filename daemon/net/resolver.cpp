#include "daemon/net/resolver.hpp"

#include <netdb.h>
#include <resolv.h>

#include <algorithm>
#include <boost/asio/experimental/channel.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <map>

#include "common/deadline.hpp"
#include "common/text.hpp"

namespace imapcopy::net {
namespace {

using Answer = Result<Addresses>;
using Channel = boost::asio::experimental::channel<void(boost::system::error_code, Answer)>;

/// Two tries of two seconds instead of two of five: the thread is free again before a caller loses patience.
void shorten_patience() {
    if (res_init() != 0) return;  // The defaults of resolv.conf then stand.
    _res.retrans = 2;
    _res.retry = 2;
}

Error look_up_error(std::string const& host, int status) {
    auto const what = "looking up \"" + printable(host, 255) + "\": ";
    if (status == EAI_NONAME || status == EAI_NODATA)
        return {ErrorCode::name_not_found, what + "no such host name"};
    return {ErrorCode::unavailable, what + gai_strerror(status)};
}

Addresses to_addresses(addrinfo const* list) {
    Addresses addresses;
    for (auto const* entry = list; entry; entry = entry->ai_next) {
        boost::asio::ip::tcp::endpoint endpoint;
        if (entry->ai_addrlen > endpoint.capacity()) continue;
        endpoint.resize(entry->ai_addrlen);
        std::copy_n(reinterpret_cast<char const*>(entry->ai_addr), entry->ai_addrlen,
                    reinterpret_cast<char*>(endpoint.data()));
        if (std::ranges::find(addresses, endpoint.address()) == addresses.end()) {
            addresses.push_back(endpoint.address());
        }
    }
    return addresses;
}

}  // namespace

/// The threads, and who waits for what. Everything but the lookup itself runs on the loop.
class Resolver::Pool {
 public:
    Pool(boost::asio::any_io_executor executor, LookUp look_up)
        : executor_(std::move(executor)), look_up_(std::move(look_up)), threads_(threads_max) {}
    ~Pool() {
        threads_.stop();
        threads_.join();
    }
    Pool(Pool const&) = delete;
    Pool& operator=(Pool const&) = delete;

    /// The channel receives the answer once. It stays registered, and alive, until then.
    std::shared_ptr<Channel> ask(std::string const& host) {
        auto channel = std::make_shared<Channel>(executor_, 1);
        auto& waiting = waiting_[host];
        waiting.push_back(channel);
        if (waiting.size() > 1) return channel;
        auto work = [self = weak_from(this), executor = executor_, look_up = look_up_, host] {
            auto answer = look_up(host);
            auto deliver = [self, host, answer = std::move(answer)] {
                if (auto const pool = self.lock()) (*pool)->deliver(host, answer);
            };
            boost::asio::post(executor, std::move(deliver));
        };
        boost::asio::post(threads_, std::move(work));
        return channel;
    }

 private:
    /// Tells a late answer that the pool is gone. Only looked at on the loop.
    static std::weak_ptr<Pool*> weak_from(Pool* pool) { return pool->self_; }

    void deliver(std::string const& host, Answer const& answer) {
        auto const entry = waiting_.find(host);
        auto const channels = std::move(entry->second);
        waiting_.erase(entry);
        for (auto const& channel : channels) channel->try_send(boost::system::error_code(), answer);
    }

    boost::asio::any_io_executor executor_;
    LookUp look_up_;
    std::shared_ptr<Pool*> self_ = std::make_shared<Pool*>(this);
    std::map<std::string, std::list<std::shared_ptr<Channel>>> waiting_;
    boost::asio::thread_pool threads_;
};

Resolver::Resolver(boost::asio::any_io_executor executor, Clock& clock, LookUp look_up)
    : pool_(std::make_unique<Pool>(std::move(executor), std::move(look_up))), clock_(clock) {}

Resolver::~Resolver() = default;

Task<Addresses> Resolver::resolve(std::string host, TimePoint deadline) {
    boost::system::error_code not_literal;
    auto const literal = boost::asio::ip::make_address(host, not_literal);
    if (!not_literal) co_return Addresses{literal};
    auto const channel = pool_->ask(host);
    auto receive = channel->async_receive(boost::asio::use_awaitable);
    auto what = "looking up \"" + printable(host, 255) + "\": no answer in time";
    auto const answer = co_await with_deadline(clock_, deadline, std::move(what), std::move(receive));
    co_return answer.value();
}

Result<Addresses> Resolver::system_look_up(std::string const& host) {
    // RFC 6761 §6.3: this name needs no resolver, and a bare system may have none that knows it.
    if (ascii_iequals(host, "localhost")) {
        return Addresses{boost::asio::ip::address_v4::loopback(), boost::asio::ip::address_v6::loopback()};
    }
    thread_local bool const patience_shortened = (shorten_patience(), true);
    (void)patience_shortened;  // Its initialisation is what counts.
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    auto const status = getaddrinfo(host.c_str(), nullptr, &hints, &list);
    if (status != 0) return look_up_error(host, status);
    std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> const owner(list, &freeaddrinfo);
    auto addresses = to_addresses(list);
    if (addresses.empty()) return look_up_error(host, EAI_NODATA);
    return addresses;
}

}  // namespace imapcopy::net
