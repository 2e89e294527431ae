#pragma once

// The passwords of both sides of a job, for verbs that need them again after they were wiped.

#include <functional>

#include "common/secret.hpp"
#include "ctl/call.hpp"

namespace imapcopy::ctl {

struct SecretPair {
    Secret source;  ///< Empty: not given, the daemon uses the stored one.
    Secret destination;
};

/// What --source-password-file and its like name. Throws Failure(invalid_argument).
SecretPair given_secrets(Arguments const& arguments);

/// The account of one side of a job. Throws Failure(no_such_job).
AccountSpec account_of(Call const& call, JobId id, Side side);

/// Runs `action` with the secrets that are given; where the daemon lacks one, asks for those that were not
/// given and runs it again, once. Where nobody can be asked it throws Failure(credentials_missing) that says
/// what to do.
void with_secrets(Call const& call, JobId id, SecretPair const& given,
                  std::function<void(SecretPair const&)> const& action);

}  // namespace imapcopy::ctl
