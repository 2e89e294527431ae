#include "daemon/bus/authorize.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/daemon/bus/interface_xml.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;

TEST(Authorize, LetsInRootTheDaemonAndTheGroup) {
    Operators const operators{117, 250};
    EXPECT_TRUE(may_call({0, {}}, operators));
    EXPECT_TRUE(may_call({117, {}}, operators));
    EXPECT_TRUE(may_call({1000, {1000, 27, 250}}, operators));
}

TEST(Authorize, RefusesEverybodyElse) {
    Operators const operators{117, 250};
    EXPECT_FALSE(may_call({1000, {1000}}, operators));
    EXPECT_FALSE(may_call({1000, {}}, operators));
    EXPECT_FALSE(may_call({250, {1000}}, operators));  // A user with the number of the group.
    EXPECT_FALSE(may_call({1000, {0}}, operators));    // The group root is not root.
}

TEST(Authorize, HasNoGroupWhereTheSystemHasNone) {
    EXPECT_FALSE(may_call({1000, {0, 250, 65534}}, Operators{117, std::nullopt}));
}

TEST(Authorize, ListsExactlyWhatTheInterfaceDeclares) {
    std::size_t callable = 0;
    for (auto const& declared : declared_members()) {
        if (declared.kind == XmlMember::Kind::signal) continue;
        ++callable;
        auto const same = [&](Member const& member) {
            return member.interface == declared.interface && member.name == declared.name;
        };
        EXPECT_TRUE(std::ranges::any_of(members(), same)) << declared.interface << "." << declared.name;
    }
    EXPECT_EQ(callable, members().size());
    EXPECT_GT(callable, 40U);
}
