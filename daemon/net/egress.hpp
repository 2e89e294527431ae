#pragma once

// Egress policy: which addresses the daemon may connect to. Pure; judged on the resolved address, not on the
// name.

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

namespace imapcopy::net {

using IpAddress = boost::asio::ip::address;

/// An address block in CIDR notation: "10.0.0.0/8", "2001:db8::/32"; a single address is a block of one.
class Network {
 public:
    /// Errors: invalid_argument, also for set bits past the prefix ("10.0.0.1/8"), which mostly hide a
    /// mistake.
    static Result<Network> parse(std::string_view text);
    bool contains(IpAddress const& address) const;

 private:
    Network(IpAddress const& base, unsigned prefix_bits) : base_(base), prefix_bits_(prefix_bits) {}

    IpAddress base_;
    unsigned prefix_bits_ = 0;
};

enum class AddressClass { ordinary, unspecified, link_local, multicast, broadcast };
std::string_view to_string(AddressClass address_class);  ///< "link-local", …
/// Of the address itself; see judged_address for the forms that hide another one.
AddressClass classify(IpAddress const& address);

/// The IPv4 address that packets to `address` end at, where it embeds one: v4-mapped and v4-compatible (RFC
/// 4291 §2.5.5), 6to4 (RFC 3056), Teredo (RFC 4380), NAT64 (RFC 6052, RFC 8215), ISATAP (RFC 5214). Else
/// `address`.
IpAddress judged_address(IpAddress const& address);

/// Link-local, multicast, broadcast and unspecified addresses are always refused; the rest as configured.
class EgressPolicy {
 public:
    /// Both lists in CIDR notation; all mistakes of both in one error (invalid_argument).
    static Result<EgressPolicy> parse(std::vector<std::string> const& deny_networks,
                                      std::vector<std::string> const& allow_networks);
    /// Refuses with address_not_allowed; the message names the address and the reason. An embedded address is
    /// refused if either form is denied, and allowed if either form is in allow_networks (an empty list
    /// allows all).
    Result<> check(IpAddress const& address) const;

 private:
    std::vector<Network> deny_;
    std::vector<Network> allow_;
};

}  // namespace imapcopy::net
