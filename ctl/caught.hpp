#pragma once

// caught(): the one place of imapcopyctl where a Failure turns back into an Error, for commands that go on
// after one.

#include <exception>
#include <optional>
#include <utility>

#include "common/result.hpp"

namespace imapcopy::ctl {

/// Calls `action`; the error it threw, or nothing.
template <class Action>
std::optional<Error> caught(Action&& action) {
    try {
        std::forward<Action>(action)();
        return std::nullopt;
    } catch (Failure const& failure) {
        return failure.error();
    } catch (std::exception const& other) {
        return Error{ErrorCode::internal, other.what()};
    }
}

}  // namespace imapcopy::ctl
