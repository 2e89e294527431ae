#include "daemon/net/egress.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "common/text.hpp"

namespace imapcopy::net {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

/// Where an IPv6 block keeps its IPv4 address.
struct Embedding {
    std::array<std::uint8_t, 12> prefix;
    unsigned prefix_bits;
    std::size_t offset;
    std::uint8_t mask;  ///< XORed onto each byte: Teredo stores the complement.
};

constexpr std::array embeddings = {
    Embedding{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12, 0},  // v4-mapped ::ffff:0:0/96.
    Embedding{{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0}, 96, 12, 0},  // SIIT ::ffff:0:0:0/96 (RFC 7915).
    Embedding{{}, 96, 12, 0},                                          // v4-compatible ::/96.
    Embedding{{0x20, 0x02}, 16, 2, 0},                                 // 6to4 2002::/16.
    Embedding{{0x20, 0x01, 0, 0}, 32, 12, 0xff},                       // Teredo 2001::/32.
    Embedding{{0, 0x64, 0xff, 0x9b}, 96, 12, 0},                       // NAT64 64:ff9b::/96.
    Embedding{{0, 0x64, 0xff, 0x9b, 0, 1}, 48, 12, 0},                 // Local NAT64 64:ff9b:1::/48.
};

/// Compares the first `bits` bits.
bool same_prefix(std::span<std::uint8_t const> a, std::span<std::uint8_t const> b, unsigned bits) {
    auto const whole = bits / 8;
    if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
    if (bits % 8 == 0) return true;
    auto const mask = static_cast<std::uint8_t>(0xffU << (8 - bits % 8));
    return ((a[whole] ^ b[whole]) & mask) == 0;
}

/// IPv4 inside the interface identifier: [00|02]00:5efe:a.b.c.d.
bool is_isatap(address_v6::bytes_type const& bytes) {
    return (bytes[8] & 0xfdU) == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe;
}

address_v4 v4_at(address_v6::bytes_type const& bytes, std::size_t offset, std::uint8_t mask) {
    address_v4::bytes_type v4{};
    for (std::size_t i = 0; i < v4.size(); ++i) v4[i] = bytes[offset + i] ^ mask;
    return address_v4(v4);
}

bool has_bits_past(std::span<std::uint8_t const> bytes, unsigned bits) {
    for (auto bit = bits; bit < bytes.size() * 8; ++bit) {
        if ((bytes[bit / 8] & (0x80U >> (bit % 8))) != 0) return true;
    }
    return false;
}

Error bad_network(std::string_view text, std::string_view why) {
    return {ErrorCode::invalid_argument, "network \"" + printable(text, 64) + "\": " + std::string(why)};
}

/// Parses every entry; mistakes are added to `mistakes` by the caller's list name.
std::vector<Network> parse_list(std::vector<std::string> const& texts, std::string_view list,
                                std::vector<std::string>& mistakes) {
    std::vector<Network> networks;
    for (auto const& text : texts) {
        auto network = Network::parse(text);
        if (network) {
            networks.push_back(*network);
        } else {
            mistakes.push_back(std::string(list) + ": " + network.error().message);
        }
    }
    return networks;
}

}  // namespace

Result<Network> Network::parse(std::string_view text) {
    auto const slash = text.find('/');
    boost::system::error_code error;
    auto const base = boost::asio::ip::make_address(std::string(text.substr(0, slash)), error);
    if (error || (base.is_v6() && base.to_v6().scope_id() != 0)) {
        return bad_network(text, "not an IP address; write for example 10.0.0.0/8 or 2001:db8::/32");
    }
    unsigned const bits_max = base.is_v4() ? 32 : 128;
    auto bits = std::optional<std::uint64_t>(bits_max);
    if (slash != std::string_view::npos) bits = parse_number(text.substr(slash + 1));
    if (!bits || *bits > bits_max) {
        return bad_network(text, "the prefix length must be 0 to " + std::to_string(bits_max));
    }
    auto const prefix_bits = static_cast<unsigned>(*bits);
    bool const loose = base.is_v4() ? has_bits_past(base.to_v4().to_bytes(), prefix_bits)
                                    : has_bits_past(base.to_v6().to_bytes(), prefix_bits);
    if (loose) return bad_network(text, "bits are set past the prefix");
    return Network(base, prefix_bits);
}

