#include "daemon/net/peer_cache.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace imapcopy::net {
namespace {

TEST(PeerCache, GivesTheNewestOfAPeerOnce) {
    PeerCache<int> cache({2, 10});
    cache.keep("a", 1);
    cache.keep("b", 2);
    cache.keep("a", 3);
    EXPECT_EQ(cache.take("a"), 3);
    EXPECT_EQ(cache.take("a"), 1);
    EXPECT_EQ(cache.take("a"), std::nullopt);
    EXPECT_EQ(cache.take("b"), 2);
}

TEST(PeerCache, DropsTheOldestOfAPeerThatGivesMany) {
    PeerCache<int> cache({2, 10});
    cache.keep("b", 0);
    for (int i = 1; i <= 3; ++i) cache.keep("a", i);
    EXPECT_EQ(cache.take("a"), 3);
    EXPECT_EQ(cache.take("a"), 2);
    EXPECT_EQ(cache.take("a"), std::nullopt);
    EXPECT_EQ(cache.take("b"), 0);
}

TEST(PeerCache, DropsTheOldestOfAllForANewPeer) {
    PeerCache<std::unique_ptr<int>> cache({2, 3});
    for (auto const* const peer : {"a", "b", "c", "d"}) cache.keep(peer, std::make_unique<int>(1));
    EXPECT_FALSE(cache.take("a"));
    EXPECT_TRUE(cache.take("b"));
    EXPECT_TRUE(cache.take("c"));
    EXPECT_TRUE(cache.take("d"));
}

}  // namespace
}  // namespace imapcopy::net
