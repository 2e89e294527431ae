#include "ctl/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <functional>
#include <sstream>
#include <utility>

#include "common/text.hpp"
#include "ctl/exit_status.hpp"
#include "ctl/local_time.hpp"
#include "ctl/output.hpp"

namespace imapcopy::ctl {
namespace {

struct VerbName {
    std::string_view name;
    Verb verb;
};
constexpr std::array verb_names = {
    VerbName{"test", Verb::test},
    VerbName{"submit", Verb::submit},
    VerbName{"list", Verb::list},
    VerbName{"status", Verb::status},
    VerbName{"watch", Verb::watch},
    VerbName{"plan", Verb::plan},
    VerbName{"hold", Verb::hold},
    VerbName{"release", Verb::release},
    VerbName{"cancel", Verb::cancel},
    VerbName{"retry", Verb::retry},
    VerbName{"resync", Verb::resync},
    VerbName{"verify", Verb::verify},
    VerbName{"auth", Verb::auth},
    VerbName{"report", Verb::report},
    VerbName{"forget", Verb::forget},
    VerbName{"provider list", Verb::provider_list},
    VerbName{"provider show", Verb::provider_show},
    VerbName{"provider detect", Verb::provider_detect},
    VerbName{"daemon status", Verb::daemon_status},
    VerbName{"daemon reload", Verb::daemon_reload},
    VerbName{"daemon hold", Verb::daemon_hold},
    VerbName{"daemon release", Verb::daemon_release},
    VerbName{"monitor", Verb::monitor},
};

/// One side's options as CLI11 stores them; words are checked afterwards, all together.
struct AccountWords {
    AccountArguments account;
    std::uint16_t port = 0;
    std::string tls;
    std::string auth;
    int password_fd = -1;
};

/// Everything that CLI11 writes to, before it is checked.
struct Words {
    Arguments arguments;
    AccountWords source;
    AccountWords destination;
    std::vector<std::string> accounts;
    std::vector<std::string> rename;
    std::string format = "table";
    std::string fields;
    std::string color = "auto";
    std::string language;
    std::string wait;
    std::string keep_secrets;
    std::string state;
    std::string side;
    std::string level;
    bool no_legend = false;
    bool utc = false;
    bool no_test = false;
    bool no_completion_mail = false;
    bool no_ask_password = false;
    bool auth_source = false;
    bool auth_destination = false;
};

void add_secret_options(CLI::App& app, std::string const& side, AccountWords& words) {
    app.add_option("--" + side + "-password-file", words.account.password_file,
                   "Read the password of the " + side + " from FILE (mode 0600)")
        ->type_name("FILE");
    app.add_option("--" + side + "-password-fd", words.password_fd,
                   "Read the password of the " + side + " from descriptor N, one line")
        ->type_name("N")
        ->check(CLI::NonNegativeNumber);
}

void add_account_options(CLI::App& app, std::string const& side, AccountWords& words) {
    auto& account = words.account;
    app.add_option("--" + side + "-login", account.login, "Login at the " + side)->type_name("LOGIN");
    app.add_option("--" + side + "-host", account.host, "IMAP server of the " + side)->type_name("HOST");
    app.add_option("--" + side + "-port", words.port, "Its port")
        ->type_name("PORT")
        ->check(CLI::Range(1, 65535));
    app.add_option("--" + side + "-tls", words.tls, "implicit, starttls or cleartext")->type_name("MODE");
    app.add_option("--" + side + "-tls-pin", account.tls_pin, "Trust the public key with this SHA-256")
        ->type_name("HEX");
    app.add_option("--" + side + "-auth", words.auth,
                   "password, or xoauth2 with an access token in its place")
        ->type_name("METHOD");
    app.add_option("--" + side + "-authorize-as", account.authorize_as,
                   "Open the mailbox of USER with the credentials of an administrator")
        ->type_name("USER");
    add_secret_options(app, side, words);
}

/// SRC, DST and what belongs to them.
CLI::App& add_pair_command(CLI::App& app, std::string const& name, std::string const& about, Words& words) {
    auto& command = *app.add_subcommand(name, about);
    command
        .add_option(
            "ACCOUNTS", words.accounts,
            "SRC DST: PROVIDER:LOGIN, LOGIN@DOMAIN, imaps://LOGIN@HOST[:PORT], imap://… or @FILE.toml")
        ->expected(0, 2)
        ->type_name("");
    add_account_options(command, "source", words.source);
    add_account_options(command, "destination", words.destination);
    return command;
}

void add_folder_options(CLI::App& command, Words& words) {
    auto& options = words.arguments.options;
    command.add_option("--include", options.folders.include, "Copy only folders that match (repeatable)")
        ->type_name("PATTERN")
        ->allow_extra_args(false);
    command.add_option("--exclude", options.folders.exclude, "Leave out folders that match (repeatable)")
        ->type_name("PATTERN")
        ->allow_extra_args(false);
    command.add_option("--rename", words.rename, "Copy folder FROM to folder TO (repeatable)")
        ->type_name("FROM=TO")
        ->allow_extra_args(false);
    command.add_option("--below", options.folders.below, "Copy the whole tree below this folder")
        ->type_name("FOLDER");
}

void add_submit(CLI::App& app, Words& words) {
    auto& command = add_pair_command(app, "submit", "Test both accounts, then create the job", words);
    auto& arguments = words.arguments;
    add_folder_options(command, words);
    command.add_flag("-w,--wait", words.wait, "Wait for the end of the job, at most so long")
        ->type_name("[=SECONDS]");
    command.add_flag("--no-test", words.no_test, "Do not log in first");
    command.add_flag("--hold", arguments.options.hold, "Create the job held");
    command
        .add_option("--at", arguments.start_time, "Start then: 22:30, \"2026-11-21 22:30\", +2h, RFC 3339")
        ->type_name("TIME");
    command.add_flag("--dry-run", arguments.dry_run, "Show what would be copied and create nothing");
    command.add_option("--label", arguments.options.label, "A note of yours, shown with the job")
        ->type_name("TEXT");
    command.add_flag("--no-completion-mail", words.no_completion_mail,
                     "No report in the destination mailbox");
    command
        .add_option("--keep-secrets", words.keep_secrets,
                    "Keep the passwords sealed so long after the end (7d)")
        ->type_name("DURATION");
}

CLI::App& add_job_command(CLI::App& app, std::string const& name, std::string const& about, Words& words) {
    auto& command = *app.add_subcommand(name, about);
    command.add_option("JOB", words.arguments.jobs, "Numbers of jobs")->required()->type_name("");
    return command;
}

void add_job_commands(CLI::App& app, Words& words) {
    auto& arguments = words.arguments;
    auto& list = *app.add_subcommand("list", "The unfinished jobs");
    list.add_option("--state", words.state, "Only jobs in this state")->type_name("STATE");
    list.add_flag("--all", arguments.all, "Ended jobs too");
    for (auto const* const name : {"status", "watch"}) {
        auto const* const about =
            name == std::string_view("status") ? "How the jobs stand" : "Follow the jobs to their end";
        app.add_subcommand(name, about)
            ->add_option("JOB", arguments.jobs, "Numbers of jobs, or source addresses")
            ->type_name("");
    }
    add_job_command(app, "hold", "Stop working on the jobs until release", words);
    add_job_command(app, "release", "Let held jobs go on", words);
    add_job_command(app, "cancel", "End the jobs; what was copied stays", words);
    for (auto const* const name : {"retry", "resync"}) {
        auto const* const about = name == std::string_view("retry")
                                      ? "Try failed or waiting jobs again, now"
                                      : "Run ended jobs again and copy what is new";
        auto& command = add_job_command(app, name, about, words);
        add_secret_options(command, "source", words.source);
        add_secret_options(command, "destination", words.destination);
    }
    auto& verify = *app.add_subcommand("verify", "Compare both sides of a job again");
    verify.add_option("JOB", arguments.jobs, "Number of the job")->required()->expected(1)->type_name("");
    verify.add_option("--level", words.level, "counts, index (the default) or digest")->type_name("LEVEL");
    add_secret_options(verify, "source", words.source);
    add_secret_options(verify, "destination", words.destination);
    auto& auth = add_job_command(app, "auth", "Give a new password to waiting jobs", words);
    auth.add_flag("--source", words.auth_source, "The password of the source");
    auth.add_flag("--destination", words.auth_destination, "The password of the destination");
    add_secret_options(auth, "source", words.source);
    add_secret_options(auth, "destination", words.destination);
    add_job_command(app, "report", "What was copied, what not and why", words);
    auto& forget = add_job_command(app, "forget", "Remove ended jobs", words);
    forget.add_flag("--ledger", arguments.forget_ledger,
                    "Forget what was copied for this pair of accounts, too");
}

void add_service_commands(CLI::App& app, Words& words) {
    auto& provider = *app.add_subcommand("provider", "Mail services that are known by name");
    provider.require_subcommand(1);
    provider.add_subcommand("list", "All of them")
        ->add_option("--side", words.side, "Only those for this side")
        ->type_name("source|destination");
    provider.add_subcommand("show", "One of them")
        ->add_option("ID", words.arguments.provider, "Its name in addresses")
        ->required()
        ->type_name("");
    provider.add_subcommand("detect", "The one of a mail address")
        ->add_option("ADDRESS", words.arguments.provider, "A mail address")
        ->required()
        ->type_name("");
    auto& daemon = *app.add_subcommand("daemon", "The daemon as a whole");
    daemon.require_subcommand(1);
    daemon.add_subcommand("status", "Version, state and numbers of jobs");
    daemon.add_subcommand("reload", "Read the configuration again");
    daemon.add_subcommand("hold", "Start no attempt until release");
    daemon.add_subcommand("release", "Go on");
    app.add_subcommand("monitor", "Every change, as JSON Lines");
}

void add_global_options(CLI::App& app, Words& words) {
    auto& arguments = words.arguments;
    app.set_version_flag("--version", "imapcopyctl " IMAPCOPY_VERSION);
    app.add_option("-o,--output", words.format, "table, long, json, jsonl or csv")->type_name("FORMAT");
    app.add_option("-f,--fields", words.fields, "Show these fields, separated by commas")
        ->type_name("FIELDS");
    app.add_flag("--no-legend", words.no_legend, "No headings");
    app.add_flag("--utc", words.utc, "Times in UTC");
    app.add_option("--color", words.color, "auto, always or never")->type_name("WHEN");
    app.add_option("--language", words.language, "Language of messages, and of the mail of a job")
        ->type_name("LL");
    app.add_flag("-q,--quiet", arguments.style.quiet, "Only results and errors");
    app.add_flag("-v,--verbose", arguments.style.verbose, "Say more");
    app.add_flag("-y,--yes", arguments.assume_yes, "Answer yes to every question");
    app.add_flag("--no-ask-password", words.no_ask_password, "Never ask for a password");
    app.add_option("--bus", arguments.bus, "\"system\" or the address of a message bus")
        ->type_name("ADDRESS");
}

void add_commands(CLI::App& app, Words& words) {
    app.fallthrough();
    app.require_subcommand(0, 1);
    app.get_formatter()->column_width(34);
    app.footer("See imapcopyctl(1) for addresses, exit statuses and examples.");
    add_global_options(app, words);
    add_pair_command(app, "test", "Log in to both accounts; writes nothing", words);
    add_submit(app, words);
    add_folder_options(add_pair_command(app, "plan", "What a copy would do; writes nothing", words), words);
    add_job_commands(app, words);
    add_service_commands(app, words);
}

Verb verb_of(CLI::App const& app) {
    std::string name;
    for (auto const* level = &app; !level->get_subcommands().empty();) {
        level = level->get_subcommands().front();
        name += (name.empty() ? "" : " ") + level->get_name();
    }
    auto const found = std::ranges::find(verb_names, name, &VerbName::name);
    return found == verb_names.end() ? Verb::overview : found->verb;
}

/// Collects what CLI11 does not check.
class Checker {
 public:
    template <class T>
    void word(std::string_view option, std::string const& text, std::optional<T> (*parse)(std::string_view),
              std::string_view expected, std::optional<T>& into) {
        if (text.empty()) return;
        into = parse(text);
        if (!into)
            mistake(std::string(option) + ": \"" + printable(text, 64) + "\" is not " +
                    std::string(expected));
    }
    void mistake(std::string const& text) { mistakes_ += "imapcopyctl: " + text + "\n"; }
    std::string const& mistakes() const { return mistakes_; }

