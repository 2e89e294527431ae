// FETCH: the items that we ask for, and a way past all others.

#include "common/text.hpp"
#include "daemon/imap/codec/grammar.hpp"
#include "daemon/imap/codec/response_parsers.hpp"

namespace imapcopy::imap::response {
namespace {

std::optional<InternalDate> parse_internal_date(Scanner& in) {
    auto const text = in.nstring();
    auto const date = text ? InternalDate::parse(*text) : Result<InternalDate>(Error{});
    return date ? std::optional(*date) : std::nullopt;
}

/// BODY[]: a literal was streamed and is empty here; everything else stands here as it came.
void parse_body(Scanner& in, Fetch& fetch) {
    bool const is_literal = in.at_string() && in.peek() != '"';
    auto value = in.nstring();
    fetch.body_nil = !value;
    fetch.has_body = value.has_value();
    if (value && !(is_literal && value->empty())) fetch.body = std::move(value);
}

/// Gmail's own labels come bare ("\Inbox") or quoted, with the backslash doubled; all others as astrings.
std::vector<std::string> parse_labels(Scanner& in) {
    std::vector<std::string> labels;
    if (in.accept_nil()) return labels;
    for (in.open(); in.more();) {
        auto label = in.astring();
        if (labels.size() < labels_max) labels.push_back(std::move(label));
    }
    return labels;
}

void parse_item(Scanner& in, Fetch& fetch) {
    auto const name = parse_fetch_item_name(in);
    auto const is = [name](std::string_view item) { return ascii_iequals(name, item); };
    in.expect_blank();
    if (is("UID")) {
        auto const uid = in.number32();
        if (uid == 0) in.fail("a UID above 0");
        fetch.uid = Uid{uid};
    } else if (is("FLAGS")) {
        fetch.flags = parse_flags(in);
    } else if (is("INTERNALDATE")) {
        fetch.internal_date = parse_internal_date(in);
    } else if (is("RFC822.SIZE")) {
        fetch.size_bytes = in.number();
    } else if (is("MODSEQ")) {
        in.open();
        in.skip_blanks();
        fetch.mod_seq = ModSeq{in.number()};
        if (in.more()) in.fail("\")\"");
    } else if (is("X-GM-LABELS")) {
        fetch.labels = parse_labels(in);
    } else if (is("BODY[HEADER.FIELDS")) {
        fetch.header_fields = in.nstring().value_or(std::string{});
    } else if (is("BODY[]")) {
        parse_body(in, fetch);
    } else {
        in.skip_value();
    }
}

}  // namespace

std::string_view parse_fetch_item_name(Scanner& in) {
    auto const before = in.rest();
    while (is_atom_char(in.peek()) && in.peek() != '[') (void)in.accept(in.peek());
    if (in.peek() == '[') {
        in.skip_section();
        // "<0>" of a partial fetch.
        while (is_atom_char(in.peek())) (void)in.accept(in.peek());
    }
    if (in.rest().size() == before.size()) in.fail("the name of an item");
    if (!in.ok()) return {};
    auto const name = before.substr(0, before.size() - in.rest().size());
    return name.substr(0, name.find(' '));
}

Flags parse_flags(Scanner& in) {
    Flags flags;
    for (in.open(); in.more();) (void)flags.add(in.word());  // What is not an atom is left out.
    return flags;
}

Fetch parse_fetch(Scanner& in, std::uint32_t sequence_number) {
    Fetch fetch;
    fetch.sequence_number = sequence_number;
    in.expect_blank();
    if (in.peek() == '(') {
        for (in.open(); in.more();) parse_item(in, fetch);
    } else {
        do {
            parse_item(in, fetch);
            in.skip_blanks();
        } while (in.ok() && !in.at_end());
    }
    in.expect_end();
    return fetch;
}

std::optional<Uid> uid_before_body(std::string_view text) {
    Scanner in(text, nullptr);
    in.expect('*');
    in.expect_blank();
    (void)in.number32();
    in.expect_blank();
    if (!ascii_iequals(in.word(), "FETCH")) return std::nullopt;
    in.expect_blank();
    std::optional<Uid> uid;
    for (in.open(); in.more();) {
        auto const name = parse_fetch_item_name(in);
        in.expect_blank();
        if (ascii_iequals(name, "BODY[]")) return uid;
        if (ascii_iequals(name, "UID")) {
            uid = Uid{in.number32()};
            if (uid == Uid{0}) return std::nullopt;
        } else {
            in.skip_value();
        }
    }
    return std::nullopt;
}

}  // namespace imapcopy::imap::response
