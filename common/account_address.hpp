#pragma once

// The address of an account as people write it on a command line or in a file.

#include <string_view>

#include "common/job.hpp"

namespace imapcopy {

/// Reads one of
///   provider:login              gmail:anna@gmail.com
///   login@domain                the provider is left empty, to be detected from the domain
///   imaps://login@host[:port]   implicit TLS, 993
///   imap://login@host[:port]    STARTTLS required, 143
///   imap+cleartext://login@host[:port]
/// The last "@" before the host ends the login; %XX is decoded. IPv6 hosts stand in brackets. A password in a
/// URL
/// ("login:password@") is refused with a hint. Errors: invalid_address with what, where and how to mend it.
Result<AccountSpec> parse_account_address(std::string_view text);

/// The shortest address that parses back to the same account; for people.
std::string to_string(AccountSpec const& account);

/// Which mail server an account is on: the host in lower case, with ":port" unless the port is 993 or 143,
/// which are two doors of one server. Other ports of a host may be servers of their own.
std::string server_name(AccountSpec const& account);

/// Default port of a TLS mode: 993 or 143.
std::uint16_t default_port(TlsMode mode);

}  // namespace imapcopy
