#pragma once

// run(): one verb from beginning to exit status.

#include "ctl/arguments.hpp"
#include "ctl/service_proxy.hpp"
#include "ctl/terminal.hpp"

namespace imapcopy::ctl {

/// Looks whether the daemon runs, runs the verb, shows its error. Never throws Failure.
int run(Arguments const& arguments, DaemonClient& client, Terminal& terminal);

}  // namespace imapcopy::ctl
