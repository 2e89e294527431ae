#pragma once

// Result<T> for pure code, Failure for coroutines and the store, and the bridge: value() of an error throws.

#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>
#include <exception>
#include <string>
#include <utility>

#include "common/error.hpp"

namespace imapcopy {

/// The one exception type of the project: "this operation is over". Holds the whole Error.
class Failure final : public std::exception {
 public:
    explicit Failure(Error error) : error_(std::move(error)), text_(to_string(error_)) {}
    Failure(ErrorCode code, std::string message) : Failure(Error{code, std::move(message)}) {}

    Error const& error() const noexcept { return error_; }
    char const* what() const noexcept override { return text_.c_str(); }

 private:
    Error error_;
    std::string text_;
};

/// Found by boost::system::result: what value() throws when there is none.
[[noreturn]] inline void throw_exception_from_error(Error const& error, boost::source_location const&) {
    throw Failure(error);
}

template <class T = void>
using Result = boost::system::result<T, Error>;

/// The same error with `context` in front: "copying INBOX: append uid 4711".
inline Error within(std::string const& context, Error error) {
    error.message = context + ": " + error.message;
    return error;
}

}  // namespace imapcopy
