// The rules of ARCHITECTURE.md and CONTRIBUTING.md that a machine can check. Each rule is a function from
// source files to findings; the first test of a rule feeds it a bad snippet (a check that cannot fail proves
// nothing), the second runs it over the project. Tables of permissions are checked both ways: a permission
// that nobody uses is a finding.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct SourceFile {
    std::string path;  // Relative to the root of the project.
    std::string text;
};
using Sources = std::vector<SourceFile>;
using Findings = std::vector<std::string>;
// File → why it may do what others may not. A final "*" stands for the rest of the name.
using Permissions = std::vector<std::pair<std::string, std::string>>;

// ---- Reading ----

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        auto const end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

bool is_cpp(std::string_view path) {
    return path.ends_with(".cpp") || path.ends_with(".hpp");
}

bool is_test(std::string_view path) {
    return path.starts_with("tests/");
}

std::size_t end_of_quoted(std::string_view text, std::size_t begin) {
    if (begin > 0 && text[begin] == '"' && text[begin - 1] == 'R') {
        auto const open = text.find('(', begin);
        auto const close = ")" + std::string(text.substr(begin + 1, open - begin - 1)) + "\"";
        auto const end = text.find(close, open);
        return end == std::string_view::npos ? text.size() : end + close.size();
    }
    auto i = begin + 1;
    while (i < text.size() && text[i] != text[begin] && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
    return std::min(i + 1, text.size());
}

// `text` with comments and the insides of literals blanked, so that what is left is code. Lines keep their
// numbers.
std::string code_of(std::string_view text) {
    std::string code(text);
    for (std::size_t i = 0; i < text.size();) {
        auto end = i + 1;
        auto keep = std::size_t{1};
        if (text.substr(i).starts_with("//")) {
            end = std::min(text.find('\n', i), text.size());
            keep = 0;
        } else if (text.substr(i).starts_with("/*")) {
            end = std::min(text.find("*/", i), text.size() - 2) + 2;
            keep = 0;
        } else if (text[i] == '"' || (text[i] == '\'' && (i == 0 || !is_word(text[i - 1])))) {
            end = end_of_quoted(text, i);
        }
        for (auto k = i + keep; k + keep < end; ++k) {
            if (code[k] != '\n') code[k] = ' ';
        }
        i = end;
    }
    return code;
}

// Where `word` stands in `line` on its own; characters that are no letters need no boundary.
bool has_word(std::string_view line, std::string_view word) {
    for (auto at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
        auto const end = at + word.size();
        auto const left = !is_word(word.front()) || at == 0 || !is_word(line[at - 1]);
        auto const right = !is_word(word.back()) || end == line.size() || !is_word(line[end]);
        if (left && right) return true;
    }
    return false;
}

std::string finding(SourceFile const& file, std::size_t line, std::string const& what) {
    return file.path + ":" + std::to_string(line) + ": " + what;
}

bool matches(std::string_view pattern, std::string_view path) {
    if (!pattern.ends_with('*')) return pattern == path;
    return path.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool permitted(Permissions const& permissions, std::string_view path) {
    return std::ranges::any_of(permissions, [&](auto const& entry) { return matches(entry.first, path); });
}

// ---- Includes ----

// ARCHITECTURE.md, "Who may include whom". A name of a file widens what its folder may do.
std::map<std::string, std::vector<std::string>> const may_include = {
    {"common", {}},
    {"daemon/config", {"common"}},
    {"daemon/net", {"common"}},
    {"daemon/imap/codec", {"common"}},
    {"daemon/imap", {"common", "daemon/imap/codec", "daemon/net"}},
    {"daemon/copy", {"common", "daemon/imap/codec"}},
    {"daemon/copy/imap_endpoint", {"daemon/imap"}},
    {"daemon/copy/imap_transfer", {"daemon/imap"}},
    {"daemon/store",
     {"common", "daemon/imap/codec", "daemon/copy/journal.hpp", "daemon/copy/view.hpp",
      "daemon/copy/pass.hpp"}},
    {"daemon/jobs",
     {"common", "daemon/config", "daemon/net", "daemon/imap", "daemon/imap/codec", "daemon/copy",
      "daemon/store"}},
    {"daemon/bus", {"common", "daemon/jobs"}},
    {"daemon/bus/provider_dict", {"daemon/config/providers.hpp"}},
    {"daemon",
     {"common", "daemon/config", "daemon/net", "daemon/imap", "daemon/imap/codec", "daemon/copy",
      "daemon/store", "daemon/jobs", "daemon/bus"}},
    {"ctl", {"common"}},
};

std::string folder_of(std::string_view path) {
    return std::string(path.substr(0, path.rfind('/')));
}

bool may(std::string const& from, std::string const& included) {
    auto const row = may_include.find(from);
    if (row == may_include.end()) return false;
    return std::ranges::any_of(
        row->second, [&](auto const& door) { return door == included || door == folder_of(included); });
}

struct Include {
    std::size_t line;
    std::string name;
    bool ours;
};

std::vector<Include> includes_of(SourceFile const& file) {
    std::vector<Include> found;
    std::size_t number = 0;
    for (auto const line : lines_of(file.text)) {
        ++number;
        if (!line.starts_with("#include ") || line.size() < 12) continue;
        auto const close = line.find_first_of("\">", 10);
        found.push_back({number, std::string(line.substr(10, close - 10)), line[9] == '"'});
    }
    return found;
}

Findings forbidden_includes(Sources const& sources) {
    Findings findings;
    for (auto const& file : sources) {
        if (!is_cpp(file.path) || is_test(file.path)) continue;
        auto const folder = folder_of(file.path);
        auto const stem = file.path.substr(0, file.path.rfind('.'));
        for (auto const& include : includes_of(file)) {
            if (!include.ours || folder_of(include.name) == folder) continue;
            if (include.name.find('/') == std::string::npos) continue;  // Generated code: see the doors.
            if (may(folder, include.name) || may(stem, include.name)) continue;
            findings.push_back(finding(file, include.line, folder + " may not include " + include.name));
        }
    }
    return findings;
}

// Start of an outside header's name → who may include it.
std::map<std::string, Permissions> const doors = {
    {"sqlite3.h", {{"daemon/store/sqlite.*", "the only user of the database library"}}},
    {"sdbus-c++/",
     {{"daemon/bus/*", "server side of the bus"},
      {"ctl/client*", "client side of the bus"},
      {"common/bus_value.hpp", "the words that both sides speak"}}},
    {"Manager_", {{"daemon/bus/*", "generated adaptor"}, {"ctl/client.*", "generated proxy"}}},
    {"Job_", {{"daemon/bus/*", "generated adaptor"}, {"ctl/client.*", "generated proxy"}}},
    {"openssl/",
     {{"daemon/net/tls.*", "TLS policy"},
      {"daemon/store/vault.*", "sealing secrets"},
      {"daemon/copy/identity.*", "SHA-256"}}},
    {"boost/asio/ssl", {{"common/asio.cpp", "Asio's own code"}}},
    {"spdlog/", {{"common/log.cpp", "lines on stderr"}}},
    {"systemd/sd-journal.h", {{"common/log.cpp", "structured fields"}}},
    {"systemd/sd-daemon.h", {{"daemon/notifier.cpp", "readiness and watchdog"}}},
    {"toml++/", {{"common/account_file.cpp", "the strict reader of all our TOML"}}},
    {"zlib.h", {{"daemon/net/compress_stream.cpp", "COMPRESS=DEFLATE"}}},
    {"netdb.h", {{"daemon/net/resolver.cpp", "getaddrinfo"}}},
    {"CLI/", {{"ctl/*", "the command line"}}},
    {"nlohmann/", {{"ctl/*", "output for programs"}}},
    {"libintl.h", {}},
    {"boost/asio/steady_timer.hpp",
     {{"common/clock.*", "the real clock"}, {"common/asio_pch.hpp", "precompiled"}}},
    {"boost/asio/experimental/awaitable_operators.hpp", {{"common/deadline.hpp", "the only race"}}},
    {"random", {{"common/random.*", "the real source"}}},
};

bool is_behind(std::string const& header, std::string const& included) {
    auto const exact = header.find_first_of("./_") == std::string::npos;
    return exact ? included == header : included.starts_with(header);
}

Findings forbidden_libraries(Sources const& sources) {
    Findings findings;
    for (auto const& file : sources) {
        if (!is_cpp(file.path) || is_test(file.path)) continue;
        for (auto const& include : includes_of(file)) {
            for (auto const& [header, permissions] : doors) {
                if (!is_behind(header, include.name) || permitted(permissions, file.path)) continue;
                findings.push_back(finding(file, include.line, include.name + " has another door"));
            }
        }
    }
    return findings;
}

// Doors that nobody walks through.
Findings idle_doors(Sources const& sources, std::map<std::string, Permissions> const& table) {
    Findings findings;
    for (auto const& [header, permissions] : table) {
        for (auto const& [pattern, reason] : permissions) {
            auto const used = [&header = header, &pattern = pattern](SourceFile const& file) {
                auto const behind = [&header](Include const& include) {
                    return is_behind(header, include.name);
                };
                return matches(pattern, file.path) && std::ranges::any_of(includes_of(file), behind);
            };
            if (!std::ranges::any_of(sources, used))
                findings.push_back(pattern + ": does not include " + header);
        }
    }
    return findings;
}

// ---- Words ----

struct WordRule {
    std::string word;
    std::string why;
    Permissions permissions;
};

std::vector<WordRule> const code_words = {
    {"steady_timer", "wait through Clock", {{"common/clock.*", "the real clock"}}},
    {"_clock::now", "ask Clock for the time", {{"common/clock.*", "the real clock"}}},
    {"random_device", "ask Random", {{"common/random.cpp", "the real source"}}},
    {"mt19937", "ask Random", {}},
    {"rand", "ask Random", {}},
    {"getrandom", "ask Random", {{"common/random.cpp", "the real source"}}},
    {"RAND_bytes", "ask Random", {}},
    {"operator||", "race only through with_deadline", {{"common/deadline.hpp", "the only race"}}},
    {"sleep", "nothing blocks the loop", {}},
    {"using namespace", "name what you use", {}},
    {"#define", "no macros", {}},
    {"tolower", "depends on the locale: ascii_lower", {}},
    {"toupper", "depends on the locale: ascii_upper", {}},
    {"strtol", "depends on the locale: parse_number", {}},
    {"atoi", "cannot report an error: parse_number", {}},
    {"strftime", "depends on the locale", {}},
    {"std::regex", "recursion as deep as its input", {}},
    {"dynamic_cast", "a switch over types: say it with a virtual function or a variant", {}},
};

Findings forbidden_words(Sources const& sources, std::vector<WordRule> const& rules) {
    Findings findings;
    for (auto const& file : sources) {
        if (!is_cpp(file.path) || is_test(file.path)) continue;
        auto const code = code_of(file.text);
        std::size_t number = 0;
        for (auto const line : lines_of(code)) {
            ++number;
            if (line.starts_with("#include")) continue;
            for (auto const& rule : rules) {
                auto const prefix_may_differ = rule.word.front() == '_';
                auto const found =
                    prefix_may_differ ? line.find(rule.word) != line.npos : has_word(line, rule.word);
                if (!found || permitted(rule.permissions, file.path)) continue;
                findings.push_back(finding(file, number, rule.word + ": " + rule.why));
            }
        }
    }
    return findings;
}

// Where an error meets its audience, or where foreign exceptions become values.
Permissions const may_catch = {
    {"common/attempt.hpp", "what became of a coroutine, as a value: a handler cannot wait"},
    {"common/outcome.hpp", "the same for a plain function"},
    {"ctl/caught.hpp", "every verb's error meets its audience"},
    {"ctl/client.cpp", "sdbus-c++ throws; turned into Failure"},
    {"ctl/command_line.cpp", "CLI11 answers by exceptions"},
    {"daemon/bus/*", "errors of calls meet their caller; sdbus-c++ throws"},
    {"daemon/main.cpp", "last stop: exit status"},
    {"daemon/store/writer.cpp", "errors travel from the writer's thread to whoever waits"},
};

Findings forbidden_catches(Sources const& sources, Permissions const& permissions) {
    return forbidden_words(sources, {{"catch (", "only where an error meets its audience", permissions}});
}

// Every permission is needed by a file that exists and does what is permitted.
Findings idle_permissions(Sources const& sources, Permissions const& permissions, std::string_view word) {
    Findings findings;
    for (auto const& [pattern, reason] : permissions) {
        auto const used = std::ranges::any_of(sources, [&, &pattern = pattern](auto const& file) {
            return matches(pattern, file.path) && file.text.find(word) != std::string::npos;
        });
        if (!used)
            findings.push_back(pattern + ": is permitted " + std::string(word) + " and does not use it");
    }
    return findings;
}

// A default hides the case that the compiler would have found missing. The command line's verbs are free to
// use it.
Findings uncommented_defaults(Sources const& sources) {
    Findings findings;
    for (auto const& file : sources) {
        if (!is_cpp(file.path) || is_test(file.path) || file.path.starts_with("ctl/")) continue;
        auto const code = code_of(file.text);
        auto const texts = lines_of(file.text);
        auto const codes = lines_of(code);
        for (std::size_t i = 0; i < codes.size(); ++i) {
            if (!has_word(codes[i], "default:")) continue;
            auto const explained = texts[i].find("//") != std::string_view::npos ||
                                   (i > 0 && texts[i - 1].find("//") != std::string_view::npos);
            if (!explained) findings.push_back(finding(file, i + 1, "default: without a reason beside it"));
        }
    }
    return findings;
}

// Shapes in which GCC 12 destroys temporaries of a coroutine twice.
Findings dangerous_awaits(Sources const& sources) {
    Findings findings;
    for (auto const& file : sources) {
        if (!is_cpp(file.path)) continue;
        auto const code = code_of(file.text);
        for (auto at = code.find("co_await "); at != std::string::npos; at = code.find("co_await ", at + 1)) {
            auto const end = std::min(code.find_first_of(";{", at), code.size());
            auto const expression = std::string_view(code).substr(at, end - at);
            auto const before = code.find_last_not_of(" \n", at == 0 ? 0 : at - 1);
            auto const in_choice = before != std::string::npos && at > 0 && code[before] == '?';
            auto const lambda = expression.find("[&") != std::string_view::npos ||
                                expression.find("[this") != std::string_view::npos ||
                                expression.find("[=") != std::string_view::npos;
            auto const line =
                1 + std::count(code.begin(), code.begin() + static_cast<std::ptrdiff_t>(at), '\n');
            auto const number = static_cast<std::size_t>(line);
            if (in_choice) findings.push_back(finding(file, number, "co_await inside ?:"));
            if (lambda) findings.push_back(finding(file, number, "a lambda with captures inside co_await"));
        }
    }
    return findings;
}

// Words that have no place in any file of the project. Spelt in two halves: this file is searched as well.
std::vector<std::string> const banned_everywhere = {
    "TO"
    "DO",
    "FIX"
    "ME",
    "XX"
    "X",
    "../sha"
    "red",
    "/sha"
    "red/",
    ".lib"
    "rary",
};

Findings banned_words(Sources const& sources) {
    Findings findings;
    for (auto const& file : sources) {
        std::size_t number = 0;
        for (auto const line : lines_of(file.text)) {
            ++number;
            for (auto const& word : banned_everywhere) {
                if (has_word(line, word)) findings.push_back(finding(file, number, "mentions " + word));
            }
        }
    }
    return findings;
}

// ---- Sizes ----

constexpr std::size_t line_characters_max = 110;
constexpr std::size_t file_lines_max = 600;
constexpr std::size_t function_lines_max = 60;

Findings long_lines(Sources const& sources) {
    Findings findings;
    for (auto const& file : sources) {
        if (!is_cpp(file.path)) continue;
        std::size_t number = 0;
        for (auto const line : lines_of(file.text)) {
            ++number;
            auto const continuation = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
            auto const characters =
                line.size() - static_cast<std::size_t>(std::ranges::count_if(line, continuation));
            if (characters <= line_characters_max || line.find("https://") != std::string_view::npos)
                continue;
            findings.push_back(finding(file, number, std::to_string(characters) + " characters"));
        }
    }
    return findings;
}

Findings long_files(Sources const& sources) {
    Findings findings;
    for (auto const& file : sources) {
        auto const lines = static_cast<std::size_t>(std::ranges::count(file.text, '\n'));
        if (is_cpp(file.path) && !is_test(file.path) && lines > file_lines_max) {
            findings.push_back(finding(file, lines, "has more than 600 lines"));
        }
    }
    return findings;
}

// What a brace opens, told by the text in front of it; clang-format puts a blank before the brace of a body
// only.
enum class Brace : std::uint8_t { scope, body, data };

Brace kind_of(std::string_view head) {
    auto const last = head.find_last_not_of(" \n");
    if (last == std::string_view::npos) return Brace::data;
    auto const first = head.substr(head.find_first_not_of(" \n"));
    for (std::string_view const word :
         {"namespace", "class", "struct", "enum", "union", "extern", "template"}) {
        auto const is_template_function = word == "template" && first.find(')') != std::string_view::npos;
        if (first.starts_with(word) && !is_template_function) return Brace::scope;
    }
    if (head.back() != ' ' || head[last] == '=' || head.find(')') == std::string_view::npos)
        return Brace::data;
    return Brace::body;
}

Findings long_functions(Sources const& sources) {
    Findings findings;
    for (auto const& file : sources) {
        if (!is_cpp(file.path) || is_test(file.path)) continue;
        auto const code = code_of(file.text);
        std::vector<Brace> open;
        std::size_t line = 1;
        std::size_t head_at = 0;
        std::size_t body_line = 0;
        std::size_t body_depth = 0;  // 0: outside of any body.
        for (std::size_t i = 0; i < code.size(); ++i) {
            if (code[i] == '\n') {
                if (head_at < code.size() && code[head_at] == '#') head_at = i + 1;
                ++line;
            } else if (code[i] == ';' && body_depth == 0) {
                head_at = i + 1;
            } else if (code[i] == '{') {
                auto const head = std::string_view(code).substr(head_at, i - head_at);
                open.push_back(body_depth > 0 ? Brace::data : kind_of(head));
                if (open.back() == Brace::body) {
                    body_depth = open.size();
                    auto const skipped = std::min(head.find_first_not_of(" \n"), head.size());
                    body_line =
                        line - static_cast<std::size_t>(std::ranges::count(head.substr(skipped), '\n'));
                }
                if (open.back() != Brace::data) head_at = i + 1;
            } else if (code[i] == '}' && !open.empty()) {
                auto const was_body = body_depth == open.size();
                if (was_body && line - body_line + 1 > function_lines_max) {
                    findings.push_back(finding(file, body_line, "function of more than 60 lines"));
                }
                if (was_body) body_depth = 0;
                if (open.back() != Brace::data) head_at = i + 1;
                open.pop_back();
            }
        }
    }
    return findings;
}

// ---- Mirrored tests ----

Permissions const may_lack_a_test = {
    {"common/asio.cpp", "Asio's own code, compiled once"},
    {"daemon/main.cpp", "composition root: the system tests run it"},
    {"ctl/main.cpp", "joins terminal, bus and verbs: the system tests run it"},
    {"ctl/terminal.cpp", "speaks with a real terminal: the system tests do"},
};

// Sources that make sense only together, with the test that runs them through their public face.
std::map<std::string, std::vector<std::string>> const tested_together = {
    {"tests/ctl/run_test.cpp",
     {"ctl/accounts", "ctl/control_command", "ctl/follow", "ctl/job_selection", "ctl/job_text",
      "ctl/list_command", "ctl/report_command", "ctl/secret_pair", "ctl/service_command",
      "ctl/submit_command", "ctl/submit_form", "ctl/test_command", "ctl/verify_command"}},
    {"tests/daemon/bus/bus_test.cpp", {"ctl/client"}},
    {"tests/daemon/copy/imap_endpoint_test.cpp", {"daemon/copy/imap_transfer"}},
    {"tests/daemon/copy/pass_test.cpp",
     {"daemon/copy/account_view", "daemon/copy/body_digests", "daemon/copy/body_queue",
      "daemon/copy/connected", "daemon/copy/destination_half", "daemon/copy/execute",
      "daemon/copy/expunged_exceptions", "daemon/copy/folder_fetch", "daemon/copy/lane",
      "daemon/copy/nominee_listing", "daemon/copy/source_half"}},
    {"tests/daemon/copy/verify_test.cpp", {"daemon/copy/folder_reading"}},
    {"tests/daemon/jobs/local_service_test.cpp", {"daemon/jobs/supervisor_verification"}},
    {"tests/daemon/imap/codec/response_test.cpp",
     {"daemon/imap/codec/fetch_response", "daemon/imap/codec/mailbox_responses",
      "daemon/imap/codec/scanner"}},
    {"tests/daemon/net/stream_contract_test.cpp",
     {"daemon/net/peer_window", "daemon/net/tcp_stream", "daemon/net/tls"}},
    {"tests/daemon/store/job_store_test.cpp", {"daemon/store/job_rows"}},
};

// Source → the test that the table names, or an empty string.
std::string named_test(std::string const& source) {
    auto const stem = source.substr(0, source.size() - 4);
    for (auto const& [test, stems] : tested_together) {
        if (std::ranges::find(stems, stem) != stems.end()) return test;
    }
    return "";
}

Findings missing_tests(Sources const& sources, Permissions const& permissions) {
    std::set<std::string> paths;
    for (auto const& file : sources) paths.insert(file.path);
    Findings findings;
    for (auto const& path : paths) {
        if (is_test(path) || !path.ends_with(".cpp") || permitted(permissions, path)) continue;
        auto const test = "tests/" + path.substr(0, path.size() - 4) + "_test.cpp";
        auto const named = named_test(path);
        if (paths.contains(test) && !named.empty())
            findings.push_back(path + ": has a test and a borrowed one");
        if (!paths.contains(test) && !paths.contains(named)) findings.push_back(path + ": has no " + test);
    }
    return findings;
}

// Entries of the two tables whose source is gone.
Findings orphaned_permissions(Sources const& sources, Permissions const& permissions) {
    Findings findings;
    auto const exists = [&](std::string const& path) {
        return std::ranges::any_of(sources, [&](auto const& file) { return file.path == path; });
    };
    for (auto const& [path, reason] : permissions) {
        if (!exists(path)) findings.push_back(path + ": does not exist, but may lack a test");
    }
    return findings;
}

Permissions tested_together_as_permissions() {
    Permissions out;
    for (auto const& [test, stems] : tested_together) {
        for (auto const& stem : stems) out.emplace_back(stem + ".cpp", test);
    }
    return out;
}

Findings headers_without_guard(Sources const& sources) {
    Findings findings;
    for (auto const& file : sources) {
        if (!file.path.ends_with(".hpp") || file.text.starts_with("#pragma once\n")) continue;
        findings.push_back(finding(file, 1, "does not begin with #pragma once"));
    }
    return findings;
}

// The text behind the first `mark` of a file, up to `end`.
std::string text_behind(Sources const& sources, std::string_view path, std::string_view mark, char end) {
    auto const file = std::ranges::find(sources, path, &SourceFile::path);
    if (file == sources.end()) return "no " + std::string(path);
    auto const at = file->text.find(mark);
    if (at == std::string::npos) return "no " + std::string(mark);
    auto const begin = at + mark.size();
    return file->text.substr(begin, file->text.find(end, begin) - begin);
}

Findings different_versions(Sources const& sources) {
    auto const built = text_behind(sources, "CMakeLists.txt", "project(imapcopyd VERSION ", ' ');
    auto const packaged = text_behind(sources, "debian/changelog", "imapcopyd (", ')');
    if (built == packaged) return {};
    return {"CMakeLists.txt builds " + built + ", debian/changelog packages " + packaged};
}

// ---- The project ----

bool is_built(fs::path const& path) {
    static std::set<std::string> const names = {".debhelper", "imapcopyd", "imapcopyctl", "tmp",
                                                "__pycache__"};
    return path.string().find("/debian/") != std::string::npos ? names.contains(path.filename().string())
                                                               : path.filename() == "__pycache__";
}

Sources const& project() {
    static Sources const sources = [] {
        Sources found;
        fs::path const root(IMAPCOPY_SOURCE_DIR);
        auto const add = [&](fs::path const& path) {
            std::ifstream stream(path, std::ios::binary);
            std::string text{std::istreambuf_iterator<char>(stream), {}};
            found.push_back({fs::relative(path, root).string(), std::move(text)});
        };
        for (auto const& entry : fs::directory_iterator(root)) {
            if (entry.is_regular_file()) add(entry.path());
        }
        for (auto const* folder :
             {"common", "daemon", "ctl", "systemd", "config", "tests", "debian", ".ci"}) {
            if (!fs::exists(root / folder)) continue;
            for (auto walk = fs::recursive_directory_iterator(root / folder); walk != fs::end(walk); ++walk) {
                if (walk->is_directory() && is_built(walk->path())) walk.disable_recursion_pending();
                if (walk->is_regular_file()) add(walk->path());
            }
        }
        std::ranges::sort(found, {}, &SourceFile::path);
        return found;
    }();
    return sources;
}

testing::AssertionResult none(Findings const& findings) {
    if (findings.empty()) return testing::AssertionSuccess();
    auto failure = testing::AssertionFailure();
    for (auto const& line : findings) failure << '\n' << line;
    return failure;
}

Findings one(Findings (*rule)(Sources const&), std::string const& path, std::string const& text) {
    return rule({{path, text}});
}

}  // namespace

TEST(Tidy, FindsTheProject) {
    EXPECT_GT(project().size(), 50U);
    EXPECT_TRUE(std::ranges::any_of(project(), [](auto const& f) { return f.path == "common/error.cpp"; }));
}

TEST(Tidy, ReadsCodeWithoutCommentsAndLiterals) {
    EXPECT_EQ(code_of("a; // b\nc"), "a;     \nc");
    EXPECT_EQ(code_of("f(\"x{\\\"y\");"), "f(\"     \");");
    EXPECT_EQ(code_of("1'000 /* { */ + 'x'"), "1'000         + ' '");
    EXPECT_EQ(code_of("R\"(a\n{)\" b").find('{'), std::string::npos);
}

TEST(TidyIncludes, ForbiddenOnesAreFound) {
    EXPECT_EQ(one(forbidden_includes, "common/a.hpp", "#include \"daemon/net/stream.hpp\"\n").size(), 1U);
    EXPECT_EQ(
        one(forbidden_includes, "daemon/copy/plan.cpp", "#include \"daemon/imap/session.hpp\"\n").size(), 1U);
    EXPECT_EQ(
        one(forbidden_includes, "daemon/copy/imap_endpoint.cpp", "#include \"daemon/imap/session.hpp\"\n"),
        Findings{});
    EXPECT_EQ(one(forbidden_includes, "daemon/store/a.cpp", "#include \"daemon/copy/plan.hpp\"\n").size(),
              1U);
    EXPECT_EQ(one(forbidden_includes, "daemon/util/a.cpp", "#include \"common/text.hpp\"\n").size(), 1U);
}

TEST(TidyIncludes, FollowTheTable) {
    EXPECT_TRUE(none(forbidden_includes(project())));
}

TEST(TidyLibraries, WrongDoorsAreFound) {
    EXPECT_EQ(one(forbidden_libraries, "daemon/jobs/a.cpp", "#include <sqlite3.h>\n").size(), 1U);
    EXPECT_EQ(one(forbidden_libraries, "daemon/jobs/a.cpp", "#include <openssl/evp.h>\n").size(), 1U);
    EXPECT_EQ(one(forbidden_libraries, "daemon/jobs/a.cpp", "#include <random>\n").size(), 1U);
    EXPECT_EQ(one(forbidden_libraries, "daemon/store/sqlite.cpp", "#include <sqlite3.h>\n"), Findings{});
}

TEST(TidyLibraries, IdleDoorsAreFound) {
    Sources const sources = {{"a/b.cpp", "#include <x/y.h>\n"}};
    EXPECT_EQ(idle_doors(sources, {{"x/", {{"a/*", "because"}}}}), Findings{});
    EXPECT_EQ(idle_doors(sources, {{"x/", {{"a/c.cpp", "because"}}}}).size(), 1U);
}

TEST(TidyLibraries, EachHasOneDoor) {
    EXPECT_TRUE(none(forbidden_libraries(project())));
    EXPECT_TRUE(none(idle_doors(project(), doors)));
}

TEST(TidyWords, ForbiddenOnesAreFound) {
    auto const found = [](std::string const& line) {
        return forbidden_words({{"daemon/a.cpp", line}}, code_words);
    };
    for (auto const* line :
         {"asio::steady_timer timer;", "auto t = std::chrono::steady_clock::now();", "x = rand();",
          "using boost::operators::operator||;", "using namespace std;", "#define X 1"}) {
        EXPECT_EQ(found(line).size(), 1U) << line;
    }
    EXPECT_EQ(found("// rand() would do.\nauto text = \"rand\"; brand();"), Findings{});
}

TEST(TidyWords, AreAvoided) {
    EXPECT_TRUE(none(forbidden_words(project(), code_words)));
}

TEST(TidyCatches, ForbiddenOnesAreFound) {
    Sources const sources = {{"daemon/net/a.cpp", "try {\n} catch (Failure const&) {\n}\n"}};
    EXPECT_EQ(forbidden_catches(sources, {}).size(), 1U);
    EXPECT_EQ(forbidden_catches(sources, {{"daemon/net/a.cpp", "because"}}), Findings{});
    EXPECT_EQ(idle_permissions(sources, {{"daemon/net/b.cpp", "because"}}, "catch (").size(), 1U);
}

TEST(TidyCatches, StandOnlyWhereAnErrorMeetsItsAudience) {
    EXPECT_TRUE(none(forbidden_catches(project(), may_catch)));
    EXPECT_TRUE(none(idle_permissions(project(), may_catch, "catch (")));
}

TEST(TidyDefaults, UnexplainedOnesAreFound) {
    EXPECT_EQ(one(uncommented_defaults, "daemon/a.cpp", "switch (x) {\n\n    default: break;\n}\n").size(),
              1U);
    EXPECT_EQ(
        one(uncommented_defaults, "daemon/a.cpp", "    // Any other byte is text.\n    default: break;\n"),
        Findings{});
}

TEST(TidyDefaults, AreExplained) {
    EXPECT_TRUE(none(uncommented_defaults(project())));
}

TEST(TidyAwaits, DangerousOnesAreFound) {
    EXPECT_EQ(one(dangerous_awaits, "daemon/a.cpp", "x = y ? co_await f() : 0;").size(), 1U);
    EXPECT_EQ(one(dangerous_awaits, "daemon/a.cpp", "co_await g([&] { return 1; });").size(), 1U);
    EXPECT_EQ(one(dangerous_awaits, "daemon/a.cpp", "co_await g(x[1]); h([&] {});"), Findings{});
}

TEST(TidyAwaits, AreSafe) {
    EXPECT_TRUE(none(dangerous_awaits(project())));
}

TEST(TidyBanned, WordsAreFound) {
    for (auto const& word : banned_everywhere) {
        EXPECT_EQ(one(banned_words, "README.md", "Look: " + word + " is here.\n").size(), 1U) << word;
    }
}

TEST(TidyBanned, WordsAppearNowhere) {
    EXPECT_TRUE(none(banned_words(project())));
}

TEST(TidySizes, LongOnesAreFound) {
    EXPECT_EQ(one(long_lines, "a.cpp", std::string(111, 'x') + "\n").size(), 1U);
    EXPECT_EQ(one(long_lines, "a.cpp", std::string(109, 'x') + "é\n"), Findings{});
    std::string body;
    for (int i = 0; i < 59; ++i) body += "    g();\n";
    EXPECT_EQ(one(long_functions, "a.cpp", "namespace n {\nvoid f() {\n" + body + "}\n}\n").size(), 1U);
    EXPECT_EQ(one(long_functions, "a.cpp", "F::F(int a) : a_{a}, b_{1} {\n" + body + "}\n").size(), 1U);
    EXPECT_EQ(one(long_functions, "a.hpp", "class C {\n    int f() const {\n" + body + "    }\n};\n").size(),
              1U);
    EXPECT_EQ(one(long_functions, "a.cpp", "template <class T>\nvoid f(T t) {\n" + body + "}\n").size(), 1U);
    EXPECT_EQ(one(long_functions, "a.cpp", "std::array<int, n()> const t = {\n" + body + "};\n"), Findings{});
    EXPECT_EQ(one(long_functions, "a.cpp", "void f();\nvoid g() {\n}\nint x{\n" + body + "};\n"), Findings{});
    std::string file;
    for (int i = 0; i < 601; ++i) file += "\n";
    EXPECT_EQ(one(long_files, "a.cpp", file).size(), 1U);
}

TEST(TidySizes, AreKept) {
    EXPECT_TRUE(none(long_lines(project())));
    EXPECT_TRUE(none(long_files(project())));
    EXPECT_TRUE(none(long_functions(project())));
}

TEST(TidyTests, MissingOnesAreFound) {
    Sources const sources = {{"common/a.cpp", ""}, {"common/b.cpp", ""}, {"tests/common/b_test.cpp", ""}};
    EXPECT_EQ(missing_tests(sources, {}).size(), 1U);
    EXPECT_EQ(missing_tests(sources, {{"common/a.cpp", "because"}}), Findings{});
    EXPECT_EQ(orphaned_permissions(sources, {{"common/c.cpp", "because"}}).size(), 1U);
}

TEST(TidyTests, MirrorTheSources) {
    EXPECT_TRUE(none(missing_tests(project(), may_lack_a_test)));
    EXPECT_TRUE(none(orphaned_permissions(project(), may_lack_a_test)));
    EXPECT_TRUE(none(orphaned_permissions(project(), tested_together_as_permissions())));
}

TEST(TidyHeaders, UnguardedOnesAreFound) {
    EXPECT_EQ(one(headers_without_guard, "common/a.hpp", "#include <string>\n").size(), 1U);
}

TEST(TidyHeaders, AreGuarded) {
    EXPECT_TRUE(none(headers_without_guard(project())));
}

TEST(TidyVersions, DifferenceIsFound) {
    Sources sources = {{"CMakeLists.txt", "project(imapcopyd VERSION 1.2 X)"},
                       {"debian/changelog", "imapcopyd (1.3) x"}};
    EXPECT_EQ(different_versions(sources).size(), 1U);
    sources.back().text = "imapcopyd (1.2) x";
    EXPECT_EQ(different_versions(sources), Findings{});
}

TEST(TidyVersions, AreEqual) {
    EXPECT_TRUE(none(different_versions(project())));
}
