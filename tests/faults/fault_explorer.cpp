// Breaks the engine at every point, or at random ones, and says whether mail was lost or doubled.
//
//   fault_explorer faults [--part I/N] [--sample N]     every single fault, or every N-th; and the known
//   seeds fault_explorer random [--seconds S | --count N] [--seed X] fault_explorer one CASE replays one by
//   its name, with the conversation
//
// Exit status: 0 without violations, 1 with some, 2 for arguments that make no sense.

#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/text.hpp"
#include "tests/faults/fault_points.hpp"

namespace imapcopy::test {
namespace {

/// Never left out by --sample, like stops: events of which there is one in a world; a source that breaks off
/// within a large message while the one before it is not answered yet, or has just been; a server that hides
/// several APPENDs to one folder; and what has failed once: a connection cut before its first byte; a body
/// refused while it was compared; a folder refused once and taken later; refusals in passes that ended
/// otherwise.
constexpr std::array<std::string_view, 14> known_cases = {
    "all:source/epoch",
    "all:destination/epoch",
    "all:destination/anew",
    "streams:destination/reply/13/delay+source/to_client/40000/reset",
    "streams:source/to_client/40000/close",
    "minimal:destination/to_client/2072/stall_hidden",
    "all:source/to_server/0/close",
    "uidplus:destination/reply/16/bad/CANNOT",
    "all:destination/reply/6/no",
    "seed:66",
    "seed:405",
    "seed:410",
    "seed:778",
    "seed:828"};

constexpr std::size_t violations_shown = 20;

/// Counts cases and prints those that fail.
class Tally {
 public:
    void run(FaultCase const& fault_case) {
        ++points_;
        auto const wrong = violation_of(fault_case);
        if (!wrong) return;
        if (++violations_ <= violations_shown)
            std::printf("VIOLATION %s\n  %s\n", to_string(fault_case).c_str(), wrong->c_str());
        std::fflush(stdout);
    }
    int report(char const* what) const {
        std::printf("%zu %s: %zu violations\n", points_, what, violations_);
        return violations_ == 0 ? 0 : 1;
    }
    std::size_t points() const { return points_; }
    std::size_t violations() const { return violations_; }

 private:
    std::size_t points_ = 0;
    std::size_t violations_ = 0;
};

/// Which of the cases, by their number.
struct Selection {
    std::size_t part = 0;
    std::size_t parts = 1;
    std::size_t sample = 1;
    bool only_first = false;  ///< Nothing more after the first violation.

    /// Taken every `sample`-th, of stops each; then dealt out to the parts.
    bool takes(std::size_t number, FaultPoint const& fault) const {
        if (std::holds_alternative<StopRequest>(fault.what)) return number % parts == part;
        return number % sample == 0 && number / sample % parts == part;
    }
};

int explore(Selection const& selection) {
    Tally tally;
    std::size_t number = 0;
    for (auto const& plan : small_worlds()) {
        auto const room = measure(plan);
        for_each_fault(room, [&](FaultPoint const& fault) {
            bool const over = selection.only_first && tally.violations() > 0;
            if (selection.takes(number++, fault) && !over) tally.run({plan, {fault}});
        });
    }
    for (auto const name : known_cases) {
        bool const over = selection.only_first && tally.violations() > 0;
        if (number++ % selection.parts == selection.part && !over) tally.run(parse_case(name).value());
    }
    return tally.report("fault points");
}

int explore_at_random(std::uint64_t first_seed, std::chrono::seconds time, std::size_t count_max) {
    Tally tally;
    auto const end = std::chrono::steady_clock::now() + time;
    for (auto seed = first_seed; tally.points() < count_max && std::chrono::steady_clock::now() < end; ++seed)
        tally.run(random_case(seed));
    return tally.report(("random runs from seed " + std::to_string(first_seed)).c_str());
}

int replay(std::string_view name) {
    auto const fault_case = parse_case(name);
    if (!fault_case) throw std::invalid_argument("no such case: " + std::string(name));
    for (auto const& fault : fault_case->faults) std::printf("fault %s\n", to_string(fault).c_str());
    auto const wrong = violation_of(*fault_case, true);
    std::printf("%s\n", wrong ? ("VIOLATION " + *wrong).c_str() : "no violation");
    return wrong ? 1 : 0;
}

using Options = std::map<std::string, std::string, std::less<>>;

std::uint64_t number_of(Options const& options, std::string_view name, std::uint64_t otherwise) {
    auto const found = options.find(name);
    if (found == options.end()) return otherwise;
    auto const number = parse_number(found->second);
    if (!number) throw std::invalid_argument(found->first + " wants a number");
    return *number;
}

Selection selection_of(Options const& options) {
    Selection selection;
    selection.sample = number_of(options, "--sample", 1);
    selection.only_first = number_of(options, "--only-first", 0) > 0;
    auto const found = options.find("--part");
    if (found != options.end()) {
        auto const slash = std::min(found->second.find('/'), found->second.size() - 1);
        auto const part = parse_number(std::string_view(found->second).substr(0, slash));
        auto const parts = parse_number(std::string_view(found->second).substr(slash + 1));
        if (!part || !parts || *part >= *parts) throw std::invalid_argument("--part wants I/N with I < N");
        selection.part = *part;
        selection.parts = *parts;
    }
    if (selection.sample == 0) throw std::invalid_argument("--sample wants a number from 1");
    return selection;
}

int run(std::vector<std::string> const& arguments) {
    if (arguments.size() == 2 && arguments[0] == "one") return replay(arguments[1]);
    Options options;
    for (std::size_t i = 1; i + 1 < arguments.size(); i += 2) options[arguments[i]] = arguments[i + 1];
    if (arguments.empty() || arguments.size() % 2 == 0) throw std::invalid_argument("faults, random or one?");
    if (arguments[0] == "faults") return explore(selection_of(options));
    if (arguments[0] != "random") throw std::invalid_argument("faults, random or one?");
    return explore_at_random(number_of(options, "--seed", 1),
                             std::chrono::seconds(number_of(options, "--seconds", 24 * 3600)),
                             number_of(options, "--count", SIZE_MAX));
}

}  // namespace
}  // namespace imapcopy::test

int main(int argc, char** argv) {
    try {
        return imapcopy::test::run({argv + 1, argv + argc});
    } catch (std::invalid_argument const& error) {
        std::fprintf(stderr, "fault_explorer: %s\n", error.what());
        return 2;
    } catch (std::exception const& error) {
        std::printf("VIOLATION %s\n", error.what());
        return 1;
    }
}
