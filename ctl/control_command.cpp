#include <algorithm>

#include "common/text.hpp"
#include "ctl/accounts.hpp"
#include "ctl/call.hpp"
#include "ctl/caught.hpp"
#include "ctl/exit_status.hpp"
#include "ctl/secret_pair.hpp"

namespace imapcopy::ctl {
namespace {

/// What was done to a job, for people and as the type of a JSON line.
struct Done {
    Message text;
    std::string_view type;
};

/// Tells of a job at once, but in the one document: that takes what `answered` gathers.
void show_done(Call const& call, Done done, JobId id, bool acted, Records& answered) {
    auto fields = Json::object();
    fields["id"] = id.value();
    fields["done"] = acted;
    if (call.style().format == Format::json) {
        answered.rows.push_back({fields});
    } else if (call.style().format == Format::jsonl) {
        print_document(call.terminal, call.style(), done.type, fields);
    } else if (!call.style().quiet) {
        auto const text = call.say(acted ? done.text : Message::ctl_left_alone,
                                   {to_string(id), to_string(call.arguments.side.value_or(Side::source))});
        call.terminal.out(text + "\n");
    }
}

/// Does `action` to every job and says `done`; a failure does not keep the others from theirs. The first
/// failure decides the exit status. `action` answers false where the person did not want it.
int each_job(Call const& call, Done done, std::function<bool(JobId)> const& action) {
    int status = exit_status::done;
    Records answered;
    answered.plural = "jobs";
    answered.columns = {{"id"}, {"done"}};
    if (call.style().format == Format::json) check_fields(call.style(), answered);
    for (auto const id : numbered_jobs(call)) {
        bool acted = false;
        auto const error = caught([&] { acted = action(id); });
        if (!error) {
            show_done(call, done, id, acted, answered);
            continue;
        }
        show_error(call.terminal, within("job " + to_string(id), *error), call.style().language);
        if (call.terminal.left_unanswered()) {
            status = exit_status::detached;
            break;
        }
        if (status == exit_status::done) status = imapcopy::exit_status(*error);
    }
    if (call.style().format == Format::json) print(call.terminal, call.style(), answered);
    return status;
}

/// Yes without asking where nobody can be asked or --yes was given.
bool confirmed(Call const& call, Message question, JobId id) {
    if (call.arguments.assume_yes || !call.terminal.can_ask()) return true;
    auto const job = call.client.job(id);
    if (!job) return true;  // The daemon says that there is none.
    auto const line =
        call.terminal.ask(call.say(question, {to_string(id), printable(job->spec.source.address),
                                              printable(job->spec.destination.address)}));
    auto const text = line ? trim(*line) : std::string_view();
    return !text.empty() && ascii_lower(text.front()) == 'y';
}

/// retry and resync: with the secrets that are stored or given; asks for those that are gone.
template <class Method>
int each_again(Call const& call, Done done, Method method) {
    auto const given = given_secrets(call.arguments);
    return each_job(call, done, [&](JobId id) {
        with_secrets(call, id, given, [&](SecretPair const& secrets) {
            (call.client.*method)(id, secrets.source, secrets.destination);
        });
        return true;
    });
}

}  // namespace

int hold_command(Call const& call) {
    return each_job(call, {Message::ctl_held, "held"}, [&](JobId id) {
        call.client.hold(id);
        return true;
    });
}

int release_command(Call const& call) {
    return each_job(call, {Message::ctl_released, "released"}, [&](JobId id) {
        call.client.release(id);
        return true;
    });
}

int cancel_command(Call const& call) {
    return each_job(call, {Message::ctl_cancelled, "cancelled"}, [&](JobId id) {
        if (!confirmed(call, Message::ctl_ask_cancel, id)) return false;
        call.client.cancel(id);
        return true;
    });
}

int retry_command(Call const& call) {
    return each_again(call, {Message::ctl_retried, "retried"}, &DaemonClient::retry);
}

int resync_command(Call const& call) {
    return each_again(call, {Message::ctl_resynced, "resynced"}, &DaemonClient::resync);
}

int auth_command(Call const& call) {
    auto const side = call.arguments.side.value_or(Side::source);
    auto const given = given_secret(call.arguments, side);
    return each_job(call, {Message::ctl_secret_set, "secret_set"}, [&](JobId id) {
        auto const secret =
            given.empty() ? asked_secret(account_of(call, id, side), side, call.arguments, call.terminal)
                          : given.clone();
        call.client.set_secret(id, side, secret);
        return true;
    });
}

int forget_command(Call const& call) {
    auto const ledger =
        call.arguments.forget_ledger ? DaemonClient::Ledger::forget : DaemonClient::Ledger::keep;
    return each_job(call, {Message::ctl_forgotten, "forgotten"}, [&](JobId id) {
        if (call.arguments.forget_ledger && !confirmed(call, Message::ctl_ask_forget_ledger, id))
            return false;
        call.client.forget(id, ledger);
        return true;
    });
}

}  // namespace imapcopy::ctl
