#include "daemon/imap/codec/mailbox_name.hpp"

#include <gtest/gtest.h>

#include "common/text.hpp"

namespace imapcopy::imap {
namespace {

TEST(ModifiedUtf7, EncodesAndDecodes) {
    struct Case {
        char const* utf8;
        char const* utf7;
    };
    for (auto const& c :
         {Case{"", ""}, Case{"INBOX", "INBOX"}, Case{"a & b", "a &- b"},
          Case{"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
          Case{"Entwürfe", "Entw&APw-rfe"}, Case{"Éléments envoyés", "&AMk-l&AOk-ments envoy&AOk-s"},
          Case{"Отправленные", "&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-"}, Case{"😀", "&2D3eAA-"},
          Case{"é&é", "&AOk-&-&AOk-"}, Case{"\t", "&AAk-"}}) {
        EXPECT_EQ(encode_modified_utf7(c.utf8), c.utf7);
        EXPECT_EQ(decode_modified_utf7(c.utf7).value(), c.utf8);
    }
}

TEST(ModifiedUtf7, RefusesWhatIsMalformedOrNotCanonical) {
    for (auto const* text : {"&", "&AOk", "a&b", "&AOk-&AOk-", "&AGE-", "&AO-", "&AOkA-", "&AOl-", "&2D0-",
                             "&3gA-", "&2D0A6Q-", "&U/BTFw-", "\xc3\xa9", "&AOk=-", "\x01", "&--&", "&A-"}) {
        EXPECT_FALSE(decode_modified_utf7(text)) << text;
    }
}

TEST(ModifiedUtf7, RoundTripsEveryCodePoint) {
    for (char32_t point = 1; point < 0x110000; point += point < 0x3000 ? 1 : 97) {
        if (point >= 0xd800 && point < 0xe000) continue;
        std::string utf8;
        if (point < 0x80) {
            utf8 += static_cast<char>(point);
        } else {
            int const tails = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
            utf8 += static_cast<char>((0xff00U >> (tails + 1) & 0xffU) | point >> (6 * tails));
            for (int i = tails - 1; i >= 0; --i)
                utf8 += static_cast<char>(0x80U | (point >> (6 * i) & 0x3fU));
        }
        ASSERT_TRUE(is_utf8(utf8)) << static_cast<unsigned>(point);
        EXPECT_EQ(decode_modified_utf7(encode_modified_utf7(utf8)).value(), utf8);
    }
}

TEST(MailboxName, SpellsInboxInOneWay) {
    for (auto const* text : {"INBOX", "inbox", "Inbox"}) {
        EXPECT_TRUE(MailboxName::from_wire(text).is_inbox());
        EXPECT_EQ(MailboxName::from_wire(text).utf8, "INBOX");
        EXPECT_TRUE(MailboxName::from_utf8(text).value().is_inbox());
    }
    EXPECT_FALSE(MailboxName::from_wire("inbox/a").is_inbox());
}

TEST(MailboxName, KeepsTheBytesOfTheServerWhateverTheyAre) {
    struct Case {
        std::string wire;
        std::string utf8;
    };
    for (auto const& c :
         {Case{"Entw&APw-rfe", "Entwürfe"}, Case{"Entwürfe", "Entwürfe"}, Case{"AT&T", "AT&T"},
          Case{"gr\xfcn", "gr\\xfcn"}, Case{"a\nb", "a\\x0ab"}, Case{"a&AAo-b", "a&AAo-b"}, Case{"", ""}}) {
        auto const name = MailboxName::from_wire(c.wire);
        EXPECT_EQ(name.wire, c.wire);
        EXPECT_EQ(name.utf8, c.utf8);
    }
}

TEST(MailboxName, RefusesNamesThatNobodyShouldCreate) {
    EXPECT_EQ(MailboxName::from_utf8("Entwürfe").value().wire, "Entw&APw-rfe");
    for (std::string const& name :
         {std::string{}, std::string("a\0b", 3), std::string("a\r\nb"), std::string("\x7f"),
          std::string("\xc2\x85"), std::string("gr\xfcn"), std::string(1001, 'a')}) {
        auto const refused = MailboxName::from_utf8(name);
        ASSERT_FALSE(refused) << printable(name);
        EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    }
    EXPECT_TRUE(MailboxName::from_utf8(std::string(1000, 'a')));
}

TEST(MailboxName, IsComparedByItsBytes) {
    EXPECT_EQ(MailboxName::from_wire("Entw&APw-rfe"), MailboxName::from_utf8("Entwürfe").value());
    EXPECT_NE(MailboxName::from_wire("Entwürfe"), MailboxName::from_utf8("Entwürfe").value());
}

TEST(Levels, SplitAndJoin) {
    EXPECT_EQ(split_levels("a/b/c", '/'), (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(split_levels("a/b", 0), (std::vector<std::string>{"a/b"}));
    EXPECT_EQ(split_levels("a//", '/'), (std::vector<std::string>{"a", "", ""}));
    EXPECT_EQ(join_levels({"a", "b", "c"}, '.'), "a.b.c");
    EXPECT_EQ(join_levels({}, '.'), "");
}

}  // namespace
}  // namespace imapcopy::imap
