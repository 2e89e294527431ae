#pragma once

// What the daemon sends, as our types; and secrets as it wants them.

#include <optional>
#include <string>

#include "common/bus_value.hpp"
#include "common/job.hpp"
#include "common/secret.hpp"
#include "ctl/service_proxy.hpp"

namespace imapcopy::ctl {

/// Takes over the properties of org.imapcopyd1.Job that are there; unknown ones are skipped, so that an older
/// client understands a newer daemon. Throws sdbus::Error where a type is not the one of the XML.
void apply_properties(JobView& job, BusDict const& properties);

/// What is there of the properties of org.imapcopyd1.Manager. Throws sdbus::Error as above.
StatusChange read_status_change(BusDict const& changed);

/// Throws Failure(internal) where the daemon's answer is not what the XML says.
TestView read_test(BusDict answer);
PlanView read_plan(BusDict const& answer);
VerificationView read_verification(BusDict const& answer);
Dict read_dict(BusDict const& answer);

/// A sealed memfd with the bytes of `secret`. Throws Failure(internal) where the system gives none.
sdbus::UnixFd seal(Secret const& secret);

/// An empty memfd for the daemon to write to, and what it has written.
sdbus::UnixFd make_memfd();
std::string read_all(sdbus::UnixFd const& memfd);

/// Our error for one of the bus: by name for the daemon's own; not_authorized where the policy refuses,
/// connection_lost where nobody answers to the name, timed_out, no_such_job for an unknown object.
Error to_error(sdbus::Error const& error);

}  // namespace imapcopy::ctl
