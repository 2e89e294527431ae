#pragma once

// Secret: bytes that cannot be printed, logged, compared or copied by accident, and are wiped when they go.

#include <cstddef>
#include <span>
#include <string_view>

namespace imapcopy {

/// Owns up to `bytes_max` bytes in pages of their own: locked in memory where the limit allows it, left out
/// of core dumps, wiped on destruction. Move-only. There is no conversion to std::string, and no operator<<.
class Secret {
 public:
    static constexpr std::size_t bytes_max = 16384;  ///< An OAuth token is about 4 KiB at most.

    Secret() = default;
    /// Copies `bytes`; the caller wipes its own copy (see wipe). Throws Failure(invalid_argument) past the
    /// limit.
    explicit Secret(std::string_view bytes);
    ~Secret();
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(Secret const&) = delete;
    Secret& operator=(Secret const&) = delete;

    /// A second owner of the same bytes, on purpose.
    Secret clone() const { return Secret(reveal()); }
    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }
    /// The bytes, valid while this object lives. Call it as late as possible and keep nothing of it.
    std::string_view reveal() const { return {static_cast<char const*>(memory_), size_}; }

 private:
    void* memory_ = nullptr;
    std::size_t size_ = 0;
    std::size_t mapped_ = 0;
};

/// Overwrites `bytes` in a way that the compiler keeps.
void wipe(std::span<char> bytes);

}  // namespace imapcopy
