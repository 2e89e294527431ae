#include "daemon/copy/imap_reading.hpp"

#include <gtest/gtest.h>

namespace imapcopy::copy {
namespace {

namespace response = imap::response;

response::List listed(std::string_view name, std::vector<std::string> attributes = {}) {
    response::List list;
    list.mailbox = MailboxName::from_wire(name);
    list.separator = '/';
    list.attributes = std::move(attributes);
    return list;
}

TEST(ListReader, KnowsRolesAndWhatCanBeSelected) {
    ListReader reader;
    reader.add(listed("inbox"));
    reader.add(listed("Sent Items", {"\\sent", "\\HasNoChildren"}));
    reader.add(listed("Parent", {"\\NoSelect"}));
    reader.add(listed("Sent Items"));
    auto const view = reader.take();
    ASSERT_EQ(view.mailboxes.size(), 3U) << "a folder listed twice counts once";
    EXPECT_EQ(view.mailboxes[0].role, Role::inbox);
    EXPECT_EQ(view.mailboxes[1].role, Role::sent);
    EXPECT_TRUE(view.mailboxes[1].selectable);
    EXPECT_FALSE(view.mailboxes[2].selectable);
    EXPECT_EQ(view.separator, '/');
}

TEST(ListReader, KeepsThePersonalNamespaceOnly) {
    ListReader reader;
    response::Namespace name_space;
    name_space.personal = {{"", '/'}};
    name_space.other_users = {{"Other Users/", '/'}};
    name_space.shared = {{"Shared/", '/'}};
    reader.add(name_space);
    for (auto const* const name :
         {"INBOX", "Work/2026", "Other Users/bob", "Shared", "Shared/news", "Sharedish"}) {
        reader.add(listed(name));
    }
    std::string names;
    for (auto const& mailbox : reader.take().mailboxes) names += mailbox.name.utf8 + " ";
    EXPECT_EQ(names, "INBOX Work/2026 Sharedish ");
}

TEST(OpenReader, ReadsTheNumbers) {
    OpenReader reader;
    auto const add = [&](std::string name, std::string arguments) {
        response::Status status;
        status.code = {std::move(name), std::move(arguments)};
        reader.add(status);
    };
    reader.add(response::Count{response::Count::Kind::exists, 12});
    add("UIDVALIDITY", "7");
    add("UIDNEXT", "100");
    add("HIGHESTMODSEQ", "9000000000");
    add("UIDNEXT", "99999999999");  // Out of range: not believed.
    EXPECT_EQ(reader.opened().status, (MailboxStatus{UidValidity{7}, Uid{100}, 12, ModSeq{9000000000}}));
}

TEST(SpecialUse, NamesRolesThatHaveOne) {
    EXPECT_EQ(special_use_of(Role::trash), "\\Trash");
    EXPECT_EQ(special_use_of(Role::inbox), "");
    EXPECT_EQ(special_use_of(Role::none), "");
}

TEST(MetaReader, GivesEachMessageOnceAndNewsNever) {
    std::string given;
    MetaReader reader({{Uid{1}, Uid{9}}}, [&](MessageMeta meta) {
        given += to_string(meta.uid) + (meta.internal_date.is_told() ? " " : "? ");
    });
    response::Fetch fetch;
    fetch.uid = Uid{3};
    fetch.flags = Flags{};
    reader.add(fetch);
    EXPECT_EQ(given, "");
    fetch.size_bytes = 5;
    fetch.internal_date = InternalDate{};
    reader.add(fetch);
    reader.add(fetch);
    fetch.uid = Uid{10};
    reader.add(fetch);
    response::Fetch news;
    news.uid = Uid{4};
    news.flags = Flags{};
    reader.add(news);
    response::Fetch half;
    half.uid = Uid{5};
    half.flags = Flags{};
    half.size_bytes = 8;
    reader.add(half);
    EXPECT_TRUE(reader.finish());
    EXPECT_EQ(given, "3 5? ") << "a message without a date is a message still";
}

TEST(MetaReader, WaitsForTheLabelsThatWereAskedFor) {
    std::string given;
    MetaReader reader({{Uid{1}, Uid{9}}, Listing::metadata, true}, [&](MessageMeta const& meta) {
        given += to_string(meta.uid) + ":";
        for (auto const& label : meta.labels) given += label + " ";
    });
    response::Fetch fetch;
    fetch.uid = Uid{3};
    fetch.flags = Flags{};
    fetch.size_bytes = 5;
    fetch.internal_date = InternalDate{};
    reader.add(fetch);
    EXPECT_EQ(given, "");
    response::Fetch labels;
    labels.uid = Uid{3};
    labels.labels = {"\\Inbox", "Work"};
    reader.add(labels);
    EXPECT_EQ(given, "3:\\Inbox Work ");
    fetch.uid = Uid{4};
    reader.add(fetch);
    EXPECT_TRUE(reader.finish());
    EXPECT_EQ(given, "3:\\Inbox Work 4:") << "a message of which no labels come is a message still";
}

/// An answer with as many keywords as a hostile server can think of.
response::Fetch long_answer() {
    response::Fetch fetch;
    std::string keywords;
    for (int i = 0; i < 60; ++i) keywords += "k" + std::to_string(i) + std::string(200, 'k') + " ";
    fetch.flags = Flags::parse(keywords);
    return fetch;
}

TEST(MetaReader, HoldsNoMoreThanMemoryShould) {
    for (auto const listing : {Listing::flags, Listing::metadata}) {
        std::uint32_t given = 0;
        MetaReader reader({{Uid{1}, Uid{UINT32_MAX}}, listing}, [&](MessageMeta const&) { ++given; });
        auto fetch = long_answer();
        for (std::uint32_t uid = 1; uid <= 20'000; ++uid) {
            fetch.uid = Uid{uid};
            reader.add(fetch);
        }
        EXPECT_LT(given, 15'000U);
        EXPECT_FALSE(reader.finish()) << "also where every message is answered in part only";
    }
}

TEST(MetaReader, WeighsPiecesUntilTheyAreWhole) {
    std::uint32_t given = 0;
    MetaReader reader({{Uid{1}, Uid{UINT32_MAX}}, Listing::metadata}, [&](MessageMeta const&) { ++given; });
    for (std::uint32_t uid = 1; uid <= 1000; ++uid) {
        auto fetch = long_answer();
        fetch.uid = Uid{uid};
        for (int i = 0; i < 20; ++i) reader.add(fetch);
        fetch.flags = Flags::parse("");
        fetch.internal_date = InternalDate::not_told();
        fetch.size_bytes = 1;
        reader.add(fetch);
    }
    EXPECT_EQ(given, 1000U);
    EXPECT_TRUE(reader.finish());
}

TEST(ListReader, HoldsNoMoreNamesThanMemoryShould) {
    ListReader reader;
    std::string const tail(4000, 'x');
    for (int i = 0; i < 8000; ++i) reader.add(listed("a" + std::to_string(i) + tail));
    EXPECT_FALSE(reader.too_many());
    for (int i = 0; i < 1000; ++i) reader.add(listed("b" + std::to_string(i) + tail));
    EXPECT_TRUE(reader.too_many());
    EXPECT_LT(reader.take().mailboxes.size(), 8500U);
}

}  // namespace
}  // namespace imapcopy::copy
