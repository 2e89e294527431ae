// Whatever stands in the arguments, the bytes sent are exactly one command with exactly these arguments: so
// says a parser that shares nothing with the encoder.

#include "daemon/imap/codec/command.hpp"

#include <algorithm>
#include <optional>

#include "tests/fuzz/require.hpp"

namespace imapcopy::imap::command {
namespace {

using fuzz::require;

// --- The other side: a server's view of the bytes.
// -----------------------------------------------------------------

/// A word, a parenthesis, or a string; strings carry a mark in front so that they differ from words.
using Words = std::vector<std::string>;

class Server {
 public:
    explicit Server(std::vector<Fragment> const& fragments) {
        for (auto const& fragment : fragments) {
            bytes_ += fragment.bytes;
            if (fragment.wait_for_continuation) pauses_.push_back(bytes_.size());
        }
    }

    /// The words of the one command; aborts where it is none, or more than one.
    Words read(bool has_end) {
        Words words;
        while (!at_end() && peek() != '\r') {
            if (peek() == ' ') {
                ++place_;
                require(!at_end() && peek() != ' ' && peek() != '\r', "one blank between words");
            }
            words.push_back(word());
        }
        if (has_end) require(bytes_.substr(place_) == "\r\n", "the command ends with its only line end");
        if (!has_end) require(at_end(), "nothing ends the line before its time");
        require(pauses_.empty(), "no pause but after a synchronising literal");
        return words;
    }

 private:
    bool at_end() const { return place_ >= bytes_.size(); }
    char peek() const { return bytes_[place_]; }

    std::string word() {
        if (peek() == '"') return quoted();
        if (peek() == '{') return literal();
        if (peek() == '(' || peek() == ')') return std::string(1, bytes_[place_++]);
        auto const start = place_;
        while (!at_end() && std::string_view(" (){\"\r\n").find(peek()) == std::string_view::npos) {
            require(peek() > 0x20 && peek() < 0x7f, "words are printable ASCII");
            ++place_;
        }
        require(place_ > start, "no empty word");
        return bytes_.substr(start, place_ - start);
    }

    std::string quoted() {
        std::string value = "'";
        for (++place_; !at_end() && peek() != '"'; ++place_) {
            if (peek() == '\\') {
                ++place_;
                require(!at_end() && (peek() == '"' || peek() == '\\'),
                        "a backslash quotes only the specials");
            }
            require(!at_end() && peek() >= 0x20 && peek() < 0x7f, "quoted strings are printable ASCII");
            value += peek();
        }
        require(!at_end(), "a quoted string ends");
        ++place_;
        return value;
    }

    std::string literal() {
        std::size_t size = 0;
        for (++place_; !at_end() && peek() >= '0' && peek() <= '9'; ++place_)
            size = size * 10 + (peek() - '0');
        bool const synchronising = !at_end() && peek() != '+';
        if (!synchronising) ++place_;
        require(bytes_.substr(place_, 3) == "}\r\n", "a literal's size ends its line");
        place_ += 3;
        if (synchronising) {
            require(!pauses_.empty() && pauses_.front() == place_, "a synchronising literal is waited for");
            pauses_.erase(pauses_.begin());
        }
        require(bytes_.size() - place_ >= size, "a literal is as long as it says");
        auto const value = bytes_.substr(place_, size);
        require(value.find('\0') == std::string::npos, "no NUL is sent");
        place_ += size;
        return "'" + value;
    }

    std::string bytes_;
    std::vector<std::size_t> pauses_;
    std::size_t place_ = 0;
};

// --- Our side: a command made of the input.
// ------------------------------------------------------------------------

/// Hands out pieces of the input.
class Input {
 public:
    explicit Input(std::string_view bytes) : bytes_(bytes) {}
    unsigned number(unsigned limit) {
        if (bytes_.empty()) return 0;
        auto const value = static_cast<unsigned char>(bytes_.front());
        bytes_.remove_prefix(1);
        return value % limit;
    }
    /// Short at times, the rest at others.
    std::string text() {
        auto const size = number(4) == 0 ? bytes_.size() : number(24);
        auto const value = bytes_.substr(0, size);
        bytes_.remove_prefix(value.size());
        return std::string(value);
    }

