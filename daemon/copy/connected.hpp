#pragma once

// One connection to each side, opened and closed together.

#include <exception>
#include <memory>

#include "daemon/copy/pass.hpp"

namespace imapcopy::copy {

struct Connected {
    std::unique_ptr<Endpoint> source;
    std::unique_ptr<Endpoint> destination;
};

/// Both at the same time: each costs several round trips. Throws what the first failure threw.
Task<Connected> connect_both(Connections& connections);
/// Both in good order; nobody waits for it.
void leave_both(Connected& connected);

/// True for a failure after which new connections may go on where the old ones ended.
bool is_worth_reconnecting(Error const& error);

/// Of two things that were done at the same time and may have failed: the failure that tells most of the
/// cause. Connections break for many reasons, and what breaks them says why. Null: neither has failed.
std::exception_ptr cause_of(std::exception_ptr const& first, std::exception_ptr const& second);

}  // namespace imapcopy::copy
