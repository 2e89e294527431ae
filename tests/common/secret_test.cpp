#include "common/secret.hpp"

#include <gtest/gtest.h>

#include <array>
#include <concepts>
#include <ostream>
#include <string>
#include <type_traits>

#include "common/result.hpp"

namespace imapcopy {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, T const& value) {
    out << value;
};

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string> &&
              !std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>);
static_assert(!Printable<Secret>);
static_assert(!std::equality_comparable<Secret>);

TEST(Secret, HoldsItsBytesNulIncluded) {
    std::string const bytes("p\0w", 3);
    Secret const secret(bytes);
    EXPECT_EQ(secret.size(), 3U);
    EXPECT_EQ(secret.reveal(), bytes);
}

TEST(Secret, IsEmptyWhereNothingWasGiven) {
    EXPECT_TRUE(Secret().empty());
    EXPECT_TRUE(Secret("").empty());
    EXPECT_EQ(Secret().reveal(), "");
}

TEST(Secret, MovesAndClones) {
    Secret first("hunter2");
    Secret second = std::move(first);
    EXPECT_EQ(second.reveal(), "hunter2");
    auto const third = second.clone();
    second = Secret("other");
    EXPECT_EQ(third.reveal(), "hunter2");
    EXPECT_EQ(second.reveal(), "other");
}

TEST(Secret, TakesATokenButNotAFlood) {
    EXPECT_EQ(Secret(std::string(Secret::bytes_max, 'x')).size(), Secret::bytes_max);
    EXPECT_THROW(Secret(std::string(Secret::bytes_max + 1, 'x')), Failure);
}

TEST(Wipe, OverwritesEveryByte) {
    std::array<char, 4> bytes = {'a', 'b', 'c', 'd'};
    wipe(bytes);
    EXPECT_EQ(bytes, (std::array<char, 4>{}));
}

}  // namespace
}  // namespace imapcopy
