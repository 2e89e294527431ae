#include "daemon/net/tcp_connector.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/deadline.hpp"
#include "common/text.hpp"
#include "daemon/net/tcp_stream.hpp"

namespace imapcopy::net {
namespace {

using boost::asio::ip::tcp;

std::string title(Target const& target) {
    return "connecting to \"" + printable(target.host, 255) + "\" port " + std::to_string(target.port);
}

Error tls_required(Target const& target) {
    return {ErrorCode::tls_required,
            title(target) +
                ": unencrypted connections to this host are not allowed; use imaps:// or imap://, or have "
                "the administrator add it to [security] cleartext_hosts"};
}

Error failed_attempt(IpAddress const& address, boost::system::error_code const& error) {
    auto const code =
        error == boost::asio::error::timed_out ? ErrorCode::timed_out : ErrorCode::connection_refused;
    return {code, address.to_string() + ": " + ascii_lower(error.message())};
}

/// The error of a target none of whose addresses answered: the last one's code, all of their reasons.
Error all_failed(Target const& target, std::vector<Error> const& errors) {
    std::string reasons;
    for (auto const& error : errors) reasons += (reasons.empty() ? "" : "; ") + error.message;
    return {errors.back().code, title(target) + ": " + reasons};
}

/// How connecting ended, as a value: a failure is a reason to try the next address. `socket` and `clock`
/// outlive the call.
Task<boost::system::error_code> try_connect(tcp::socket& socket, Clock& clock, tcp::endpoint endpoint,
                                            TimePoint deadline) {
    bool late = false;
    auto on_alarm = [&late, &socket] {
        boost::system::error_code ignored;
        late = true;
        (void)socket.cancel(ignored);  // The connect below then ends.
    };
    auto const alarm = clock.make_alarm(std::move(on_alarm));
    alarm->set(deadline);
    boost::system::error_code error;
    co_await socket.async_connect(endpoint, boost::asio::redirect_error(boost::asio::use_awaitable, error));
    if (late) co_return boost::asio::error::timed_out;
    co_return error;
}

/// The time by which one of `addresses_left` addresses must have answered, so that each gets its share.
TimePoint share_of(TimePoint now, TimePoint deadline, std::size_t addresses_left) {
    return now + (deadline - now) / static_cast<Duration::rep>(addresses_left);
}

}  // namespace

Result<> validate(NetPolicy const& policy) {
    std::string mistakes;
    auto const note = [&](Error const& error) { mistakes += (mistakes.empty() ? "" : "; ") + error.message; };
    auto const egress = EgressPolicy::parse(policy.deny_networks, policy.allow_networks);
    if (!egress) note(egress.error());
    auto const context = TlsContext::make(policy.ca_file);
    if (!context) note(context.error());
    if (!mistakes.empty()) return Error{ErrorCode::invalid_argument, mistakes};
    return {};
}

bool allows_cleartext(NetPolicy const& policy, std::string_view host, std::uint16_t port) {
    auto const with_port = std::string(host) + ":" + std::to_string(port);
    return std::ranges::any_of(policy.cleartext_hosts, [&](std::string const& listed) {
        return ascii_iequals(listed, host) || ascii_iequals(listed, with_port);
    });
}

TcpConnector::TcpConnector(boost::asio::any_io_executor executor, Clock& clock, NetPolicy policy,
                           Resolver::LookUp look_up)
    : executor_(executor),
      clock_(clock),
      resolver_(executor, clock, std::move(look_up)),
      policy_(std::move(policy)),
      egress_(EgressPolicy::parse(policy_.deny_networks, policy_.allow_networks).value()),
      tls_(TlsContext::make(policy_.ca_file).value()) {}

void TcpConnector::set_policy(NetPolicy policy) {
    auto egress = EgressPolicy::parse(policy.deny_networks, policy.allow_networks).value();
    auto tls = TlsContext::make(policy.ca_file).value();
    policy_ = std::move(policy);
    egress_ = std::move(egress);
    tls_ = std::move(tls);
}

Task<std::unique_ptr<Stream>> TcpConnector::connect(Target target, TimePoint deadline) {
    if (target.tls == TlsMode::cleartext && !allows_cleartext(policy_, target.host, target.port)) {
        throw Failure(tls_required(target));
    }
    auto const addresses = co_await resolver_.resolve(target.host, deadline);
    std::vector<Error> errors;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        auto const verdict = egress_.check(addresses[i]);
        if (!verdict) {
            errors.push_back(verdict.error());
            continue;
        }
        tcp::socket socket(executor_);
        auto const attempt_deadline = share_of(clock_.now(), deadline, addresses.size() - i);
        auto const endpoint = tcp::endpoint(addresses[i], target.port);
        auto const error = co_await try_connect(socket, clock_, endpoint, attempt_deadline);
        if (error == boost::asio::error::operation_aborted) {
            throw Failure(ErrorCode::cancelled, title(target) + ": cancelled");
        }
        if (!error) {
            auto peer = TlsPeer{target.host, target.port, target.tls_pin};
            auto stream = std::make_unique<TcpStream>(std::move(socket), clock_, tls_, std::move(peer));
            if (target.tls == TlsMode::implicit) co_await stream->start_tls(deadline);
            co_return stream;
        }
        errors.push_back(failed_attempt(addresses[i], error));
    }
    throw Failure(all_failed(target, errors));
}

}  // namespace imapcopy::net
