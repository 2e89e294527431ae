#include "daemon/net/egress.hpp"

#include <gtest/gtest.h>

#include <array>

namespace imapcopy::net {
namespace {

IpAddress address(std::string_view text) {
    return boost::asio::ip::make_address(std::string(text));
}

EgressPolicy policy(std::vector<std::string> const& deny = {}, std::vector<std::string> const& allow = {}) {
    return EgressPolicy::parse(deny, allow).value();
}

// Every family of forms, each at both edges of its block where it has edges.

TEST(Egress, AlwaysRefusesWhatNoMailServerHas) {
    constexpr std::array refused = {
        "0.0.0.0", "0.1.2.3", "0.255.255.255", "::", "169.254.0.0", "169.254.169.254", "169.254.255.255",
        "fe80::", "fe80::1", "febf:ffff::1", "224.0.0.0", "224.0.0.1", "239.255.255.255", "ff00::", "ff02::1",
        "ff0e::1", "255.255.255.255",
        // The same, hidden in IPv6.
        "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::ffff:0.0.0.0", "::ffff:224.0.0.1",
        "::ffff:255.255.255.255", "::ffff:0:169.254.169.254", "::169.254.169.254", "::224.0.0.1",
        "2002:a9fe:a9fe::", "2002:a9fe:a9fe::1", "2002:a9fe:a9fe:ffff:ffff:ffff:ffff:ffff",
        "2002:e000:1::", "2002::", "64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b::0.0.0.0",
        "64:ff9b:1::169.254.169.254", "64:ff9b:1:ffff:ffff:ffff:a9fe:a9fe",
        "2001:0:53aa:64c:0:7fff:5601:5601", "2001:db8::5efe:169.254.169.254",
        "2001:db8::200:5efe:169.254.169.254", "fe80::5efe:192.0.2.1"};
    for (auto const* const text : refused) {
        auto const verdict = policy().check(address(text));
        ASSERT_FALSE(verdict) << text;
        EXPECT_EQ(verdict.error().code, ErrorCode::address_not_allowed) << text;
        EXPECT_NE(verdict.error().message.find("always refused"), std::string::npos)
            << verdict.error().message;
    }
}

TEST(Egress, AllowsOrdinaryPrivateAndLoopbackAddressesByDefault) {
    constexpr std::array allowed = {"1.0.0.0",          "8.8.8.8",
                                    "192.0.2.1",        "127.0.0.1",
                                    "127.255.255.255",  "10.0.0.1",
                                    "172.16.0.1",       "192.168.1.1",
                                    "100.64.0.1",       "169.253.255.255",
                                    "169.255.0.0",      "223.255.255.255",
                                    "240.0.0.1",        "::1",
                                    "2001:db8::1",      "2a00:1450:4001::6d",
                                    "fc00::1",          "fd12:3456::1",
                                    "fec0::1",          "::ffff:192.0.2.1",
                                    "::ffff:127.0.0.1", "64:ff9b::192.0.2.1",
                                    "2002:c000:201::1", "2001:0:53aa:64c:0:7fff:3fff:fdfe"};
    for (auto const* const text : allowed) EXPECT_TRUE(policy().check(address(text))) << text;
}

TEST(Egress, DenyNetworksReachEveryFormOfAnAddress) {
    auto const denying = policy({"10.0.0.0/8", "127.0.0.0/8", "::1", "2001:db8::/32"});
    constexpr std::array denied = {
        "10.0.0.0",           "10.255.255.255", "127.0.0.1",       "::1",
        "::ffff:10.1.2.3",    "::10.1.2.3",     "2002:a01:203::1", "64:ff9b::10.1.2.3",
        "::ffff:127.0.0.1",   "2001:db8::1",    "2001:db8:ffff::", "2002:7f00:1::",
        "2001:0:1::f5fe:fdfc"};
    for (auto const* const text : denied) EXPECT_FALSE(denying.check(address(text))) << text;
    for (auto const* const text :
         {"9.255.255.255", "11.0.0.0", "128.0.0.1", "2001:db9::", "2001:db7:ffff::"}) {
        EXPECT_TRUE(denying.check(address(text))) << text;
    }
}

TEST(Egress, AllowNetworksExcludeTheRest) {
    auto const allowing = policy({"192.0.2.128/25"}, {"192.0.2.0/24", "2001:db8::/32"});
    EXPECT_TRUE(allowing.check(address("192.0.2.1")));
    EXPECT_TRUE(allowing.check(address("::ffff:192.0.2.1")));
    EXPECT_TRUE(allowing.check(address("2001:db8::1")));
    EXPECT_FALSE(allowing.check(address("192.0.2.129"))) << "deny wins";
    EXPECT_FALSE(allowing.check(address("198.51.100.1")));
    EXPECT_FALSE(allowing.check(address("::1")));
}

TEST(Egress, AllowNetworksCannotAllowLinkLocal) {
    EXPECT_FALSE(policy({}, {"169.254.0.0/16", "0.0.0.0/0"}).check(address("169.254.169.254")));
}

TEST(Egress, SaysWhatAnAddressHides) {
    auto const verdict = policy().check(address("64:ff9b::a9fe:a9fe"));
    EXPECT_NE(verdict.error().message.find("169.254.169.254"), std::string::npos) << verdict.error().message;
}

TEST(Network, ContainsItsBlockAndNothingElse) {
    struct Row {
        char const* network;
        char const* inside;
        char const* outside;
    };
    constexpr std::array rows = {
        Row{"0.0.0.0/0", "255.1.2.3", "::1"},
        Row{"::/0", "2001:db8::1", "1.2.3.4"},
        Row{"10.0.0.0/8", "10.255.0.1", "11.0.0.0"},
        Row{"172.16.0.0/12", "172.31.255.255", "172.32.0.0"},
        Row{"192.0.2.7", "192.0.2.7", "192.0.2.6"},
        Row{"192.0.2.6/31", "192.0.2.7", "192.0.2.8"},
        Row{"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
        Row{"fe80::1", "fe80::1", "fe80::2"},
    };
    for (auto const& row : rows) {
        auto const network = Network::parse(row.network);
        ASSERT_TRUE(network) << row.network;
        EXPECT_TRUE(network->contains(address(row.inside))) << row.network << ' ' << row.inside;
        EXPECT_FALSE(network->contains(address(row.outside))) << row.network << ' ' << row.outside;
    }
}

TEST(Network, RefusesWhatIsNotOne) {
    for (auto const* const text :
         {"", "x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "10.0.0.1/8", "::/129",
          "2001:db8::1/32", "10.0.0.0/8/8", "10.0.0.0 /8", "host/8", "010.0.0.0/8", "fe80::1%1"}) {
        auto const network = Network::parse(text);
        ASSERT_FALSE(network) << text;
        EXPECT_EQ(network.error().code, ErrorCode::invalid_argument) << text;
    }
}

TEST(Egress, ReportsAllMistakesAtOnce) {
    auto const parsed = EgressPolicy::parse({"10.0.0.0/8", "nonsense"}, {"10.0.0.1/8"});
    ASSERT_FALSE(parsed);
    EXPECT_NE(parsed.error().message.find("deny_networks: network \"nonsense\""), std::string::npos);
    EXPECT_NE(parsed.error().message.find("allow_networks: network \"10.0.0.1/8\""), std::string::npos);
}

}  // namespace
}  // namespace imapcopy::net
