#pragma once

// Digests for a comparison of content between two servers, which may differ in how they end lines.

#include <vector>

#include "daemon/copy/comparison.hpp"
#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/identity.hpp"

namespace imapcopy::copy {

/// SHA-256 of every byte of a message, except that each line end (CRLF, bare LF or bare CR) counts as CRLF,
/// and those at the very end not at all: servers store mail with other line ends, and add a missing last one.
class ContentHasher {
 public:
    void add(std::string_view bytes);
    Digest finish();  ///< Once; then the object is spent.

 private:
    Hasher hasher_;
    std::uint64_t line_ends_ = 0;  ///< Seen, and not hashed until something follows.
    bool after_cr_ = false;
};

struct ContentDigest {
    Uid uid;
    Hash128 content{};
};

/// Digests of the bodies that the server gives, ascending by UID; bodies stream by and are not kept. `uids`
/// ascend. Throws Failure like Endpoint::fetch_bodies.
Task<std::vector<ContentDigest>> content_digests(Endpoint& endpoint, MailboxName mailbox,
                                                 std::vector<Uid> uids);

}  // namespace imapcopy::copy
