#pragma once

// Event and AsyncMutex: how coroutines of the one loop wake each other.

#include <boost/asio/any_io_executor.hpp>
#include <list>
#include <memory>
#include <utility>

#include "common/task.hpp"

namespace imapcopy {

/// A flag that coroutines can wait for. Lives on the loop; not for threads.
class Event {
 public:
    Event();
    ~Event();  ///< Nobody may be waiting.
    Event(Event const&) = delete;
    Event& operator=(Event const&) = delete;

    /// Wakes everybody who waits; later waits return at once until clear().
    void set();
    void clear() { set_ = false; }
    bool is_set() const { return set_; }
    /// Returns when the event is set, or throws boost::system::system_error when the coroutine is cancelled.
    Task<> wait();

 private:
    struct Waiter;
    std::list<Waiter*> waiters_;
    bool set_ = false;
};

/// First come, first served.
class AsyncMutex {
 public:
    /// Unlocks when it goes.
    class Lock {
     public:
        explicit Lock(AsyncMutex* mutex) : mutex_(mutex) {}
        ~Lock() { unlock(); }
        Lock(Lock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
        Lock& operator=(Lock&& other) noexcept {
            std::swap(mutex_, other.mutex_);
            return *this;
        }
        Lock(Lock const&) = delete;
        Lock& operator=(Lock const&) = delete;
        void unlock() {
            if (mutex_ != nullptr) std::exchange(mutex_, nullptr)->release();
        }

     private:
        AsyncMutex* mutex_;
    };

    /// The mutex must outlive the lock.
    Task<Lock> lock();

 private:
    void release();
    std::list<Event*> queue_;
    bool locked_ = false;
};

}  // namespace imapcopy
