#pragma once

// Randomness as an object: tags, nonces and jitter in tests come from a seed.

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

namespace imapcopy {

class Random {
 public:
    virtual ~Random() = default;
    /// Fills `out` with bytes fit for keys and nonces.
    virtual void fill(std::span<std::byte> out) = 0;

    /// Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound);
};

/// The kernel's generator.
class SystemRandom final : public Random {
 public:
    void fill(std::span<std::byte> out) override;
};

/// The same bytes for the same seed. For tests only.
class SeededRandom final : public Random {
 public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    void fill(std::span<std::byte> out) override;

 private:
    std::mt19937_64 engine_;
};

}  // namespace imapcopy
