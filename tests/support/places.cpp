#include "tests/support/places.hpp"

namespace imapcopy::test {

std::string in_source(std::string const& name) {
    return std::string(IMAPCOPY_SOURCE_DIR "/") + name;
}

std::string in_build(std::string const& name) {
    return std::string(IMAPCOPY_BINARY_DIR "/") + name;
}

}  // namespace imapcopy::test
