#pragma once

// Tagged<T, Tag>: a JobId is not a Uid is not a size.

#include <compare>
#include <cstddef>
#include <functional>
#include <string>

namespace imapcopy {

template <class T, class Tag>
class Tagged {
 public:
    using Value = T;
    constexpr Tagged() = default;
    constexpr explicit Tagged(T value) : value_(value) {}
    constexpr T value() const { return value_; }
    auto operator<=>(Tagged const&) const = default;

 private:
    T value_{};
};

template <class T, class Tag>
std::string to_string(Tagged<T, Tag> tagged) {
    return std::to_string(tagged.value());
}

}  // namespace imapcopy

template <class T, class Tag>
struct std::hash<imapcopy::Tagged<T, Tag>> {
    std::size_t operator()(imapcopy::Tagged<T, Tag> tagged) const { return std::hash<T>{}(tagged.value()); }
};
