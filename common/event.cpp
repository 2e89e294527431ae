#include "common/event.hpp"

#include <boost/asio/experimental/basic_channel.hpp>
#include <boost/asio/experimental/channel_traits.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>

namespace imapcopy {

namespace {

using boost::asio::experimental::channel_traits;

/// Of a channel that holds one message at most. The std::deque that others have for more of them allocates
/// memory even while it is empty.
struct OneMessage : channel_traits<void(boost::system::error_code)> {
    template <class...>
    struct rebind {
        using other = OneMessage;
    };
    template <class Element>
    struct container {
        using type = std::list<Element>;
    };
};

}  // namespace

struct Event::Waiter {
    boost::asio::experimental::basic_channel<boost::asio::any_io_executor, OneMessage,
                                             void(boost::system::error_code)>
        wake;
};

Event::Event() = default;
Event::~Event() {
    assert(waiters_.empty());
}

void Event::set() {
    set_ = true;
    for (auto* waiter : waiters_)
        (void)waiter->wake.try_send(boost::system::error_code());  // Once is enough.
}

Task<> Event::wait() {
    if (set_) co_return;
    auto const executor = co_await boost::asio::this_coro::executor;
    Waiter waiter{{executor, 1}};
    struct Registration {
        std::list<Waiter*>& list;
        std::list<Waiter*>::iterator place;
        ~Registration() { list.erase(place); }
    } const registration{waiters_, waiters_.insert(waiters_.end(), &waiter)};
    co_await waiter.wake.async_receive(boost::asio::use_awaitable);
}

Task<AsyncMutex::Lock> AsyncMutex::lock() {
    if (locked_) {
        Event turn;
        auto const place = queue_.insert(queue_.end(), &turn);
        struct Registration {
            AsyncMutex& mutex;
            std::list<Event*>::iterator place;
            Event& turn;
            bool taken = false;
            ~Registration() {
                if (taken) return;
                // Cancelled: leave the queue, or pass the turn on if it had just come.
                if (turn.is_set()) {
                    mutex.release();
                } else {
                    mutex.queue_.erase(place);
                }
            }
        } registration{*this, place, turn};
        co_await turn.wait();
        registration.taken = true;
    }
    locked_ = true;
    co_return Lock(this);
}

void AsyncMutex::release() {
    if (queue_.empty()) {
        locked_ = false;
        return;
    }
    auto* const next = queue_.front();
    queue_.pop_front();
    next->set();  // Still locked: the turn passes without a gap.
}

}  // namespace imapcopy
