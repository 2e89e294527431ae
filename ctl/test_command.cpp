#include "common/account_address.hpp"
#include "common/text.hpp"
#include "ctl/accounts.hpp"
#include "ctl/call.hpp"
#include "ctl/caught.hpp"
#include "ctl/exit_status.hpp"

namespace imapcopy::ctl {
namespace {

Json test_fields(TestView const& view, Side side) {
    auto out = Json::object();
    out["side"] = to_string(side);
    out["host"] = view.account.host;
    out["port"] = view.account.port;
    out["tls"] = to_string(view.account.tls);
    out["login"] = view.account.login;
    out["greeting"] = view.greeting;
    out["capabilities"] = view.capabilities;
    out["folders"] = view.folders;
    return out;
}

/// Steps are results of `test` itself where people read, else they are remarks.
void show_step(Call const& call, std::string const& text) {
    if (call.style().quiet) return;
    if (call.arguments.verb == Verb::test && call.style().format == Format::table) {
        call.terminal.out(text);
    } else {
        call.terminal.err(text);
    }
}

void show_details(Call const& call, TestView const& view) {
    auto const port = std::to_string(view.account.port);
    auto const folders = std::to_string(view.folders);
    show_step(
        call,
        " (" + call.say(Message::ctl_test_details, {printable(view.account.host), port, folders}) + ")");
}

}  // namespace

TestView finished_test(Call const& call, AccountSpec const& account, Side side) {
    show_step(call,
              call.say(Message::ctl_testing, {to_string(side), printable(to_string(account), 128)}) + " ");
    TestView view;
    auto const error = caught([&] { view = call.client.finish_test(side); });
    if (error) {
        show_step(call, colored(call.say(Message::ctl_test_failed), Color::red, call.style()) + "\n");
        auto sided = *error;
        if (!sided.side) sided.side = side;
        throw Failure(std::move(sided));
    }
    show_step(call, colored(call.say(Message::ctl_test_established), Color::green, call.style()));
    if (call.style().verbose) show_details(call, view);
    show_step(call, "\n");
    if (call.style().verbose && !view.greeting.empty())
        show_step(call, "  " + printable(view.greeting) + "\n");
    return view;
}

int test_command(Call const& call) {
    auto const requests = account_requests(call.arguments).value();
    auto const source_secret = obtain_secret(requests.source, Side::source, call.arguments, call.terminal);
    auto const destination_secret =
        obtain_secret(requests.destination, Side::destination, call.arguments, call.terminal);
    call.client.begin_test(requests.source.account, Side::source, source_secret);
    call.client.begin_test(requests.destination.account, Side::destination, destination_secret);
    auto const source = finished_test(call, requests.source.account, Side::source);
    auto const destination = finished_test(call, requests.destination.account, Side::destination);
    if (call.style().format == Format::table) return exit_status::done;
    Records records{.plural = "accounts", .singular = "account", .columns = {}, .preferred = 6, .rows = {}};
    records.columns = {{"side"},     {"host"},        {"port", Kind::number},
                       {"tls"},      {"login"},       {"folders", Kind::number},
                       {"greeting"}, {"capabilities"}};
    records.rows.push_back({.fields = test_fields(source, Side::source)});
    records.rows.push_back({.fields = test_fields(destination, Side::destination)});
    print(call.terminal, call.style(), records);
    return exit_status::done;
}

}  // namespace imapcopy::ctl
