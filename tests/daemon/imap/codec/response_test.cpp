#include "daemon/imap/codec/response.hpp"

#include <gtest/gtest.h>

#include "daemon/imap/codec/quirks.hpp"
#include "transcripts.hpp"

namespace imapcopy::imap::response {
namespace {

/// The response of kind T that `text` is; fails the test where it is none.
template <class T>
T parsed(std::string const& text, std::vector<std::string> literals = {}) {
    auto response = parse(ResponseText{text, std::move(literals)});
    EXPECT_TRUE(response) << text << ": " << (response ? "" : response.error().message);
    if (!response || !std::holds_alternative<T>(*response)) {
        ADD_FAILURE() << text << " is of another kind";
        return T{};
    }
    return std::get<T>(*response);
}

bool refused(std::string const& text, std::vector<std::string> literals = {}) {
    auto const response = parse(ResponseText{text, std::move(literals)});
    return !response && response.error().code == ErrorCode::server_bug;
}

TEST(StatusResponse, HasTagKindCodeAndText) {
    auto const tagged = parsed<Status>("A7 NO [OVERQUOTA] Mailbox is full");
    EXPECT_EQ(tagged.tag, "A7");
    EXPECT_EQ(tagged.kind, StatusKind::no);
    EXPECT_EQ(tagged.code, (Code{"OVERQUOTA", ""}));
    EXPECT_EQ(tagged.text, "Mailbox is full");
    auto const untagged = parsed<Status>("* OK [uidvalidity 38505]");
    EXPECT_EQ(untagged.tag, "");
    EXPECT_EQ(untagged.code, (Code{"UIDVALIDITY", "38505"}));
    EXPECT_EQ(untagged.text, "");
    EXPECT_EQ(parsed<Status>("* BYE").kind, StatusKind::bye);
    EXPECT_EQ(parsed<Status>("* PREAUTH hello").kind, StatusKind::preauth);
    EXPECT_EQ(parsed<Status>("A1 BAD what?").kind, StatusKind::bad);
}

TEST(StatusResponse, FindsTheEndOfTheCode) {
    struct Case {
        char const* text;
        Code code;
        char const* rest;
    };
    for (auto const& c :
         {Case{"* NO [BADURL \"/a];b\\\"]\"] no", {"BADURL", "\"/a];b\\\"]\""}, "no"},
          Case{"* OK [PERMANENTFLAGS (\\Seen \\*)] ok", {"PERMANENTFLAGS", "(\\Seen \\*)"}, "ok"},
          Case{"* OK [ALERT say \"hi] there", {"ALERT", "say \"hi"}, "there"},
          Case{"* OK [Gmail no end", {"", ""}, "[Gmail no end"}, Case{"* OK [] empty", {"", ""}, "[] empty"},
          Case{"* OK ready [abc]", {"", ""}, "ready [abc]"},
          Case{"* OK [X]no blank", {"X", ""}, "no blank"}}) {
        auto const status = parsed<Status>(c.text);
        EXPECT_EQ(status.code, c.code) << c.text;
        EXPECT_EQ(status.text, c.rest) << c.text;
    }
}

TEST(StatusResponse, RefusesWhatIsNone) {
    for (auto const* text :
         {"", " ", "A1", "A1 ", "A1 MAYBE", "A1 BYE x", "A1 PREAUTH x", "*", "* ", "*OK", "A1 (OK)"}) {
        EXPECT_TRUE(refused(text)) << text;
    }
}

TEST(ContinuationResponse, KeepsItsText) {
    EXPECT_EQ(parsed<Continuation>("+ dGVzdA==").text, "dGVzdA==");
    EXPECT_EQ(parsed<Continuation>("+ ").text, "");
    EXPECT_EQ(parsed<Continuation>("+").text, "");
}

TEST(CapabilityResponse, IsUpperCase) {
    EXPECT_EQ(parsed<Capability>("* CAPABILITY IMAP4rev1  Literal+ ").names,
              (std::vector<std::string>{"IMAP4REV1", "LITERAL+"}));
    EXPECT_EQ(parsed<Enabled>("* ENABLED condstore").names, std::vector<std::string>{"CONDSTORE"});
    EXPECT_TRUE(parsed<Enabled>("* ENABLED").names.empty());
    EXPECT_EQ(parse_capability_names("a B"), (std::vector<std::string>{"A", "B"}));
}

TEST(ListResponse, HasAttributesSeparatorAndName) {
    auto const list = parsed<List>("* LIST (\\HasNoChildren \\Sent) \"/\" \"Gel&APY-scht \\\"x\\\"\"");
    EXPECT_FALSE(list.lsub);
    EXPECT_TRUE(list.has_attribute("\\sent"));
    EXPECT_FALSE(list.has_attribute("\\Trash"));
    EXPECT_EQ(list.separator, '/');
    EXPECT_EQ(list.mailbox.utf8, "Gelöscht \"x\"");
    auto const lsub = parsed<List>("* LSUB () NIL {5}\r\n", {"a\"b{c"});
    EXPECT_TRUE(lsub.lsub);
    EXPECT_EQ(lsub.separator, '\0');
    EXPECT_EQ(lsub.mailbox.wire, "a\"b{c");
    EXPECT_EQ(parsed<List>("* LIST () \"\\\\\" a").separator, '\\');
    EXPECT_EQ(parsed<List>("* LIST () \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\"))").mailbox.wire, "a");
    EXPECT_EQ(parsed<List>("* LIST () \"/\" nil").mailbox.wire, "nil");
    EXPECT_EQ(parsed<List>("* LIST () \"/\" NILpferd").mailbox.wire, "NILpferd");
    EXPECT_EQ(parsed<List>("* LIST () \"/\" Sent Items ").mailbox.wire, "Sent Items");
}

TEST(ListResponse, RefusesWhatIsMalformed) {
    for (auto const* text :
         {"* LIST", "* LIST ", "* LIST ()", "* LIST () \"/\"", "* LIST () \"/\" ", "* LIST (\\a \"/\" b",
          "* LIST () \"//\" b", "* LIST () \"/\" \"b", "* LIST () / b", "* LIST () \"/\" {1}\r\n",
          "* LIST () \"/\" \"a\" b c", "* LIST () \"/\" a\rb"}) {
        EXPECT_TRUE(refused(text)) << text;
    }
    EXPECT_TRUE(refused("* LIST () \"/\" {5000}\r\n", {std::string(5000, 'a')}));
}

TEST(MailboxStatusResponse, TakesWhatItKnowsAndSkipsTheRest) {
    auto const status = parsed<MailboxStatus>(
        "* STATUS \"a b\" (MESSAGES 3 X (a (b)) Y NIL UIDNEXT 5 uidvalidity 7 SIZE 99999999999 "
        "HIGHESTMODSEQ 18446744073709551615)");
    EXPECT_EQ(status.mailbox.wire, "a b");
    EXPECT_EQ(status.messages, 3U);
    EXPECT_EQ(status.uid_next, Uid{5});
    EXPECT_EQ(status.uid_validity, UidValidity{7});
    EXPECT_EQ(status.highest_mod_seq, ModSeq{18446744073709551615U});
    EXPECT_EQ(parsed<MailboxStatus>("* STATUS Sent Items (MESSAGES 1)").mailbox.wire, "Sent Items");
    EXPECT_FALSE(parsed<MailboxStatus>("* STATUS x (UIDNEXT 0 UIDVALIDITY 0)").uid_next);
    EXPECT_FALSE(parsed<MailboxStatus>("* STATUS x ()").messages);
}

TEST(MailboxStatusResponse, RefusesNumbersOutOfRange) {
    for (auto const* text :
         {"* STATUS x (MESSAGES 4294967296)", "* STATUS x (UIDNEXT -1)", "* STATUS x (UIDVALIDITY)",
          "* STATUS x (HIGHESTMODSEQ 18446744073709551616)", "* STATUS x (MESSAGES 1", "* STATUS x"}) {
        EXPECT_TRUE(refused(text)) << text;
    }
}

TEST(NamespaceResponse, HasThreeGroups) {
    auto const spaces = parsed<Namespace>(
        "* NAMESPACE ((\"INBOX.\" \".\")(\"#mh/\" NIL \"X-P\" (\"a\" \"b\"))) NIL ((\"\" \"/\"))");
    ASSERT_EQ(spaces.personal.size(), 2U);
    EXPECT_EQ(spaces.personal[0].prefix, "INBOX.");
    EXPECT_EQ(spaces.personal[0].separator, '.');
    EXPECT_EQ(spaces.personal[1].separator, '\0');
    EXPECT_TRUE(spaces.other_users.empty());
    EXPECT_EQ(spaces.shared.size(), 1U);
    EXPECT_TRUE(refused("* NAMESPACE NIL NIL"));
}

TEST(CountResponse, HasKindAndNumber) {
    EXPECT_EQ(parsed<Count>("* 23 EXISTS").number, 23U);
    EXPECT_EQ(parsed<Count>("* 5 expunge").kind, Count::Kind::expunge);
    EXPECT_EQ(parsed<Count>("* 0 RECENT ").kind, Count::Kind::recent);
    EXPECT_TRUE(refused("* 4294967296 EXISTS"));
    EXPECT_TRUE(refused("* 1"));
    EXPECT_TRUE(refused("* 1 EXISTS please"));
}

TEST(FetchResponse, TakesTheItemsThatWeAskFor) {
    auto const fetch = parsed<Fetch>(
        "* 12 FETCH (UID 7 FLAGS (\\Seen $x) INTERNALDATE \" 7-Feb-1994 21:52:25 +0100\" "
        "RFC822.SIZE 9999999999 MODSEQ (77) BODY[HEADER.FIELDS (Subject \"FROM\")] {8}\r\n)",
        {"From: x\n"});
    EXPECT_EQ(fetch.sequence_number, 12U);
    EXPECT_EQ(fetch.uid, Uid{7});
    EXPECT_EQ(fetch.flags, Flags::parse("\\Seen $x"));
    ASSERT_TRUE(fetch.internal_date);
    EXPECT_EQ(fetch.internal_date->zone_minutes, 60);
    EXPECT_EQ(fetch.size_bytes, 9999999999U);
    EXPECT_EQ(fetch.mod_seq, ModSeq{77});
    EXPECT_EQ(fetch.header_fields, "From: x\n");
    EXPECT_FALSE(fetch.has_body);
}

TEST(FetchResponse, ReadsLabels) {
    using Labels = std::vector<std::string>;
    auto const bare =
        parsed<Fetch>("* 1 FETCH (X-GM-LABELS (\\Inbox Important \"Muy Importante\" [a]) UID 9)");
    EXPECT_EQ(bare.labels, (Labels{"\\Inbox", "Important", "Muy Importante", "[a]"}));
    EXPECT_EQ(bare.uid, Uid{9});
    auto const strings = parsed<Fetch>("* 1 FETCH (X-GM-LABELS (\"\\\\Sent\" {3}\r\n &AOk-) UID 9)", {"a)b"});
    EXPECT_EQ(strings.labels, (Labels{"\\Sent", "a)b", "&AOk-"}));
    EXPECT_EQ(parsed<Fetch>("* 1 FETCH (x-gm-labels ())").labels, Labels{});
    EXPECT_EQ(parsed<Fetch>("* 1 FETCH (X-GM-LABELS NIL)").labels, Labels{});
    EXPECT_FALSE(parsed<Fetch>("* 1 FETCH (UID 9)").labels);
    std::string many;
    for (int i = 0; i < 5000; ++i) many += " l" + std::to_string(i);
    EXPECT_EQ(parsed<Fetch>("* 1 FETCH (X-GM-LABELS (" + many + "))").labels->size(), labels_max);
    EXPECT_TRUE(refused("* 1 FETCH (X-GM-LABELS Inbox)"));
    EXPECT_TRUE(refused("* 1 FETCH (X-GM-LABELS (a (b)))"));
}

TEST(FetchResponse, TellsHowTheBodyCame) {
    auto const streamed = parsed<Fetch>("* 1 FETCH (UID 7 BODY[] {310}\r\n FLAGS ())", {""});
    EXPECT_TRUE(streamed.has_body);
    EXPECT_FALSE(streamed.body);
    EXPECT_TRUE(streamed.flags);
    auto const quoted = parsed<Fetch>("* 1 FETCH (BODY[] \"a \\\\ \\\" b\" UID 7)");
    EXPECT_TRUE(quoted.has_body);
    EXPECT_EQ(quoted.body, "a \\ \" b");
    EXPECT_EQ(quoted.uid, Uid{7});
    EXPECT_EQ(parsed<Fetch>("* 1 FETCH (BODY[] \"\")").body, "");
    auto const nil = parsed<Fetch>("* 1 FETCH (BODY[] NIL)");
    EXPECT_FALSE(nil.has_body);
    EXPECT_TRUE(nil.body_nil);
}

TEST(FetchResponse, SkipsWhatItDoesNotKnow) {
    auto const fetch = parsed<Fetch>(
        "* 1 FETCH (X-OTHER (\\Inbox \"a)b\" {2}\r\n ()) ENVELOPE ((\"(\" NIL) NIL) BODY[1.2.HEADER] "
        "{1}\r\n BINARY[1] ~{1}\r\n "
        "BODY[HEADER.FIELDS.NOT (A \"]\")]<0> \"x\" BODY (NIL) UID 9)",
        {"))", "x", "y"});
    EXPECT_EQ(fetch.uid, Uid{9});
    EXPECT_FALSE(fetch.header_fields);
    EXPECT_FALSE(fetch.has_body);
}

TEST(FetchResponse, TakesItemsWithoutTheirList) {
    auto const fetch = parsed<Fetch>("* 5 FETCH FLAGS (\\Seen) UID 7");
    EXPECT_EQ(fetch.uid, Uid{7});
    EXPECT_EQ(fetch.flags, Flags::parse("\\Seen"));
}

TEST(FetchResponse, RefusesWhatIsMalformed) {
    for (auto const* text :
         {"* 1 FETCH", "* 1 FETCH (", "* 1 FETCH (UID", "* 1 FETCH (UID 0)", "* 1 FETCH (UID 4294967296)",
          "* 1 FETCH (UID x)", "* 1 FETCH (UID 1))", "* 1 FETCH (UID 1) x", "* 1 FETCH (FLAGS \\Seen)",
          "* 1 FETCH (FLAGS (\\Seen)", "* 1 FETCH (X {1}\r\n)", "* 1 FETCH (BODY[ NIL)",
          "* 1 FETCH (MODSEQ 7)", "* 1 FETCH (MODSEQ (7 8))", "* 1 FETCH (RFC822.SIZE -1)",
          "* 1 FETCH (BODY[] atom)", "* 1 FETCH (X \"a)", "* 1 FETCH (X \"a\r\")", "* 1 FETCH (() 1)"}) {
        EXPECT_TRUE(refused(text)) << text;
    }
}

TEST(FetchResponse, AllowsListsThirtyTwoDeep) {
    auto const nested = [](std::size_t depth) {
        return "* 1 FETCH (X " + std::string(depth - 1, '(') + "a" + std::string(depth - 1, ')') + ")";
    };
    EXPECT_EQ(parsed<Fetch>(nested(32)).sequence_number, 1U);
    EXPECT_TRUE(refused(nested(33)));
    EXPECT_TRUE(refused("* 1 FETCH (X " + std::string(60'000, '(')));
}

TEST(UidBeforeBody, IsFoundWhereItStandsBefore) {
    EXPECT_EQ(uid_before_body("* 12 FETCH (UID 7 BODY[] {310}"), Uid{7});
    EXPECT_EQ(uid_before_body("* 12 FETCH (FLAGS (\\Seen) X {3}\r\n uid 8 body[] {310}"), Uid{8});
    EXPECT_FALSE(uid_before_body("* 12 FETCH (BODY[] {310}"));
    EXPECT_FALSE(uid_before_body("* 12 FETCH (UID 0 BODY[] {310}"));
    EXPECT_FALSE(uid_before_body("* 12 FETCH (X (UID 7) BODY[] {310}"));
    EXPECT_FALSE(uid_before_body("* LIST () \"/\" BODY[] {310}"));
    EXPECT_FALSE(uid_before_body(""));
}

TEST(OtherResponses, AreRead) {
    EXPECT_EQ(parsed<MailboxFlags>("* FLAGS (\\Seen abc)").flags, Flags::parse("\\Seen abc"));
    auto const quota = parsed<Quota>("* QUOTA \"User quota\" (MESSAGE 1 2 STORAGE 10 512)");
    EXPECT_EQ(quota.root, "User quota");
    EXPECT_EQ(quota.storage_used_kib, 10U);
    EXPECT_EQ(quota.storage_limit_kib, 512U);
    EXPECT_FALSE(parsed<Quota>("* QUOTA \"\" ()").storage_limit_kib);
    auto const id = parsed<Id>("* ID (\"name\" \"Dovecot\" \"os\" NIL)");
    ASSERT_EQ(id.fields.size(), 1U);
    EXPECT_EQ(id.fields[0].second, "Dovecot");
    EXPECT_TRUE(parsed<Id>("* ID NIL").fields.empty());
    EXPECT_EQ(parsed<Other>("* VANISHED (EARLIER) 1:5").name, "VANISHED");
    EXPECT_EQ(parsed<Other>("* SEARCH 1 2").name, "SEARCH");
    EXPECT_EQ(parsed<Other>("* 5 XSOMETHING (").name, "XSOMETHING");
}

TEST(AppendUidCode, IsBelievedOnlyIfItNamesWhatWasSent) {
    auto const uids = [](std::string const& arguments, std::size_t count) {
        return parse_append_uid(Code{"APPENDUID", arguments}, count);
    };
    auto const three = uids("38505 3955:3956,3960", 3);
    ASSERT_TRUE(three);
    EXPECT_EQ(three->uid_validity, UidValidity{38505});
    EXPECT_EQ(three->uids, (std::vector<Uid>{Uid{3955}, Uid{3956}, Uid{3960}}));
    for (auto const* arguments :
         {"", "38505", "38505 ", "0 1:3", "38505 0:2", "38505 1:2", "38505 1:4", "38505 1,1,2", "38505 3:1",
          "38505 1:4294967295", "38505 *", "4294967296 1:3", "1:1 1:3x", "38505 1:3 4"}) {
        EXPECT_FALSE(uids(arguments, 3)) << arguments;
    }
    EXPECT_FALSE(parse_append_uid(Code{"COPYUID", "1 1"}, 1));
}

TEST(PermanentFlagsCode, SaysWhatMayBeSet) {
    auto const some = parse_permanent_flags(Code{"PERMANENTFLAGS", "(\\Seen $x)"});
    ASSERT_TRUE(some);
    EXPECT_FALSE(some->any_keyword);
    EXPECT_EQ(some->flags, Flags::parse("\\Seen $x"));
    EXPECT_TRUE(parse_permanent_flags(Code{"PERMANENTFLAGS", "(\\*)"})->any_keyword);
    EXPECT_FALSE(parse_permanent_flags(Code{"PERMANENTFLAGS", "()"})->any_keyword);
    EXPECT_FALSE(parse_permanent_flags(Code{"PERMANENTFLAGS", "\\Seen"}));
    EXPECT_FALSE(parse_permanent_flags(Code{"UIDNEXT", "(1)"}));
}

TEST(Corpus, EveryTranscriptParses) {
    std::size_t count = 0;
    for (auto const& path : test::transcript_paths()) {
        auto const wire = test::read_transcript(path);
        auto const fragments = test::fragment(wire, wire.size());
        EXPECT_EQ(fragments.error, "") << path;
        for (auto const& text : fragments.responses) {
            auto const response = parse(text);
            EXPECT_TRUE(response) << path << "\n"
                                  << text.text << "\n"
                                  << (response ? "" : response.error().message);
            ++count;
        }
    }
    EXPECT_GT(count, 200U);
}

TEST(Quirks, EveryExampleStandsInTheCorpusAndParses) {
    std::string corpus = "\r\n";
    for (auto const& path : test::transcript_paths()) corpus += test::read_transcript(path);
    for (auto const& quirk : quirks) {
        EXPECT_TRUE(parse(ResponseText{std::string(quirk.example), {}})) << quirk.name;
        auto const line = "\r\n" + std::string(quirk.example) + "\r\n";
        EXPECT_NE(corpus.find(line), std::string::npos) << quirk.name << " has no line in tests/corpus";
        EXPECT_EQ(std::ranges::count(quirks, quirk.name, &Quirk::name), 1) << quirk.name;
    }
}

}  // namespace
}  // namespace imapcopy::imap::response
