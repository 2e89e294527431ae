#include "common/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <limits>

#include "common/result.hpp"

namespace imapcopy {

std::uint64_t Random::below(std::uint64_t bound) {
    // Values past the last whole multiple of `bound` are drawn again, so that all are equally likely.
    auto const limit = std::numeric_limits<std::uint64_t>::max() / bound * bound;
    for (;;) {
        std::uint64_t value = 0;
        fill(std::as_writable_bytes(std::span(&value, 1)));
        if (value < limit) return value % bound;
    }
}

void SystemRandom::fill(std::span<std::byte> out) {
    while (!out.empty()) {
        auto const got = ::getrandom(out.data(), out.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw Failure(ErrorCode::internal, "read random bytes from the kernel");
        out = out.subspan(static_cast<std::size_t>(got));
    }
}

void SeededRandom::fill(std::span<std::byte> out) {
    for (auto& byte : out) byte = static_cast<std::byte>(engine_() & 0xffU);
}

}  // namespace imapcopy
