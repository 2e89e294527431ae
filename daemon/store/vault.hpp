#pragma once

// Vault: secrets at rest, sealed with AES-256-GCM. Ciphertext without its key means "locked": nothing is
// dropped.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/random.hpp"
#include "common/result.hpp"
#include "common/secret.hpp"

namespace imapcopy::store {

/// What a sealed secret is bound to: moved to another row it does not open.
struct SealContext {
    std::uint32_t job = 0;
    Side side = Side::source;
};

class Vault {
 public:
    /// `key` is 32 bytes, or empty: locked. Throws Failure(invalid_argument) for another length.
    Vault(Secret key, Random& random);
    ~Vault();
    Vault(Vault const&) = delete;
    Vault& operator=(Vault const&) = delete;

    bool locked() const;
    /// Version, key check, nonce, ciphertext, tag. Failure(credentials_missing) with the way out while
    /// locked. Safe to call from the writer thread only.
    std::string seal(Secret const& secret, SealContext context);
    /// Errors: credentials_missing where the key is absent or another one, or where the bytes are damaged or
    /// belong to another row: whoever gives the password again mends all of it.
    Result<Secret> open(std::string_view sealed, SealContext context) const;

 private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

/// Reads the key from `file` (32 raw bytes, mode 0600 or stricter), or from
/// $CREDENTIALS_DIRECTORY/secrets.key where `file` is empty. Nothing where there is none. Throws
/// Failure(invalid_argument) for a wrong size or mode.
std::optional<Secret> load_key(std::string const& file);

}  // namespace imapcopy::store
