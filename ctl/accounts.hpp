#pragma once

// From SRC, DST and their options to accounts and secrets.

#include <optional>
#include <string>

#include "common/job.hpp"
#include "common/secret.hpp"
#include "ctl/arguments.hpp"
#include "ctl/terminal.hpp"

namespace imapcopy::ctl {

/// An account and where its password comes from; neither file nor descriptor: the person is asked.
struct AccountRequest {
    AccountSpec account;
    std::string password_file;
    std::optional<int> password_fd;
};

struct RequestPair {
    AccountRequest source;
    AccountRequest destination;
};

/// `request` with the options laid over it, checked.
Result<AccountRequest> with_options(AccountRequest request, AccountArguments const& options);
/// Reads the address, or the file behind "@", and lays the options over it.
Result<AccountRequest> account_request(AccountArguments const& arguments);
/// Both sides; one Error for the mistakes of both.
Result<RequestPair> account_requests(Arguments const& arguments);

/// The secret from its descriptor (one line), its file (mode 0600, without the end of line), or the terminal.
/// Throws Failure: invalid_argument where it cannot be read or nobody can be asked.
Secret obtain_secret(AccountRequest const& request, Side side, Arguments const& arguments,
                     Terminal& terminal);

/// The same for a job that exists: empty where no option names a source of the secret.
Secret given_secret(Arguments const& arguments, Side side);
/// Asks the person. Failure(invalid_argument) where that is not possible or not wanted.
Secret asked_secret(AccountSpec const& account, Side side, Arguments const& arguments, Terminal& terminal);

}  // namespace imapcopy::ctl