 private:
    std::string_view bytes_;
};

struct Case {
    Command command;
    Words expected;  ///< After the tag; those made by any_form() may be words or strings.
};

std::string any_form(std::string const& text) {
    return '\x01' + text;
}
std::string string(std::string const& text) {
    return "'" + text;
}
MailboxName name(std::string const& wire) {
    return {wire, wire};
}

Case on_mailbox(Input& in) {
    auto const wire = in.text();
    switch (in.number(6)) {
        case 0: return {Subscribe{name(wire)}, {"SUBSCRIBE", any_form(wire)}};
        case 1: return {Examine{name(wire), true}, {"EXAMINE", any_form(wire), "(", "CONDSTORE", ")"}};
        case 2: return {Select{name(wire), false}, {"SELECT", any_form(wire)}};
        case 3: return {GetQuotaRoot{name(wire)}, {"GETQUOTAROOT", any_form(wire)}};
        case 4:
            return {Status{name(wire), false},
                    {"STATUS", any_form(wire), "(", "MESSAGES", "UIDNEXT", "UIDVALIDITY", ")"}};
        default: break;
    }
    auto const use = in.text();
    return {Create{name(wire), "\\" + use},
            {"CREATE", any_form(wire), "(", "USE", "(", "\\" + use, ")", ")"}};
}

Case make_fetch(Input& in) {
    UidFetch fetch;
    fetch.uids = UidSet(Uid{1 + in.number(50)}, Uid{1 + in.number(50)});
    Words expected = {"UID", "FETCH", fetch.uids.to_string(), "(", "UID", "BODY.PEEK[HEADER.FIELDS", "("};
    for (auto count = 1 + in.number(3); count > 0; --count) {
        fetch.header_fields.push_back(in.text());
        expected.push_back(fetch.header_fields.back());
    }
    expected.insert(expected.end(), {")", "]", ")"});
    return {std::move(fetch), std::move(expected)};
}

Case make_store(Input& in) {
    UidStore store{UidSet(Uid{7}, Uid{7}), in.number(2) == 0, {}};
    // Keywords only: a text that names a system flag is made a keyword by what is put before it.
    for (auto count = in.number(4); count > 0; --count) (void)store.flags.add("k" + in.text());
    Words expected = {"UID", "STORE", "7", store.add ? "+FLAGS.SILENT" : "-FLAGS.SILENT", "("};
    for (auto const& keyword : store.flags.keywords()) expected.push_back(keyword);
    expected.emplace_back(")");
    return {std::move(store), std::move(expected)};
}

Case make_id(Input& in) {
    Id id;
    Words expected = {"ID", "("};
    for (auto count = 1 + in.number(3); count > 0; --count) {
        auto field = in.text();
        auto value = in.text();
        expected.push_back(string(field));
        expected.push_back(string(value));
        id.fields.emplace_back(std::move(field), std::move(value));
    }
    expected.emplace_back(")");
    return {std::move(id), std::move(expected)};
}

Case make_case(Input& in) {
    switch (in.number(8)) {
        case 0: {
            auto const user = in.text();
            auto const password = in.text();
            return {Login{user, Secret(password)}, {"LOGIN", any_form(user), string(password)}};
        }
        case 1: {
            auto const reference = in.text();
            auto const pattern = in.text();
            return {Lsub{reference, pattern}, {"LSUB", string(reference), string(pattern)}};
        }
        case 2: {
            auto const mechanism = in.text();
            return {Authenticate{mechanism, Secret("x")}, {"AUTHENTICATE", mechanism, "eA=="}};
        }
        case 3: {
            auto const extension = in.text();
            return {Enable{{extension, "B"}}, {"ENABLE", extension, "B"}};
        }
        case 4: return make_fetch(in);
        case 5: return make_store(in);
        case 6: return make_id(in);
        default: return on_mailbox(in);
    }
}

void require_words(Words const& got, Words const& expected) {
    require(got.size() == expected.size() + 1 && got.front() == "A1", "as many words as arguments");
    for (std::size_t i = 0; i < expected.size(); ++i) {
        auto const& wanted = expected[i];
        auto const& word = got[i + 1];
        bool const is_any = wanted.starts_with('\x01');
        require(is_any ? word == wanted.substr(1) || word == "'" + wanted.substr(1) : word == wanted,
                "every argument arrives as it was");
        if (is_any) require(word != "NIL" && word != "nil" && word != "Nil", "no argument arrives as NIL");
    }
}

void check(Input in) {
    EncodeOptions const options{in.number(2) == 0, in.number(2) == 0, true};
    auto const test = make_case(in);
    if (auto const fragments = encode("A1", test.command, options)) {
        require_words(Server(*fragments).read(true), test.expected);
    } else {
        require(fragments.error().code == ErrorCode::invalid_argument, "what is refused is our own mistake");
    }
    auto const mailbox = in.text();
    if (auto const fragments = encode_append_start("A1", name(mailbox), options)) {
        require_words(Server(*fragments).read(false), {"APPEND", any_form(mailbox)});
    } else {
        require(mailbox.find('\0') != std::string::npos, "only NUL is refused in a mailbox name");
    }
}

}  // namespace
}  // namespace imapcopy::imap::command

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    imapcopy::imap::command::check(
        imapcopy::imap::command::Input(std::string_view(reinterpret_cast<char const*>(data), size)));
    return 0;
}
