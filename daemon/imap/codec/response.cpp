#include "daemon/imap/codec/response.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "common/text.hpp"
#include "daemon/imap/codec/grammar.hpp"
#include "daemon/imap/codec/response_parsers.hpp"

namespace imapcopy::imap::response {
namespace {

std::optional<StatusKind> status_kind(std::string_view word) {
    constexpr std::array<std::pair<std::string_view, StatusKind>, 5> kinds = {
        {{"OK", StatusKind::ok},
         {"NO", StatusKind::no},
         {"BAD", StatusKind::bad},
         {"BYE", StatusKind::bye},
         {"PREAUTH", StatusKind::preauth}}};
    for (auto const& [name, kind] : kinds) {
        if (ascii_iequals(name, word)) return kind;
    }
    return std::nullopt;
}

/// Where the "]" of a code stands; one inside a quoted string does not count, unless that string never ends.
std::size_t find_code_end(std::string_view text) {
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quoted && text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (text[i] == ']' && !quoted) {
            return i;
        }
    }
    return text.find(']');
}

/// The text after OK, NO, BAD, BYE or PREAUTH. What looks like a code and is none belongs to the text.
void parse_status_text(std::string_view rest, Status& status) {
    status.text = rest;
    if (!rest.starts_with('[')) return;
    auto const end = find_code_end(rest);
    if (end == std::string_view::npos) return;
    auto const inside = rest.substr(1, end - 1);
    auto const name = inside.substr(0, inside.find(' '));
    if (!is_atom(name)) return;
    status.code.name = upper(name);
    status.code.arguments = trim(inside.substr(name.size()));
    status.text = rest.substr(end + 1);
    if (status.text.starts_with(' ')) status.text.erase(0, 1);
}

Status parse_status(std::string_view tag, StatusKind kind, Scanner& in) {
    Status status;
    status.tag = tag;
    status.kind = kind;
    in.skip_blanks();
    parse_status_text(in.rest(), status);
    return status;
}

/// "* 12 EXISTS", "* 12 FETCH (…)".
Response parse_numbered(Scanner& in) {
    auto const number = in.number32();
    in.expect_blank();
    auto const name = in.word();
    constexpr std::array<std::pair<std::string_view, Count::Kind>, 3> counts = {
        {{"EXISTS", Count::Kind::exists},
         {"EXPUNGE", Count::Kind::expunge},
         {"RECENT", Count::Kind::recent}}};
    for (auto const& [word, kind] : counts) {
        if (!ascii_iequals(word, name)) continue;
        in.expect_end();
        return Count{kind, number};
    }
    if (ascii_iequals(name, "FETCH")) return parse_fetch(in, number);
    return Other{upper(name)};
}

Response parse_named(Scanner& in) {
    auto const word = in.word();
    if (auto const kind = status_kind(word)) return parse_status({}, *kind, in);
    auto name = upper(word);
    if (name == "CAPABILITY") return Capability{parse_capability_names(in.rest())};
    if (name == "ENABLED") return Enabled{parse_capability_names(in.rest())};
    if (name == "LIST" || name == "LSUB") return parse_list(in, name == "LSUB");
    if (name == "STATUS") return parse_mailbox_status(in);
    if (name == "NAMESPACE") return parse_namespace(in);
    if (name == "QUOTA") return parse_quota(in);
    if (name == "ID") return parse_id(in);
    if (name == "FLAGS") {
        in.expect_blank();
        MailboxFlags flags{parse_flags(in)};
        in.expect_end();
        return flags;
    }
    return Other{std::move(name)};
}

Response parse_tagged(Scanner& in) {
    auto const tag = in.run();
    in.expect_blank();
    auto const kind = in.ok() ? status_kind(in.word()) : std::nullopt;
    if (!kind || *kind == StatusKind::bye || *kind == StatusKind::preauth) {
        in.fail("OK, NO or BAD");
        return Status{};
    }
    return parse_status(tag, *kind, in);
}

/// For messages only: the word that says what it is.
std::string_view kind_of(std::string_view text) {
    if (!text.starts_with("* ")) return "tagged";
    for (auto const word : split(text.substr(0, 64), ' ')) {
        if (is_atom(word) && !parse_number(word)) return word;
    }
    return "untagged";
}

}  // namespace

std::string upper(std::string_view text) {
    std::string out(text);
    for (auto& c : out) c = ascii_upper(c);
    return out;
}

Result<Response> parse(ResponseText const& text) {
    Scanner in(text.text, &text.literals);
    if (in.accept('+')) {
        (void)in.accept(' ');
        return Continuation{std::string(in.rest())};
    }
    Response response = Other{};
    if (text.text.starts_with("* ") && in.accept('*')) {
        in.skip_blanks();
        bool const is_numbered = in.peek() >= '0' && in.peek() <= '9';
        response = is_numbered ? parse_numbered(in) : parse_named(in);
    } else {
        response = parse_tagged(in);
    }
    if (!in.ok()) return in.error(kind_of(text.text));
    return response;
}

std::vector<std::string> parse_capability_names(std::string_view arguments) {
    std::vector<std::string> names;
    for (auto const word : split(arguments, ' ')) {
        if (!word.empty()) names.push_back(upper(word));
    }
    return names;
}

std::optional<AppendUid> parse_append_uid(Code const& code, std::size_t count) {
    if (code.name != "APPENDUID") return std::nullopt;
    std::string_view const arguments = code.arguments;
    auto const blank = std::min(arguments.find(' '), arguments.size());
    auto const validity = parse_uid_list(arguments.substr(0, blank), 1);
    auto uids = parse_uid_list(trim(arguments.substr(blank)), count);
    if (!validity || !uids || uids->size() != count) return std::nullopt;
    if (UidSet::of(*uids).size() != count) return std::nullopt;
    return AppendUid{UidValidity{validity->front().value()}, std::move(*uids)};
}

std::optional<PermanentFlags> parse_permanent_flags(Code const& code) {
    std::string_view const arguments = code.arguments;
    if (code.name != "PERMANENTFLAGS" || !arguments.starts_with('(') || !arguments.ends_with(')'))
        return std::nullopt;
    auto const words = arguments.substr(1, arguments.size() - 2);
    PermanentFlags permanent;
    permanent.flags = Flags::parse(words);
    auto const listed = split(words, ' ');
    permanent.any_keyword = std::ranges::find(listed, "\\*") != listed.end();
    return permanent;
}

}  // namespace imapcopy::imap::response
