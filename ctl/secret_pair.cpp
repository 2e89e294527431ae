#include "ctl/secret_pair.hpp"

#include "ctl/accounts.hpp"
#include "ctl/caught.hpp"

namespace imapcopy::ctl {

SecretPair given_secrets(Arguments const& arguments) {
    return {given_secret(arguments, Side::source), given_secret(arguments, Side::destination)};
}

AccountSpec account_of(Call const& call, JobId id, Side side) {
    auto const job = call.client.job(id);
    if (!job) throw Failure(ErrorCode::no_such_job, call.say(Message::ctl_no_job, {to_string(id)}));
    return side == Side::source ? job->spec.source : job->spec.destination;
}

void with_secrets(Call const& call, JobId id, SecretPair const& given,
                  std::function<void(SecretPair const&)> const& action) {
    auto error = caught([&] { action(given); });
    if (!error) return;
    if (error->code != ErrorCode::credentials_missing) throw Failure(*error);
    if (!call.arguments.ask_password || !call.terminal.can_ask()) {
        error->message += "; " + call.say(Message::ctl_name_password_files);
        throw Failure(*error);
    }
    SecretPair all{given.source.clone(), given.destination.clone()};
    for (auto const side : {Side::source, Side::destination}) {
        auto& secret = side == Side::source ? all.source : all.destination;
        if (!secret.empty()) continue;
        secret = asked_secret(account_of(call, id, side), side, call.arguments, call.terminal);
    }
    action(all);
}

}  // namespace imapcopy::ctl