 private:
    std::string mistakes_;
};

AccountArguments checked_account(AccountWords const& words, std::string const& side, Checker& checker) {
    auto account = words.account;
    if (words.port != 0) account.port = words.port;
    if (words.password_fd >= 0) account.password_fd = words.password_fd;
    checker.word("--" + side + "-tls", words.tls, parse_tls_mode, "implicit, starttls or cleartext",
                 account.tls);
    checker.word("--" + side + "-auth", words.auth, parse_auth_method, "password or xoauth2", account.auth);
    if (account.password_fd && !account.password_file.empty()) {
        checker.mistake("--" + side + "-password-file and --" + side + "-password-fd exclude each other");
    }
    return account;
}

/// SRC and DST by position; a side whose --…-login stands may be left out.
void place_accounts(Words const& words, Arguments& arguments, Checker& checker) {
    auto const& accounts = words.accounts;
    bool const source_named = arguments.source.names_account();
    bool const destination_named = arguments.destination.names_account();
    if (accounts.size() == 2) {
        arguments.source.address = accounts[0];
        arguments.destination.address = accounts[1];
    } else if (accounts.size() == 1 && source_named != destination_named) {
        (source_named ? arguments.destination : arguments.source).address = accounts[0];
    } else if (accounts.size() == 1 || source_named != destination_named) {
        checker.mistake("two accounts are needed: SRC and DST");
    } else if (!source_named && arguments.verb != Verb::submit) {
        checker.mistake("two accounts are needed: SRC and DST");
    }
}

void check_submit(Words const& words, Arguments& arguments, Checker& checker) {
    auto& options = arguments.options;
    arguments.test_first = !words.no_test;
    options.completion_mail = !words.no_completion_mail;
    options.language = arguments.style.language;
    arguments.wait.wanted = !words.wait.empty() && words.wait != "false";
    if (arguments.wait.wanted && words.wait != "true") {
        checker.word("--wait", words.wait, parse_duration, "a number of seconds", arguments.wait.limit);
    }
    std::optional<std::chrono::seconds> keep;
    checker.word("--keep-secrets", words.keep_secrets, parse_duration, "a duration such as 12h or 7d", keep);
    if (keep) options.keep_secrets_seconds = static_cast<std::uint64_t>(keep->count());
    for (auto const& rule : words.rename) {
        auto const equals = rule.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == rule.size()) {
            checker.mistake("--rename: \"" + printable(rule, 64) + "\" does not look like FROM=TO");
        } else {
            options.folders.rename.push_back({rule.substr(0, equals), rule.substr(equals + 1)});
        }
    }
}

void check_style(Words const& words, Environment const& environment, Style& style, Checker& checker) {
    std::optional<Format> format;
    checker.word("--output", words.format, parse_format, "table, long, json, jsonl or csv", format);
    style.format = format.value_or(Format::table);
    for (auto const field : split(words.fields, ',')) {
        if (!trim(field).empty()) style.fields.emplace_back(trim(field));
    }
    style.legend = !words.no_legend;
    style.zone = words.utc ? Zone::utc : Zone::local;
    style.language = words.language.empty() ? language_of_locale(environment.locale) : words.language;
    if (words.color != "auto" && words.color != "always" && words.color != "never") {
        checker.mistake("--color: \"" + printable(words.color, 64) + "\" is not auto, always or never");
    }
    style.color = words.color == "always" ||
                  (words.color == "auto" && environment.out_is_terminal && !environment.no_color);
}

std::optional<Side> parse_side(std::string_view text) {
    if (text == to_string(Side::source)) return Side::source;
    if (text == to_string(Side::destination)) return Side::destination;
    return std::nullopt;
}

std::variant<Arguments, Ending> checked(Words const& words, Environment const& environment) {
    Checker checker;
    auto arguments = words.arguments;
    arguments.source = checked_account(words.source, "source", checker);
    arguments.destination = checked_account(words.destination, "destination", checker);
    arguments.ask_password = !words.no_ask_password;
    if (arguments.bus.empty()) arguments.bus = environment.bus.empty() ? "system" : environment.bus;
    check_style(words, environment, arguments.style, checker);
    check_submit(words, arguments, checker);
    checker.word("--state", words.state, parse_job_state, "not-started, in-progress, finished or error",
                 arguments.state);
    checker.word("--side", words.side, parse_side, "source or destination", arguments.side);
    std::optional<VerifyLevel> level;
    checker.word("--level", words.level, parse_verify_level, "counts, index or digest", level);
    arguments.level = level.value_or(VerifyLevel::index);
    auto const verb = arguments.verb;
    if (verb == Verb::test || verb == Verb::submit || verb == Verb::plan)
        place_accounts(words, arguments, checker);
    if (verb == Verb::auth) {
        if (words.auth_source == words.auth_destination)
            checker.mistake("auth needs either --source or --destination");
        arguments.side = words.auth_source ? Side::source : Side::destination;
    }
    if (checker.mistakes().empty()) return arguments;
    return Ending{exit_status::usage, {}, checker.mistakes()};
}

/// Passwords in arguments are seen by every user of the machine.
bool takes_a_password(std::string_view word) {
    constexpr std::array names = {"--password", "--source-password", "--destination-password"};
    return std::ranges::any_of(names, [&](std::string_view name) {
        return word == name || word.starts_with(std::string(name) + "=");
    });
}

Ending password_refusal(std::string_view word) {
    auto const name = std::string(word.substr(0, word.find('=')));
    return {exit_status::usage,
            {},
            "imapcopyctl: " + name +
                " is not accepted: every user of this machine can read the arguments of a program. Leave it "
                "out to be "
                "asked, or use --source-password-file, --source-password-fd, --destination-password-file, "
                "--destination-password-fd. Change the password if it is a real one.\n"};
}

}  // namespace

