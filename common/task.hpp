#pragma once

// Task<T>: the coroutine type of everything that waits. Lazy: nothing runs before it is awaited or spawned.

#include <boost/asio/awaitable.hpp>

namespace imapcopy {

template <class T = void>
using Task = boost::asio::awaitable<T>;

}  // namespace imapcopy
