#pragma once

// What a fuzz target demands of the code under test.

#include <cstdio>
#include <cstdlib>

namespace imapcopy::fuzz {

/// Ends the program, and with it the search, where a property does not hold.
inline void require(bool holds, char const* property) {
    if (holds) return;
    (void)std::fprintf(stderr, "property does not hold: %s\n", property);
    std::abort();
}

}  // namespace imapcopy::fuzz
