#include "daemon/jobs/admission.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "common/account_address.hpp"
#include "common/text.hpp"
#include "daemon/jobs/schedule.hpp"

namespace imapcopy::jobs {
namespace {

/// Longer than every login, host and folder path that servers accept.
constexpr std::size_t string_bytes_max = 1024;
constexpr std::size_t rules_max = 1000;

bool is_clean(std::string_view text) {
    bool const control =
        std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    return !control && text.size() <= string_bytes_max && is_utf8(text);
}

struct Named {
    std::string_view name;
    std::string_view text;
};

std::vector<Named> strings_of(JobSpec const& spec) {
    std::vector<Named> strings = {
        {"label", spec.label}, {"language", spec.language}, {"below", spec.folders.below}};
    for (auto const* account : {&spec.source, &spec.destination}) {
        for (auto const& named :
             {Named{"provider", account->provider}, Named{"host", account->host},
              Named{"login", account->login}, Named{"address", account->address},
              Named{"authorize_as", account->authorize_as}, Named{"tls_pin", account->tls_pin}}) {
            strings.push_back(named);
        }
    }
    for (auto const& pattern : spec.folders.include) strings.push_back({"include", pattern});
    for (auto const& pattern : spec.folders.exclude) strings.push_back({"exclude", pattern});
    for (auto const& rule : spec.folders.rename) {
        strings.push_back({"rename", rule.from});
        strings.push_back({"rename", rule.to});
    }
    return strings;
}

Result<> check_strings(JobSpec const& spec) {
    auto const& folders = spec.folders;
    if (folders.include.size() + folders.exclude.size() + folders.rename.size() > rules_max) {
        return Error{ErrorCode::invalid_argument,
                     "more than " + std::to_string(rules_max) + " folder rules; use patterns with *"};
    }
    for (auto const& [name, text] : strings_of(spec)) {
        if (is_clean(text)) continue;
        return Error{ErrorCode::invalid_argument,
                     std::string(name) + " \"" + printable(text, 64) +
                         "\" must be UTF-8 without control characters, at most " +
                         std::to_string(string_bytes_max) + " bytes"};
    }
    return {};
}

}  // namespace

Result<AccountSpec> resolved_account(AccountSpec account, Side side, config::Providers const& providers) {
    if (account.login.empty()) {
        auto error =
            Error{ErrorCode::invalid_address, std::string(to_string(side)) + ": the login is missing"};
        error.side = side;
        return error;
    }
    auto result = providers.resolve(std::move(account), side);
    if (result.has_value()) return result;
    auto error = within(std::string(to_string(side)), result.error());
    error.side = side;
    return error;
}

Result<JobSpec> resolved(JobSpec spec, Settings const& settings) {
    auto const checked = check_strings(spec);
    if (checked.has_error()) return checked.error();
    auto source = resolved_account(spec.source, Side::source, settings.providers);
    if (source.has_error()) return source.error();
    auto destination = resolved_account(spec.destination, Side::destination, settings.providers);
    if (destination.has_error()) return destination.error();
    spec.source = std::move(*source);
    spec.destination = std::move(*destination);
    if (mailbox_key(spec.source) == mailbox_key(spec.destination)) {
        return Error{ErrorCode::same_mailbox,
                     "source and destination are the same mailbox: " + printable(spec.source.login) + " on " +
                         printable(server_name(spec.source))};
    }
    if (spec.language.empty()) spec.language = settings.config.language;
    auto const keep_max = static_cast<std::uint64_t>(settings.config.secrets.keep_max.count());
    if (spec.keep_secrets_seconds > keep_max) {
        return Error{ErrorCode::invalid_argument,
                     "keep the passwords for " + std::to_string(spec.keep_secrets_seconds) +
                         " s: [secrets] keep_max allows " + std::to_string(keep_max) + " s"};
    }
    return spec;
}

Result<> check_load(Load const& load, config::Config::Limits const& limits) {
    if (load.jobs >= limits.jobs_total) {
        return Error{ErrorCode::queue_full, "the queue holds " + std::to_string(load.jobs) +
                                                " unfinished jobs, as many as [limits] jobs_total allows"};
    }
    if (load.jobs_of_user >= limits.jobs_per_user) {
        return Error{ErrorCode::queue_full, "this user has " + std::to_string(load.jobs_of_user) +
                                                " unfinished jobs, as many as [limits] jobs_per_user allows"};
    }
    return {};
}

}  // namespace imapcopy::jobs
