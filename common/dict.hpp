#pragma once

// The typed dictionary that crosses the bus as a{sv}, without the bus library in the way.

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace imapcopy {

/// D-Bus s, b, u, t, as. Reading code accepts u where t is meant.
using Value = std::variant<std::string, bool, std::uint32_t, std::uint64_t, std::vector<std::string>>;
using Dict = std::map<std::string, Value>;

}  // namespace imapcopy
