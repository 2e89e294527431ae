// Runs a fuzz target without libFuzzer: fuzz_NAME RUNS SEED_PATH…
// Every seed file and every line of it is run as it is, then RUNS inputs mutated from them, the same in every
// run. IMAPCOPY_FUZZ_SEED starts another sequence. An input that ends the program is left in fuzz_crash.bin.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);
/// There only in a program built with sanitizers.
extern "C" void __sanitizer_set_death_callback(void (*callback)())
    __attribute__((weak));  // NOLINT(bugprone-reserved-identifier)

namespace {

constexpr std::size_t input_bytes_max = 8192;
constexpr std::uint64_t default_seed = 20260101;

/// The input under way, for whoever ends the program.
std::string& current_input() {
    static std::string input;
    return input;
}

void save_input() {
    auto const& input = current_input();
    auto const file = ::open("fuzz_crash.bin", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return;
    (void)!::write(file, input.data(), input.size());
    (void)::close(file);
}

void save_and_abort(int) {
    save_input();
    (void)std::signal(SIGABRT, SIG_DFL);
    std::abort();
}

/// SplitMix64: the same numbers everywhere.
class Numbers {
 public:
    explicit Numbers(std::uint64_t seed) : state_(seed) {}
    /// 0 … limit-1.
    std::size_t below(std::size_t limit) {
        state_ += 0x9e3779b97f4a7c15U;
        auto z = state_;
        z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27U) * 0x94d049bb133111ebU;
        return static_cast<std::size_t>((z ^ z >> 31U) % limit);
    }

 private:
    std::uint64_t state_;
};

void run(std::string input) {
    current_input() = std::move(input);
    auto const& bytes = current_input();
    // A copy of exact size on the heap, so that the sanitizer sees one byte too many.
    std::vector<std::uint8_t> const exact(bytes.begin(), bytes.end());
    (void)LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::string read_file(std::filesystem::path const& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Files, whole and line by line; LF is CRLF on the wire, so both are tried.
void add_seeds(std::filesystem::path const& path, std::vector<std::string>& seeds) {
    auto const text = read_file(path);
    std::string wire;
    for (std::size_t start = 0; start < text.size();) {
        auto const end = std::min(text.find('\n', start), text.size());
        auto const line = text.substr(start, end - start);
        seeds.push_back(line);
        wire += line + "\r\n";
        start = end + 1;
    }
    seeds.push_back(text.substr(0, input_bytes_max));
    seeds.push_back(wire.substr(0, input_bytes_max));
}

void mutate(std::string& input, std::vector<std::string> const& seeds, Numbers& numbers) {
    constexpr std::array<std::string_view, 24> words = {"\r\n",
                                                        "{",
                                                        "}",
                                                        "{5}\r\n",
                                                        "{4294967295}\r\n",
                                                        "\"",
                                                        "\\",
                                                        "(",
                                                        ")",
                                                        "[",
                                                        "]",
                                                        "NIL",
                                                        "BODY[] ",
                                                        "&",
                                                        "&-",
                                                        "-",
                                                        "0",
                                                        "4294967295",
                                                        "18446744073709551616",
                                                        ":",
                                                        ",",
                                                        "*",
                                                        std::string_view("\0", 1),
                                                        "\xc3\xa9"};
    auto const place = numbers.below(input.size() + 1);
    auto const length = std::min(input.size() - place, 1 + numbers.below(16));
    switch (numbers.below(7)) {
        case 0: input.insert(place, words.at(numbers.below(words.size()))); break;
        case 1: input.erase(place, length); break;
        case 2: input.insert(place, input.substr(place, length)); break;
        case 3: input.insert(place, 1, static_cast<char>(numbers.below(256))); break;
        case 4: {
            auto const& other = seeds[numbers.below(seeds.size())];
            auto const from = numbers.below(other.size() + 1);
            input.insert(place, other.substr(from, 1 + numbers.below(64)));
            break;
        }
        case 5: input.resize(place); break;
        case 6:
            if (place < input.size()) input[place] = static_cast<char>(input[place] ^ 1 << numbers.below(8));
            break;
    }
    input.resize(std::min(input.size(), input_bytes_max));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(save_input);
    (void)std::signal(SIGABRT, save_and_abort);
    std::vector<std::string> seeds = {""};
    for (int i = 2; i < argc; ++i) {
        std::vector<std::filesystem::path> paths = {argv[i]};
        if (std::filesystem::is_directory(argv[i])) {
            std::filesystem::recursive_directory_iterator const files(argv[i]);
            paths.assign(begin(files), end(files));
        }
        std::ranges::sort(paths);
        for (auto const& path : paths) {
            if (std::filesystem::is_regular_file(path)) add_seeds(path, seeds);
        }
    }
    auto const* const chosen = std::getenv("IMAPCOPY_FUZZ_SEED");
    auto const seed = chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : default_seed;
    auto const runs = std::strtoull(argv[1], nullptr, 10);
    std::printf("seed %llu, %zu inputs to start from, %llu mutated\n", static_cast<unsigned long long>(seed),
                seeds.size(), runs);
    for (auto const& input : seeds) run(input);
    Numbers numbers(seed);
    for (std::uint64_t i = 0; i < runs; ++i) {
        auto input = seeds[numbers.below(seeds.size())];
        for (auto count = 1 + numbers.below(6); count > 0; --count) mutate(input, seeds, numbers);
        run(std::move(input));
    }
    return 0;
}
