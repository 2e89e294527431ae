#pragma once

// Where this build was made from. Only places.cpp knows, so that what was compiled in one clone serves in
// another.

#include <string>

namespace imapcopy::test {

/// Absolute path of the file or folder `name` of the source tree.
std::string in_source(std::string const& name);
/// Absolute path of the file or folder `name` of the build tree.
std::string in_build(std::string const& name);

}  // namespace imapcopy::test