std::optional<Format> parse_format(std::string_view text) {
    constexpr std::array<std::string_view, 5> names = {"table", "long", "json", "jsonl", "csv"};
    auto const found = std::ranges::find(names, text);
    if (found == names.end()) return std::nullopt;
    return static_cast<Format>(found - names.begin());
}

std::string language_of_locale(std::string_view locale) {
    auto const language = locale.substr(0, locale.find_first_of("_.@"));
    if (language.size() < 2 || language.size() > 3) return "en";
    return ascii_lower(language);
}

std::variant<Arguments, Ending> parse_command_line(std::vector<std::string> words_in,
                                                   Environment const& environment) {
    auto const password = std::ranges::find_if(words_in, takes_a_password);
    if (password != words_in.end()) return password_refusal(*password);
    Words words;
    words.arguments.bus.clear();
    CLI::App app("Copies mailboxes from one IMAP account to another, by the daemon imapcopyd.",
                 "imapcopyctl");
    add_commands(app, words);
    std::ranges::reverse(words_in);  // CLI11 takes a list of words from its end.
    try {
        app.parse(std::move(words_in));
    } catch (CLI::ParseError const& error) {
        // CLI11 reports everything by exceptions, --help and --version too.
        std::ostringstream out;
        std::ostringstream err;
        bool const failed = app.exit(error, out, err) != 0;
        return Ending{failed ? exit_status::usage : exit_status::done, out.str(), printable_lines(err.str())};
    }
    words.arguments.verb = verb_of(app);
    return checked(words, environment);
}

}  // namespace imapcopy::ctl
