#include "daemon/config/units.hpp"

#include <gtest/gtest.h>

#include <string>

namespace imapcopy::config {
namespace {

using std::chrono::seconds;

TEST(ParseSize, KnowsBothFamiliesOfUnits) {
    EXPECT_EQ(parse_size("512B"), 512U);
    EXPECT_EQ(parse_size("3KB"), 3000U);
    EXPECT_EQ(parse_size("64MiB"), 64ULL << 20U);
    EXPECT_EQ(parse_size("2 GiB"), 2ULL << 30U);
    EXPECT_EQ(parse_size("0B"), 0U);
}

TEST(ParseSize, RefusesEverythingElse) {
    for (auto const* text : {"", "MiB", "64", "64mib", "64 M", "-1B", "1.5GiB", "64  MiB", "64MiB ",
                             "9000000TiB", "99999999999999999999B"}) {
        EXPECT_FALSE(parse_size(text)) << text;
    }
}

TEST(ParseDuration, KnowsSecondsToDays) {
    EXPECT_EQ(parse_duration("30s"), seconds(30));
    EXPECT_EQ(parse_duration("5min"), seconds(300));
    EXPECT_EQ(parse_duration("1h"), seconds(3600));
    EXPECT_EQ(parse_duration("30 d"), seconds(30 * 86400));
}

TEST(ParseDuration, RefusesEverythingElse) {
    for (auto const* text : {"", "s", "5", "5m", "5 minutes", "-1s", "1h30min", "40000d", "0x5s"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(IsNetwork, WantsAnAddressAndItsBits) {
    for (auto const* text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.7/32", "fe80::/10", "::/0", "::1/128"}) {
        EXPECT_TRUE(is_network(text)) << text;
    }
    for (auto const* text :
         {"", "/", "10.0.0.0", "10.0.0.0/33", "::1/129", "10.0.0/8", "host/8", "10.0.0.0/", "1.2.3.4/-1"}) {
        EXPECT_FALSE(is_network(text)) << text;
    }
}

TEST(IsHost, TakesNamesAndAddresses) {
    for (auto const* text : {"localhost", "imap.example.org", "192.0.2.1", "::1", "a-b.c_d"}) {
        EXPECT_TRUE(is_host(text)) << text;
    }
    for (auto const* text : {"", ".", "a..b", "a b", "a:1", "imaps://a", "a/b", "a\nb", "[::1]"}) {
        EXPECT_FALSE(is_host(text)) << text;
    }
    EXPECT_FALSE(is_host(std::string(254, 'a')));
}

TEST(IsHostWithPort, TakesAPortBehindTheHost) {
    for (auto const* text : {"localhost", "localhost:143", "192.0.2.1:1143", "[::1]:143", "::1"}) {
        EXPECT_TRUE(is_host_with_port(text)) << text;
    }
    for (auto const* text : {"", ":143", "a:0", "a:65536", "a:", "a:b", "[a]:1", "a:1:2"}) {
        EXPECT_FALSE(is_host_with_port(text)) << text;
    }
}

}  // namespace
}  // namespace imapcopy::config
