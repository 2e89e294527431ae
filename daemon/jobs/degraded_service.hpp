#pragma once

// The Service of a daemon whose database cannot be used: it answers, and says what to do.

#include <memory>

#include "daemon/jobs/service.hpp"

namespace imapcopy::jobs {

/// Shows no jobs, refuses everything else with `error` (store_corrupt and the way out), and has the state
/// "degraded: …". `providers` may still be read.
std::unique_ptr<Service> make_degraded_service(Error error, config::Providers providers);

}  // namespace imapcopy::jobs
