#pragma once

// What callers hand over, checked and turned into our types; all of it is untrusted.

#include <sdbus-c++/Types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "common/bus_value.hpp"
#include "common/dict.hpp"
#include "common/secret.hpp"

namespace imapcopy::bus {

inline constexpr std::size_t text_bytes_max = 1000;
inline constexpr std::size_t list_entries_max = 1000;
inline constexpr std::size_t dict_entries_max = 64;
inline constexpr std::size_t report_bytes_max = 1024 * 1024;

/// Within the limits above, or Failure(invalid_argument) that begins with `what`.
Dict read_dict(BusDict const& dict, std::string_view what);
std::string read_text(std::string text, std::string_view what);
Side read_side(std::string_view text);

/// The bytes of a memfd that nobody can change any more (F_SEAL_WRITE, F_SEAL_SHRINK and F_SEAL_GROW), at
/// most Secret::bytes_max. An empty one is no secret. Else Failure(invalid_argument).
Secret read_secret(sdbus::UnixFd const& descriptor);

/// For calls that log in with `secret` or keep it: an attempt with an empty one would only be held against
/// the account. Failure(invalid_argument).
void refuse_empty(Secret const& secret, Side side);

/// Takes a descriptor out of `options`; none: an invalid one.
sdbus::UnixFd take_descriptor(BusDict& options, std::string const& key);

/// What comes over the bus has no close-on-exec flag; this sets it.
void close_on_exec(sdbus::UnixFd const& descriptor);

/// Writes `text` to a memfd, or to a pipe that has room for all of it: nothing here waits for a reader. The
/// pipe is made non-blocking and as large as needed. Failure(invalid_argument) for anything else.
void write_out(sdbus::UnixFd const& descriptor, std::string_view text);

}  // namespace imapcopy::bus
