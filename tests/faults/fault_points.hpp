#pragma once

// Names of faults, and the list of all single faults that a world has room for.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/faults/fault_world.hpp"

namespace imapcopy::test {

/// "destination/to_server/1234/reset_late", "source/reply/7/no/ALERT", "journal/5/full", "source/stop/4",
/// "destination/epoch", "destination/anew".
std::string to_string(FaultPoint const& fault);
std::optional<FaultPoint> parse_fault(std::string_view name);

/// The small worlds: one for each dialect, one with a large message, one with several lanes, and one whose
/// flags change after the first pass.
std::vector<WorldPlan> small_worlds();

/// A world and what happens in it; "all:source/stop/4", several faults joined by "+", or "seed:17".
struct FaultCase {
    WorldPlan world;
    std::vector<FaultPoint> faults;
};
std::string to_string(FaultCase const& fault_case);
std::optional<FaultCase> parse_case(std::string_view name);

/// What a world does when nothing goes wrong: the room for faults.
struct FaultRoom {
    struct OfServer {
        std::uint64_t received_bytes = 0;
        std::uint64_t sent_bytes = 0;
        std::size_t commands = 0;
    };
    OfServer source;
    OfServer destination;
    std::size_t journal_writes = 0;
};
/// Throws std::runtime_error if something goes wrong without a fault.
FaultRoom measure(WorldPlan const& world);

/// Calls `visit` with every single fault of the world, always in the same order. Of a long stream it leaves
/// out most bytes in the middle.
void for_each_fault(FaultRoom const& room, std::function<void(FaultPoint const&)> const& visit);

/// One to eight faults in a world, all from the seed.
FaultCase random_case(std::uint64_t seed);

/// What is wrong in the end, or nothing.
std::optional<std::string> violation_of(FaultCase const& fault_case, bool traced = false);

}  // namespace imapcopy::test
