#pragma once

// Which two messages are the same one. Servers change sizes, fold headers and mangle 8-bit bytes, so a
// message is recognised by five headers after a normalisation that survives all servers known to us (that of
// Dovecot's dsync).

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// The headers that the identity is made of, in the order hashed; also what Listing::identity asks a server
/// for.
inline constexpr std::array<std::string_view, 5> identity_headers = {"Message-ID", "Date", "From", "Subject",
                                                                     "In-Reply-To"};

/// Identity from a header block (other headers in it are ignored; it may end with or without an empty line).
/// fingerprint = SHA-256(version, and for each identity header: name, first value normalised); coarse = the
/// first 8 bytes of SHA-256 over Message-ID and Date, never 0, but 0 if both are missing or empty: then
/// headers say nothing and the message is only known by its ledger entry, or by date and body (see
/// identity_of_body).
Identity identity_of_headers(std::string_view headers);

/// Deletes SP, TAB, CR, LF; a run of bytes below 0x20, from 0x7f up, and of "?" becomes one "?".
std::string normalise_header(std::string_view value);

/// SHA-256 in pieces.
class Hasher {
 public:
    /// Of all bytes at once, which is cheaper.
    static Digest digest_of(std::string_view bytes);

    Hasher();
    ~Hasher();
    Hasher(Hasher&&) noexcept;
    Hasher& operator=(Hasher&&) noexcept;
    void add(std::string_view bytes);
    Digest finish();  ///< Once; then the object is spent.

 private:
    struct Context;
    std::unique_ptr<Context> context_;
};

/// Follows one body as it streams by: its header block (at most 64 KiB of it) and, where that says nothing,
/// the digest of all its bytes.
class BodyObserver {
 public:
    void add(std::string_view bytes);
    /// The identity by headers, or, where those say nothing, with the body's digest as fingerprint and coarse
    /// 0.
    Identity finish();

 private:
    /// Adds to the header block, which may end therein.
    void look_for_end(std::string_view bytes);

    static constexpr std::size_t header_bytes_max = 64 * 1024;
    static constexpr std::size_t header_step_bytes = 2048;
    bool in_header_ = true;
    std::string header_;
    Identity identity_;  ///< Once the header block is over.
    std::optional<Hasher> hasher_;
};

}  // namespace imapcopy::copy
