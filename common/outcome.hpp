#pragma once

// as_result(): what became of a coroutine, as a value. The way back from Failure to Result.

#include <boost/asio/error.hpp>
#include <boost/asio/experimental/channel_error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <type_traits>
#include <utility>

#include "common/result.hpp"
#include "common/task.hpp"

namespace imapcopy {

/// Awaits `task`. Failure becomes its Error, Asio's cancellation `cancelled`, anything else `internal`.
template <class T>
Task<Result<T>> as_result(Task<T> task) {
    Error error;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(task);
            co_return Result<T>();
        } else {
            co_return co_await std::move(task);
        }
    } catch (Failure const& failure) {
        error = failure.error();
    } catch (boost::system::system_error const& failure) {
        auto const aborted = failure.code() == boost::asio::error::operation_aborted ||
                             failure.code() == boost::asio::experimental::error::channel_cancelled;
        error = {aborted ? ErrorCode::cancelled : ErrorCode::internal, failure.what()};
    } catch (std::exception const& failure) {
        error = {ErrorCode::internal, failure.what()};
    }
    co_return error;
}

}  // namespace imapcopy
