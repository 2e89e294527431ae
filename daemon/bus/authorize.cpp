#include "daemon/bus/authorize.hpp"

#include <grp.h>
#include <sdbus-c++/Error.h>
#include <sdbus-c++/Message.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "common/bus_value.hpp"

namespace imapcopy::bus {
namespace {

constexpr char const* operator_group = "imapcopy";
constexpr std::size_t senders_max = 1024;
constexpr std::chrono::seconds driver_timeout{2};
constexpr char const* driver_interface = "org.freedesktop.DBus";

constexpr std::string_view manager = "org.imapcopyd1.Manager";
constexpr std::string_view job = "org.imapcopyd1.Job";

constexpr std::array member_table = {
    Member{manager, "Test"},
    Member{manager, "Submit"},
    Member{manager, "Plan"},
    Member{manager, "FindJobs"},
    Member{manager, "ListJobs"},
    Member{manager, "Hold"},
    Member{manager, "Release"},
    Member{manager, "Reload"},
    Member{manager, "ListProviders"},
    Member{manager, "DetectProvider"},
    Member{manager, "Version"},
    Member{manager, "State"},
    Member{manager, "JobsByState"},
    Member{manager, "WorkersBusy"},
    Member{manager, "BytesPerSecond"},
    Member{job, "Hold"},
    Member{job, "Release"},
    Member{job, "Cancel"},
    Member{job, "Retry"},
    Member{job, "Resync"},
    Member{job, "Verify"},
    Member{job, "SetSecret"},
    Member{job, "Forget"},
    Member{job, "GetItems"},
    Member{job, "GetReport"},
    Member{job, "Id"},
    Member{job, "Batch"},
    Member{job, "Owner"},
    Member{job, "Label"},
    Member{job, "Language"},
    Member{job, "Source"},
    Member{job, "Destination"},
    Member{job, "State"},
    Member{job, "Phase"},
    Member{job, "Reason"},
    Member{job, "WaitingUntil"},
    Member{job, "Attempt"},
    Member{job, "Created"},
    Member{job, "Started"},
    Member{job, "Ended"},
    Member{job, "LastActivity"},
    Member{job, "FoldersTotal"},
    Member{job, "FoldersDone"},
    Member{job, "MessagesTotal"},
    Member{job, "MessagesDone"},
    Member{job, "MessagesSkipped"},
    Member{job, "BytesTotal"},
    Member{job, "BytesDone"},
    Member{job, "BytesPerSecond"},
    Member{job, "EstimatedEnd"},
    Member{job, "CurrentFolder"},
    Member{job, "Lanes"},
    Member{job, "SourceRoundTrip"},
    Member{job, "DestinationRoundTrip"},
    Member{job, "Bound"},
    Member{job, "Error"},
};

Failure refusal() {
    return {ErrorCode::not_authorized,
            std::string("only root and members of the group ") + operator_group + " may use imapcopyd"};
}

void require_listed(std::string_view interface, std::string_view name) {
    auto const same = [&](Member const& member) {
        return member.interface == interface && member.name == name;
    };
    if (std::ranges::none_of(member_table, same)) throw refusal();
}

/// UnixUserID must be there; a driver that tells no groups leaves none.
Credentials parse_credentials(BusDict const& dict) {
    auto const uid = dict.find("UnixUserID");
    if (uid == dict.end()) throw refusal();
    Credentials credentials{uid->second.get<std::uint32_t>(), {}};
    auto const groups = dict.find("UnixGroupIDs");
    if (groups != dict.end()) credentials.groups = groups->second.get<std::vector<std::uint32_t>>();
    return credentials;
}

}  // namespace

Operators find_operators() {
    Operators operators{::geteuid(), std::nullopt};
    if (auto const* group = ::getgrnam(operator_group)) operators.group = group->gr_gid;
    return operators;
}

bool may_call(Credentials const& credentials, Operators const& operators) {
    if (credentials.uid == 0 || credentials.uid == operators.daemon_uid) return true;
    return operators.group &&
           std::ranges::find(credentials.groups, *operators.group) != credentials.groups.end();
}

std::span<Member const> members() {
    return member_table;
}

Authorizer::Authorizer(Connection& connection, Operators operators)
    : connection_(connection),
      operators_(operators),
      driver_(sdbus::createProxy(connection.bus(), driver_interface, "/org/freedesktop/DBus")) {}

Task<jobs::Caller> Authorizer::authorize(CurrentCall call) {
    require_listed(call.interface, call.member);
    auto const known = known_.find(call.sender);
    if (known != known_.end()) co_return decide(known->second);
    if (call.sender.empty()) throw refusal();
    auto credentials = co_await ask(call.sender);
    co_return decide(remember(call.sender, std::move(credentials)));
}

void Authorizer::authorize_read(std::string_view interface, std::string_view property) {
    require_listed(interface, property);
    auto const& sender = connection_.current_call().sender;
    if (sender.empty()) return;
    auto const known = known_.find(sender);
    decide(known != known_.end() ? known->second : remember(sender, ask_now(sender)));
}

Task<Credentials> Authorizer::ask(std::string sender) {
    auto const initiate = [this, sender](auto handler) {
        // Bus callbacks are copied; the handler of an awaitable cannot be.
        auto const shared = std::make_shared<decltype(handler)>(std::move(handler));
        auto const on_reply = [executor = connection_.executor(), shared](sdbus::Error const* error,
                                                                          BusDict const& dict) {
            std::exception_ptr failed;
            Credentials credentials;
            // Only an exception crosses from here to the coroutine, and whatever goes wrong means no.
            try {
                if (error != nullptr) throw refusal();
                credentials = parse_credentials(dict);
            } catch (std::exception const&) {
                failed = std::make_exception_ptr(refusal());
            }
            auto resume = [shared, failed, credentials] { (*shared)(failed, credentials); };
            boost::asio::post(executor, std::move(resume));
        };
        driver_->callMethodAsync("GetConnectionCredentials")
            .onInterface(driver_interface)
            .withTimeout(driver_timeout)
            .withArguments(sender)
            .uponReplyInvoke(on_reply);
        connection_.kick();
    };
    auto credentials = co_await boost::asio::async_initiate<boost::asio::use_awaitable_t<> const,
                                                            void(std::exception_ptr, Credentials)>(
        initiate, boost::asio::use_awaitable);
    co_return credentials;
}

Credentials Authorizer::ask_now(std::string const& sender) {
    BusDict dict;
    try {
        driver_->callMethod("GetConnectionCredentials")
            .onInterface(driver_interface)
            .withTimeout(driver_timeout)
            .withArguments(sender)
            .storeResultsTo(dict);
        return parse_credentials(dict);
    } catch (sdbus::Error const&) {
        throw refusal();
    }
}

Credentials const& Authorizer::remember(std::string const& sender, Credentials credentials) {
    // Forgetting costs one more question, so any victim will do.
    if (known_.size() >= senders_max) known_.erase(known_.begin());
    return known_.insert_or_assign(sender, std::move(credentials)).first->second;
}

jobs::Caller Authorizer::decide(Credentials const& credentials) const {
    if (!may_call(credentials, operators_)) throw refusal();
    return jobs::Caller{credentials.uid};
}

}  // namespace imapcopy::bus
