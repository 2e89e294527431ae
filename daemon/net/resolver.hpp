#pragma once

// Resolver: host names to addresses, off the loop. The only door to getaddrinfo and to threads that wait for
// it.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/clock.hpp"
#include "common/result.hpp"

namespace imapcopy::net {

using Addresses = std::vector<boost::asio::ip::address>;

/// Looks up names with a few threads, so that a dead DNS zone holds up nobody else: callers that ask for the
/// same name share one lookup, a lookup gives up after about ten seconds, and each caller only waits to its
/// own deadline.
class Resolver {
 public:
    /// How a name is looked up; blocks, runs in a thread of the pool, and must be safe to call from several
    /// at once.
    using LookUp = std::function<Result<Addresses>(std::string const& host)>;
    static constexpr std::size_t threads_max = 8;

    /// `clock` must outlive the resolver, and the resolver every call of resolve.
    Resolver(boost::asio::any_io_executor executor, Clock& clock, LookUp look_up = system_look_up);
    /// Waits for lookups that a thread is busy with.
    ~Resolver();
    Resolver(Resolver const&) = delete;
    Resolver& operator=(Resolver const&) = delete;

    /// At least one address, in the order of RFC 6724. An address literal is returned as it is, at once.
    /// Throws Failure: name_not_found, unavailable (the name servers gave no answer), timed_out.
    Task<Addresses> resolve(std::string host, TimePoint deadline);

    /// getaddrinfo.
    static Result<Addresses> system_look_up(std::string const& host);

 private:
    class Pool;
    std::unique_ptr<Pool> pool_;
    Clock& clock_;
};

}  // namespace imapcopy::net
