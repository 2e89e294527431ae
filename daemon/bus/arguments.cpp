#include "daemon/bus/arguments.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <variant>

#include "common/result.hpp"

namespace imapcopy::bus {
namespace {

Failure invalid(std::string message) {
    return {ErrorCode::invalid_argument, std::move(message)};
}

bool too_long(std::string const& text) {
    return text.size() > text_bytes_max;
}

bool too_long(std::vector<std::string> const& list) {
    return list.size() > list_entries_max ||
           std::ranges::any_of(list, [](auto const& text) { return too_long(text); });
}

template <class Number>
bool too_long(Number) {
    return false;
}

/// Seals that make the content of a memfd final.
constexpr int final_seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

/// Or another file in memory: what is written to it waits for no disk.
bool is_memfd(int descriptor) {
    return ::fcntl(descriptor, F_GET_SEALS) >= 0;
}

bool is_final(int descriptor) {
    auto const seals = ::fcntl(descriptor, F_GET_SEALS);
    return seals >= 0 && (seals & final_seals) == final_seals;
}

/// Makes sure that all of `size` fits into the empty pipe, so that no write has to wait.
bool is_roomy_pipe(int descriptor, std::size_t size) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 || !S_ISFIFO(status.st_mode)) return false;
    auto const flags = ::fcntl(descriptor, F_GETFL);
    if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) return false;
    auto const capacity = ::fcntl(descriptor, F_GETPIPE_SZ);
    if (capacity >= 0 && static_cast<std::size_t>(capacity) >= size) return true;
    return ::fcntl(descriptor, F_SETPIPE_SZ, static_cast<int>(size)) >= 0;
}

}  // namespace

Dict read_dict(BusDict const& dict, std::string_view what) {
    if (dict.size() > dict_entries_max) throw invalid(std::string(what) + ": more than 64 entries");
    auto out = from_bus(dict, what).value();
    for (auto const& [key, value] : out) {
        auto const over = too_long(key) || std::visit([](auto const& held) { return too_long(held); }, value);
        if (over) throw invalid(std::string(what) + ": \"" + printable(key, 64) + "\" is too long");
    }
    return out;
}

std::string read_text(std::string text, std::string_view what) {
    if (too_long(text)) throw invalid(std::string(what) + " is longer than 1,000 bytes");
    return text;
}

Side read_side(std::string_view text) {
    if (text == to_string(Side::source)) return Side::source;
    if (text == to_string(Side::destination)) return Side::destination;
    throw invalid("side is \"" + printable(text, 64) + "\": say \"source\" or \"destination\"");
}

Secret read_secret(sdbus::UnixFd const& descriptor) {
    if (!descriptor.isValid()) return {};
    auto const file = descriptor.get();
    struct stat status {};
    if (!is_final(file) || ::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
        throw invalid("a secret must be a memfd sealed with F_SEAL_WRITE, F_SEAL_SHRINK and F_SEAL_GROW");
    }
    auto const size = static_cast<std::size_t>(status.st_size);
    if (size > Secret::bytes_max) throw invalid("a secret has at most 16384 bytes");
    std::array<char, Secret::bytes_max> bytes{};
    std::size_t done = 0;
    while (done < size) {
        auto const got = ::pread(file, bytes.data() + done, size - done, static_cast<off_t>(done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        done += static_cast<std::size_t>(got);
    }
    Secret secret(std::string_view(bytes.data(), done));
    wipe(bytes);
    if (done != size) throw invalid("the secret cannot be read from its memfd");
    return secret;
}

void refuse_empty(Secret const& secret, Side side) {
    if (secret.empty()) throw invalid("the secret of the " + std::string(to_string(side)) + " is empty");
}

sdbus::UnixFd take_descriptor(BusDict& options, std::string const& key) {
    auto const entry = options.find(key);
    if (entry == options.end()) return {};
    if (entry->second.peekValueType() != "h") throw invalid("\"" + key + "\" must be a file descriptor");
    auto descriptor = entry->second.get<sdbus::UnixFd>();
    options.erase(entry);
    close_on_exec(descriptor);
    return descriptor;
}

void close_on_exec(sdbus::UnixFd const& descriptor) {
    // It can only fail for a descriptor that is none.
    (void)::fcntl(descriptor.get(), F_SETFD, FD_CLOEXEC);
}

void write_out(sdbus::UnixFd const& descriptor, std::string_view text) {
    auto const file = descriptor.get();
    if (text.size() > report_bytes_max) text = text.substr(0, report_bytes_max);
    if (!is_memfd(file) && !is_roomy_pipe(file, text.size())) {
        throw invalid("the report goes to a memfd, or to a pipe that can hold it");
    }
    while (!text.empty()) {
        auto const written = ::write(file, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) throw invalid("the descriptor takes no more bytes of the report");
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

}  // namespace imapcopy::bus