bool Network::contains(IpAddress const& address) const {
    if (address.is_v4() != base_.is_v4()) return false;
    if (address.is_v4())
        return same_prefix(address.to_v4().to_bytes(), base_.to_v4().to_bytes(), prefix_bits_);
    return same_prefix(address.to_v6().to_bytes(), base_.to_v6().to_bytes(), prefix_bits_);
}

std::string_view to_string(AddressClass address_class) {
    switch (address_class) {
        case AddressClass::ordinary: return "ordinary";
        case AddressClass::unspecified: return "unspecified";
        case AddressClass::link_local: return "link-local";
        case AddressClass::multicast: return "multicast";
        case AddressClass::broadcast: return "broadcast";
    }
    return {};
}

AddressClass classify(IpAddress const& address) {
    if (address.is_multicast()) return AddressClass::multicast;
    if (address.is_v6()) {
        if (address.is_unspecified()) return AddressClass::unspecified;
        return address.to_v6().is_link_local() ? AddressClass::link_local : AddressClass::ordinary;
    }
    auto const bytes = address.to_v4().to_bytes();
    if (bytes[0] == 0)
        return AddressClass::unspecified;  // All of 0.0.0.0/8 means "this host" (RFC 1122 §3.2.1.3).
    if (bytes[0] == 169 && bytes[1] == 254) return AddressClass::link_local;
    if (address.to_v4() == address_v4::broadcast()) return AddressClass::broadcast;
    return AddressClass::ordinary;
}

IpAddress judged_address(IpAddress const& address) {
    if (address.is_v4() || address.is_unspecified() || address.is_loopback()) return address;
    auto const bytes = address.to_v6().to_bytes();
    for (auto const& embedding : embeddings) {
        if (same_prefix(bytes, embedding.prefix, embedding.prefix_bits)) {
            return v4_at(bytes, embedding.offset, embedding.mask);
        }
    }
    if (is_isatap(bytes) && !address.to_v6().is_link_local()) return v4_at(bytes, 12, 0);
    return address;
}

Result<EgressPolicy> EgressPolicy::parse(std::vector<std::string> const& deny_networks,
                                         std::vector<std::string> const& allow_networks) {
    std::vector<std::string> mistakes;
    EgressPolicy policy;
    policy.deny_ = parse_list(deny_networks, "deny_networks", mistakes);
    policy.allow_ = parse_list(allow_networks, "allow_networks", mistakes);
    if (mistakes.empty()) return policy;
    std::string message;
    for (auto const& mistake : mistakes) message += (message.empty() ? "" : "; ") + mistake;
    return Error{ErrorCode::invalid_argument, message};
}

Result<> EgressPolicy::check(IpAddress const& address) const {
    auto const judged = judged_address(address);
    auto name = "address " + address.to_string();
    if (judged != address) name += " (which is " + judged.to_string() + ")";
    auto const in = [&](Network const& network) {
        return network.contains(address) || network.contains(judged);
    };
    auto const refuse = [&](std::string const& why) {
        return Error{ErrorCode::address_not_allowed, name + " is not allowed: " + why};
    };
    for (auto const& form : {address, judged}) {
        auto const address_class = classify(form);
        if (address_class != AddressClass::ordinary) {
            return refuse(std::string(to_string(address_class)) + " addresses are always refused");
        }
    }
    if (std::ranges::any_of(deny_, in)) return refuse("it is in [security] deny_networks");
    if (!allow_.empty() && std::ranges::none_of(allow_, in)) {
        return refuse("it is not in [security] allow_networks");
    }
    return {};
}

}  // namespace imapcopy::net
