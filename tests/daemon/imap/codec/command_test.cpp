#include "daemon/imap/codec/command.hpp"

#include <gtest/gtest.h>

namespace imapcopy::imap::command {
namespace {

EncodeOptions const plus{.literal_plus = true, .sasl_ir = true};

/// The fragments in one string: "§" where a continuation is awaited, secrets in "«»".
std::string shown(Result<std::vector<Fragment>> const& fragments) {
    if (!fragments) return "refused: " + fragments.error().message;
    std::string out;
    for (auto const& fragment : *fragments) {
        out += fragment.secret ? "«" + fragment.bytes + "»" : fragment.bytes;
        if (fragment.wait_for_continuation) out += "§";
    }
    return out;
}

std::string encoded(Command const& command, EncodeOptions const& options = {}) {
    return shown(encode("A1", command, options));
}

MailboxName mailbox(std::string_view wire) {
    return {std::string(wire), std::string(wire)};
}

TEST(Encode, WritesCommandsWithoutArguments) {
    EXPECT_EQ(encoded(Capability{}), "A1 CAPABILITY\r\n");
    EXPECT_EQ(encoded(Noop{}), "A1 NOOP\r\n");
    EXPECT_EQ(encoded(Logout{}), "A1 LOGOUT\r\n");
    EXPECT_EQ(encoded(StartTls{}), "A1 STARTTLS\r\n");
    EXPECT_EQ(encoded(Namespace{}), "A1 NAMESPACE\r\n");
    EXPECT_EQ(encoded(Unselect{}), "A1 UNSELECT\r\n");
    EXPECT_EQ(encoded(Compress{}), "A1 COMPRESS DEFLATE\r\n");
    EXPECT_EQ(encoded(Close{}), "A1 CLOSE\r\n");
}

TEST(Encode, ChoosesTheFormByTheContent) {
    auto const subscribed = [](std::string_view wire) { return encoded(Subscribe{mailbox(wire)}, plus); };
    EXPECT_EQ(subscribed("INBOX"), "A1 SUBSCRIBE INBOX\r\n");
    EXPECT_EQ(subscribed(""), "A1 SUBSCRIBE \"\"\r\n");
    EXPECT_EQ(subscribed("nil"), "A1 SUBSCRIBE \"nil\"\r\n");
    EXPECT_EQ(subscribed("Sent Items"), "A1 SUBSCRIBE \"Sent Items\"\r\n");
    EXPECT_EQ(subscribed("a\"b\\c"), "A1 SUBSCRIBE \"a\\\"b\\\\c\"\r\n");
    EXPECT_EQ(subscribed("~a"), "A1 SUBSCRIBE \"~a\"\r\n");
    EXPECT_EQ(subscribed("a}"), "A1 SUBSCRIBE \"a}\"\r\n");
    EXPECT_EQ(subscribed("{5}"), "A1 SUBSCRIBE \"{5}\"\r\n");
    EXPECT_EQ(subscribed("a\r\nb"), "A1 SUBSCRIBE {4+}\r\na\r\nb\r\n");
    EXPECT_EQ(subscribed("\xc3\xa9"), "A1 SUBSCRIBE {2+}\r\n\xc3\xa9\r\n");
    EXPECT_EQ(subscribed(std::string(1001, 'a')),
              "A1 SUBSCRIBE {1001+}\r\n" + std::string(1001, 'a') + "\r\n");
    EXPECT_EQ(subscribed(std::string_view("a\0b", 3)), "refused: encode mailbox: contains a NUL");
}

TEST(Encode, WaitsWhereTheLiteralIsSynchronising) {
    std::string const small(1500, 'a');
    std::string const large(4097, 'a');
    EncodeOptions const minus{.literal_minus = true};
    EXPECT_EQ(encoded(Subscribe{mailbox("a\nb")}), "A1 SUBSCRIBE {3}\r\n§a\nb\r\n");
    EXPECT_EQ(encoded(Subscribe{mailbox(small)}, minus), "A1 SUBSCRIBE {1500+}\r\n" + small + "\r\n");
    EXPECT_EQ(encoded(Subscribe{mailbox(large)}, minus), "A1 SUBSCRIBE {4097}\r\n§" + large + "\r\n");
}

TEST(Encode, MarksSecrets) {
    EXPECT_EQ(encoded(Login{"anna", Secret("pass\"word")}), "A1 LOGIN anna «\"pass\\\"word\"»\r\n");
    EXPECT_EQ(encoded(Login{"änna", Secret("pässword")}), "A1 LOGIN {5}\r\n§änna {9}\r\n§«pässword»\r\n");
    EXPECT_EQ(encoded(Login{"a b", Secret("x\r\nA2 DELETE y")}, plus),
              "A1 LOGIN \"a b\" {14+}\r\n«x\r\nA2 DELETE y»\r\n");
    EXPECT_EQ(encoded(Login{"anna", Secret(std::string_view("\0", 1))}),
              "refused: encode password: contains a NUL");
    EXPECT_EQ(encoded(Login{"anna", Secret()}), "A1 LOGIN anna «\"\"»\r\n");
}

TEST(Encode, SendsTheInitialResponseOnlyWhereOffered) {
    auto const plain = [](std::optional<Secret> response) {
        return Authenticate{"PLAIN", std::move(response)};
    };
    std::string_view const message("\0anna\0pw", 8);
    EXPECT_EQ(encoded(plain(Secret(message)), plus), "A1 AUTHENTICATE PLAIN «AGFubmEAcHc=»\r\n");
    EXPECT_EQ(encoded(plain(Secret(message))), "A1 AUTHENTICATE PLAIN\r\n");
    EXPECT_EQ(encoded(plain(Secret()), plus), "A1 AUTHENTICATE PLAIN «=»\r\n");
    EXPECT_EQ(encoded(plain(std::nullopt), plus), "A1 AUTHENTICATE PLAIN\r\n");
    EXPECT_EQ(encoded(Authenticate{"PLAIN\r\nA2", {}}), "refused: encode mechanism: not an atom");
}

TEST(Encode, WritesIdAndEnable) {
    EXPECT_EQ(encoded(Id{}), "A1 ID NIL\r\n");
    EXPECT_EQ(encoded(Id{{{"name", "imapcopyd"}, {"version", "1\"0"}}}),
              "A1 ID (\"name\" \"imapcopyd\" \"version\" \"1\\\"0\")\r\n");
    EXPECT_EQ(encoded(Enable{{"CONDSTORE", "UTF8=ACCEPT"}}), "A1 ENABLE CONDSTORE UTF8=ACCEPT\r\n");
    EXPECT_EQ(encoded(Enable{{"A B"}}), "refused: encode extension: not an atom");
    EXPECT_EQ(encoded(Enable{}), "refused: encode ENABLE: no extension");
}

TEST(Encode, WritesListInAllItsForms) {
    List list;
    EXPECT_EQ(encoded(list), "A1 LIST \"\" \"*\"\r\n");
    list.return_special_use = list.return_subscribed = list.return_status = true;
    EXPECT_EQ(encoded(list),
              "A1 LIST \"\" \"*\" RETURN (SPECIAL-USE SUBSCRIBED STATUS (MESSAGES UIDNEXT UIDVALIDITY))\r\n");
    list.condstore = true;
    list.reference = "INBOX.";
    EXPECT_EQ(encoded(list),
              "A1 LIST \"INBOX.\" \"*\" RETURN (SPECIAL-USE SUBSCRIBED STATUS (MESSAGES UIDNEXT UIDVALIDITY "
              "HIGHESTMODSEQ))\r\n");
    EXPECT_EQ(encoded(Lsub{"", "*"}), "A1 LSUB \"\" \"*\"\r\n");
}

TEST(Encode, WritesMailboxCommands) {
    auto const inbox = mailbox("INBOX");
    EXPECT_EQ(encoded(Status{inbox, false}), "A1 STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY)\r\n");
    EXPECT_EQ(encoded(Status{inbox, true}),
              "A1 STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)\r\n");
    EXPECT_EQ(encoded(Examine{inbox, true}), "A1 EXAMINE INBOX (CONDSTORE)\r\n");
    EXPECT_EQ(encoded(Select{inbox, false}), "A1 SELECT INBOX\r\n");
    EXPECT_EQ(encoded(Create{mailbox("Sent Mail"), "\\Sent"}), "A1 CREATE \"Sent Mail\" (USE (\\Sent))\r\n");
    EXPECT_EQ(encoded(Create{inbox, ""}), "A1 CREATE INBOX\r\n");
    EXPECT_EQ(encoded(Create{inbox, "Sent"}), "refused: encode special use: does not begin with a backslash");
    EXPECT_EQ(encoded(Create{inbox, "\\Sent)"}), "refused: encode special use: not an atom");
    EXPECT_EQ(encoded(GetQuotaRoot{inbox}), "A1 GETQUOTAROOT INBOX\r\n");
}

TEST(Encode, WritesFetchItemsInOneOrder) {
    UidFetch fetch;
    fetch.uids = UidSet::parse("1:3,7").value();
    EXPECT_EQ(encoded(fetch), "A1 UID FETCH 1:3,7 (UID)\r\n");
    fetch.flags = fetch.internal_date = fetch.size = fetch.mod_seq = fetch.body = true;
    fetch.header_fields = {"MESSAGE-ID", "DATE"};
    fetch.changed_since = ModSeq{99};
    EXPECT_EQ(encoded(fetch),
              "A1 UID FETCH 1:3,7 (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ "
              "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE)] BODY.PEEK[]) (CHANGEDSINCE 99)\r\n");
    UidFetch labelled;
    labelled.uids = fetch.uids;
    labelled.size = labelled.labels = true;
    EXPECT_EQ(encoded(labelled), "A1 UID FETCH 1:3,7 (UID RFC822.SIZE X-GM-LABELS)\r\n");
    fetch.header_fields = {"DATE)] X"};
    EXPECT_EQ(encoded(fetch), "refused: encode header field: not an atom");
    EXPECT_EQ(encoded(UidFetch{}), "refused: encode UID set: empty");
}

TEST(Encode, WritesStore) {
    UidSet const uids(Uid{4}, Uid{4});
    EXPECT_EQ(encoded(UidStore{uids, true, Flags::parse("\\Seen $x")}),
              "A1 UID STORE 4 +FLAGS.SILENT (\\Seen $x)\r\n");
    EXPECT_EQ(encoded(UidStore{uids, false, {}}), "A1 UID STORE 4 -FLAGS.SILENT ()\r\n");
}

TEST(Encode, RefusesATagThatIsNone) {
    EXPECT_FALSE(encode("A 1", Noop{}, {}));
    EXPECT_FALSE(encode("", Noop{}, {}));
}

TEST(EncodeAppend, WritesTheStart) {
    EXPECT_EQ(shown(encode_append_start("A1", mailbox("Sent Mail"), {})), "A1 APPEND \"Sent Mail\"");
    EXPECT_EQ(shown(encode_append_start("A1", mailbox("a\nb"), {})), "A1 APPEND {3}\r\n§a\nb");
    EXPECT_FALSE(encode_append_start("A1", mailbox(std::string_view("\0", 1)), {}));
}

TEST(EncodeAppend, WritesWhatPrecedesABody) {
    AppendMessage message{Flags::parse("\\Seen"), InternalDate::parse("17-Jul-1996 02:44:25 -0700").value(),
                          4096};
    auto const head = [&](EncodeOptions const& options) {
        auto const fragment = encode_append_message(message, options);
        return fragment.bytes + (fragment.wait_for_continuation ? "§" : "");
    };
    EXPECT_EQ(head(plus), " (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {4096+}\r\n");
    EXPECT_EQ(head({}), " (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {4096}\r\n§");
    EXPECT_EQ(head({.literal_minus = true}), " (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {4096+}\r\n");
    message = {{}, std::nullopt, 4097};
    EXPECT_EQ(head({.literal_minus = true}), " {4097}\r\n§");
    EXPECT_EQ(head(plus), " {4097+}\r\n");
}

}  // namespace
}  // namespace imapcopy::imap::command
