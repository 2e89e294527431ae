#include "common/job.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "common/text.hpp"

namespace imapcopy {
namespace {

constexpr std::array<std::string_view, 4> state_texts = {"not started", "in progress", "finished", "error"};
constexpr std::array<std::string_view, 12> phase_texts = {
    "queued",  "held",      "scheduled", "connecting", "planning",
    "copying", "verifying", "waiting",   "complete",   "complete with exceptions",
    "failed",  "cancelled"};
constexpr std::array<std::string_view, 9> wait_reason_texts = {
    "", "throttled", "network", "hours", "credentials", "quota", "host", "held", "store"};
constexpr std::array<std::string_view, 6> bound_texts = {"", "source", "destination", "line", "limit", "us"};
constexpr std::array<std::string_view, 3> tls_mode_texts = {"implicit", "starttls", "cleartext"};
constexpr std::array<std::string_view, 2> auth_method_texts = {"password", "xoauth2"};
constexpr std::array<std::string_view, 3> verify_level_texts = {"counts", "index", "digest"};
constexpr std::array<std::string_view, 2> label_policy_texts = {"once", "every"};

/// Longest string that a dictionary may bring: enough for every folder path and login that servers accept.
constexpr std::size_t string_bytes_max = 1024;
/// Most folder patterns or rename rules of a job.
constexpr std::size_t list_entries_max = 1000;
/// Ten years: whatever is longer was meant otherwise, and microseconds cannot overflow.
constexpr std::uint64_t seconds_max = 10ULL * 366 * 86400;
/// The end of the year 9999, in microseconds: what RFC 3339 can print.
constexpr std::uint64_t wall_time_max = 253'402'300'799'000'000ULL;

template <class Enum, std::size_t N>
std::string_view text_of(std::array<std::string_view, N> const& texts, Enum value) {
    return texts.at(static_cast<std::size_t>(value));
}

template <class Enum, std::size_t N>
std::optional<Enum> value_of(std::array<std::string_view, N> const& texts, std::string_view text) {
    auto const found = std::ranges::find(texts, text);
    if (found == texts.end()) return std::nullopt;
    return static_cast<Enum>(found - texts.begin());
}

/// "not-started" and "not_started" are "not started".
std::string with_blanks(std::string_view text) {
    std::string out(text);
    std::ranges::replace_if(
        out, [](char c) { return c == '-' || c == '_'; }, ' ');
    return out;
}

bool has_control_character(std::string_view text) {
    return std::ranges::any_of(text,
                               [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// Reads the known keys of a dictionary and collects what is wrong with it.
class DictReader {
 public:
    DictReader(Dict const& dict, std::string_view what) : dict_(dict), what_(what) {}

    std::optional<std::string> string(std::string const& key) {
        auto const* const text = get<std::string>(key, "a string");
        if (text == nullptr) return std::nullopt;
        check(key, *text);
        return *text;
    }

    std::optional<bool> boolean(std::string const& key) {
        auto const* const value = get<bool>(key, "true or false");
        return value == nullptr ? std::nullopt : std::optional(*value);
    }

    std::optional<std::uint64_t> number(std::string const& key, std::uint64_t most) {
        known_.insert(key);
        auto const found = dict_.find(key);
        if (found == dict_.end()) return std::nullopt;
        auto value = std::optional<std::uint64_t>();
        if (auto const* const narrow = std::get_if<std::uint32_t>(&found->second)) value = *narrow;
        if (auto const* const wide = std::get_if<std::uint64_t>(&found->second)) value = *wide;
        if (value && *value <= most) return value;
        mistake(key, "must be a number up to " + std::to_string(most));
        return std::nullopt;
    }

    std::vector<std::string> strings(std::string const& key) {
        auto const* const values = get<std::vector<std::string>>(key, "a list of strings");
        if (values == nullptr) return {};
        if (values->size() > list_entries_max) {
            mistake(key, "has more than " + std::to_string(list_entries_max) + " entries");
            return {};
        }
        for (auto const& value : *values) check(key, value);
        return *values;
    }

    template <class T>
    std::optional<T> word(std::string const& key, std::optional<T> (*parse)(std::string_view),
                          std::string_view expected) {
        auto const text = string(key);
        if (!text) return std::nullopt;
        auto value = parse(*text);
        if (!value)
            mistake(key, "must be " + std::string(expected) + ", not \"" + printable(*text, 64) + "\"");
        return value;
    }

    void mistake(std::string_view key, std::string_view text) {
        if (!mistakes_.empty()) mistakes_ += "; ";
        mistakes_ += printable(key, 64) + " " + std::string(text);
    }

    /// The Error of all mistakes, keys that nobody asked for among them.
    Result<> finish() {
        for (auto const& [key, value] : dict_) {
            if (!known_.contains(key)) mistake(key, "is not a known key");
        }
        if (mistakes_.empty()) return {};
        return Error{ErrorCode::invalid_argument, what_ + ": " + mistakes_};
    }

 private:
    template <class T>
    T const* get(std::string const& key, std::string_view expected) {
        known_.insert(key);
        auto const found = dict_.find(key);
        if (found == dict_.end()) return nullptr;
        auto const* const value = std::get_if<T>(&found->second);
        if (value == nullptr) mistake(key, "must be " + std::string(expected));
        return value;
    }

    void check(std::string_view key, std::string_view text) {
        if (text.size() > string_bytes_max) {
            mistake(key, "is longer than " + std::to_string(string_bytes_max) + " bytes");
        } else if (!is_utf8(text) || has_control_character(text)) {
            mistake(key, "holds control characters or is not UTF-8");
        }
    }

    Dict const& dict_;
    std::string what_;
    std::set<std::string, std::less<>> known_;
    std::string mistakes_;
};

bool is_pin(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    return text.empty() || (text.size() == 64 && text.find_first_not_of(digits) == std::string_view::npos);
}

bool is_language(std::string_view text) {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    return text.size() >= 2 && text.size() <= 16 && text.find_first_not_of(letters) == std::string_view::npos;
}

/// Leaves out what is at its default, so that the receiver's presets apply.
void put(Dict& dict, std::string const& key, std::string const& text) {
    if (!text.empty()) dict.emplace(key, text);
}

std::vector<RenameRule> rename_rules(DictReader& reader) {
    std::vector<RenameRule> rules;
    for (auto const& text : reader.strings("rename")) {
        auto const equals = text.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
            reader.mistake("rename", "must look like FROM=TO, not \"" + printable(text, 64) + "\"");
            continue;
        }
        rules.push_back({text.substr(0, equals), text.substr(equals + 1)});
    }
    return rules;
}

}  // namespace

std::string_view to_string(JobState state) {
    return text_of(state_texts, state);
}
std::string_view to_string(Phase phase) {
    return text_of(phase_texts, phase);
}
std::string_view to_string(WaitReason reason) {
    return text_of(wait_reason_texts, reason);
}
std::string_view to_string(Bound bound) {
    return text_of(bound_texts, bound);
}
std::string_view to_string(TlsMode mode) {
    return text_of(tls_mode_texts, mode);
}
std::string_view to_string(AuthMethod method) {
    return text_of(auth_method_texts, method);
}
std::string_view to_string(VerifyLevel level) {
    return text_of(verify_level_texts, level);
}
std::string_view to_string(LabelPolicy policy) {
    return text_of(label_policy_texts, policy);
}

std::optional<JobState> parse_job_state(std::string_view text) {
    return value_of<JobState>(state_texts, with_blanks(text));
}
std::optional<Phase> parse_phase(std::string_view text) {
    return value_of<Phase>(phase_texts, with_blanks(text));
}
std::optional<WaitReason> parse_wait_reason(std::string_view text) {
    return value_of<WaitReason>(wait_reason_texts, text);
}
std::optional<Bound> parse_bound(std::string_view text) {
    return value_of<Bound>(bound_texts, text);
}
std::optional<TlsMode> parse_tls_mode(std::string_view text) {
    return value_of<TlsMode>(tls_mode_texts, text);
}
std::optional<AuthMethod> parse_auth_method(std::string_view text) {
    return value_of<AuthMethod>(auth_method_texts, text);
}
std::optional<VerifyLevel> parse_verify_level(std::string_view text) {
    return value_of<VerifyLevel>(verify_level_texts, text);
}
std::optional<LabelPolicy> parse_label_policy(std::string_view text) {
    return value_of<LabelPolicy>(label_policy_texts, text);
}

JobState state_of(Phase phase) {
    switch (phase) {
        case Phase::queued:
        case Phase::held:
        case Phase::scheduled: return JobState::not_started;
        case Phase::connecting:
        case Phase::planning:
        case Phase::copying:
        case Phase::verifying:
        case Phase::waiting: return JobState::in_progress;
        case Phase::complete:
        case Phase::complete_with_exceptions: return JobState::finished;
        case Phase::failed:
        case Phase::cancelled: return JobState::error;
    }
    return JobState::error;
}

bool holds_slot(Phase phase) {
    return state_of(phase) == JobState::in_progress && phase != Phase::waiting;
}

Dict to_dict(AccountSpec const& account) {
    Dict dict;
    put(dict, "provider", account.provider);
    put(dict, "host", account.host);
    if (account.port != 0) dict.emplace("port", static_cast<std::uint32_t>(account.port));
    dict.emplace("tls", std::string(to_string(account.tls)));
    put(dict, "login", account.login);
    put(dict, "address", account.address);
    put(dict, "authorize_as", account.authorize_as);
    dict.emplace("auth", std::string(to_string(account.auth)));
    put(dict, "tls_pin", account.tls_pin);
    return dict;
}

Result<AccountSpec> account_from_dict(Dict const& dict, std::string_view what) {
    DictReader reader(dict, what);
    AccountSpec account;
    account.provider = reader.string("provider").value_or("");
    account.host = ascii_lower(reader.string("host").value_or(""));
    constexpr auto port_max = std::numeric_limits<std::uint16_t>::max();
    account.port = static_cast<std::uint16_t>(reader.number("port", port_max).value_or(0));
    account.tls =
        reader.word("tls", parse_tls_mode, "implicit, starttls or cleartext").value_or(TlsMode::implicit);
    account.login = reader.string("login").value_or("");
    account.address = reader.string("address").value_or("");
    account.authorize_as = reader.string("authorize_as").value_or("");
    account.auth =
        reader.word("auth", parse_auth_method, "password or xoauth2").value_or(AuthMethod::password);
    account.tls_pin = ascii_lower(reader.string("tls_pin").value_or(""));
    if (account.login.empty()) reader.mistake("login", "is missing");
    if (!is_pin(account.tls_pin)) reader.mistake("tls_pin", "must be 64 hexadecimal digits");
    auto const end = reader.finish();
    if (end.has_error()) return end.error();
    return account;
}

Dict options_to_dict(JobSpec const& spec) {
    Dict dict;
    if (!spec.folders.include.empty()) dict.emplace("include", spec.folders.include);
    if (!spec.folders.exclude.empty()) dict.emplace("exclude", spec.folders.exclude);
    std::vector<std::string> rename;
    for (auto const& rule : spec.folders.rename) rename.push_back(rule.from + "=" + rule.to);
    if (!rename.empty()) dict.emplace("rename", std::move(rename));
    put(dict, "below", spec.folders.below);
    put(dict, "label", spec.label);
    put(dict, "language", spec.language);
    dict.emplace("completion_mail", spec.completion_mail);
    dict.emplace("hold", spec.hold);
    if (spec.keep_secrets_seconds != 0) dict.emplace("keep_secrets", spec.keep_secrets_seconds);
    auto const not_before = static_cast<std::uint64_t>(spec.not_before.time_since_epoch().count());
    if (not_before != 0) dict.emplace("not_before", not_before);
    return dict;
}

Result<JobSpec> job_from_options(Dict const& dict) {
    DictReader reader(dict, "options");
    JobSpec spec;
    spec.folders.include = reader.strings("include");
    spec.folders.exclude = reader.strings("exclude");
    spec.folders.rename = rename_rules(reader);
    spec.folders.below = reader.string("below").value_or("");
    spec.label = reader.string("label").value_or("");
    spec.language = reader.string("language").value_or("");
    spec.completion_mail = reader.boolean("completion_mail").value_or(true);
    spec.hold = reader.boolean("hold").value_or(false);
    spec.keep_secrets_seconds = reader.number("keep_secrets", seconds_max).value_or(0);
    auto const not_before = reader.number("not_before", wall_time_max).value_or(0);
    spec.not_before = WallTime{std::chrono::microseconds(not_before)};
    if (!spec.language.empty() && !is_language(spec.language))
        reader.mistake("language", "must be a language code such as en");
    auto const end = reader.finish();
    if (end.has_error()) return end.error();
    return spec;
}

}  // namespace imapcopy
