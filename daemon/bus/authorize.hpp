#pragma once

// May this sender do this? Every member is authorised here once more, whatever the policy of the bus says.

#include <sdbus-c++/IProxy.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"
#include "common/task.hpp"
#include "daemon/bus/connection.hpp"
#include "daemon/jobs/service.hpp"

namespace imapcopy::bus {

/// What the bus driver says of a connection.
struct Credentials {
    std::uint32_t uid = 0;
    std::vector<std::uint32_t> groups;  ///< Primary and supplementary, as of the time it connected.
};

/// Whom the daemon obeys, beside root.
struct Operators {
    std::uint32_t daemon_uid = 0;
    std::optional<std::uint32_t> group;  ///< The group "imapcopy", where there is one.
};
/// Looks both up. May ask a name service: for the start of the daemon only.
Operators find_operators();

bool may_call(Credentials const& credentials, Operators const& operators);

/// A method or property that the daemon exports. What is not in the table is refused to everybody.
struct Member {
    std::string_view interface;
    std::string_view name;
};
std::span<Member const> members();

class Authorizer {
 public:
    /// `connection` outlives it.
    Authorizer(Connection& connection, Operators operators);

    /// For method calls: asks the bus driver without blocking, once per sender. Throws
    /// Failure(not_authorized); any error on the way means no.
    Task<jobs::Caller> authorize(CurrentCall call);
    /// For property getters, which cannot wait: the same for the call that is being dispatched, with a
    /// blocking question to the bus driver the first time that a sender is seen (a local round trip of at
    /// most 2 s). Where no call is being dispatched, the daemon itself is reading, for a signal. Throws
    /// Failure.
    void authorize_read(std::string_view interface, std::string_view property);

 private:
    Task<Credentials> ask(std::string sender);
    Credentials ask_now(std::string const& sender);
    Credentials const& remember(std::string const& sender, Credentials credentials);
    jobs::Caller decide(Credentials const& credentials) const;

    Connection& connection_;
    Operators operators_;
    std::unique_ptr<sdbus::IProxy> driver_;
    /// By unique name. A bus never gives a unique name twice, and the credentials behind one never change, so
    /// entries need no invalidation; the number is bounded.
    std::map<std::string, Credentials> known_;
};

}  // namespace imapcopy::bus
