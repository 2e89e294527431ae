#include "common/secret.hpp"

#include <string.h>  // NOLINT(modernize-deprecated-headers): explicit_bzero is not in <cstring>.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "common/result.hpp"

namespace imapcopy {

Secret::Secret(std::string_view bytes) : size_(bytes.size()) {
    if (bytes.size() > bytes_max) {
        throw Failure(ErrorCode::invalid_argument,
                      "a secret has at most " + std::to_string(bytes_max) + " bytes; this one is longer");
    }
    if (bytes.empty()) return;
    auto const page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    mapped_ = (size_ + page - 1) / page * page;
    memory_ = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) {  // NOLINT(performance-no-int-to-ptr)
        memory_ = nullptr;
        throw Failure(ErrorCode::internal, "map memory for a secret");
    }
    (void)::mlock(memory_, mapped_);  // Best effort: past RLIMIT_MEMLOCK the page may be swapped.
    (void)::madvise(memory_, mapped_, MADV_DONTDUMP);
    (void)::madvise(memory_, mapped_, MADV_WIPEONFORK);
    std::memcpy(memory_, bytes.data(), size_);
}

Secret::~Secret() {
    if (memory_ == nullptr) return;
    ::explicit_bzero(memory_, mapped_);
    (void)::munmap(memory_, mapped_);
}

Secret::Secret(Secret&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
    return *this;
}

void wipe(std::span<char> bytes) {
    if (!bytes.empty()) ::explicit_bzero(bytes.data(), bytes.size());
}

}  // namespace imapcopy
