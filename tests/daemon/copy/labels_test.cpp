#include "daemon/copy/labels.hpp"

#include <gtest/gtest.h>

namespace imapcopy::copy {
namespace {

using Names = std::vector<std::string>;

MailboxName name(std::string const& utf8) {
    return MailboxName::from_utf8(utf8).value();
}

MappedFolder folder(std::string const& utf8, Role role = Role::none, std::uint32_t messages = 7) {
    MappedFolder mapped;
    mapped.source.name = name(utf8);
    mapped.source.role = role;
    mapped.source.status = MailboxStatus{UidValidity{1}, Uid{9}, messages, {}};
    mapped.path = utf8;
    return mapped;
}

/// As a mailbox map sorts them: \All may come anywhere.
std::vector<MappedFolder> gmail() {
    return {folder("INBOX", Role::inbox),
            folder("Après"),
            folder("[Gmail]/All Mail", Role::all),
            folder("[Gmail]/Drafts", Role::drafts),
            folder("[Gmail]/Sent Mail", Role::sent),
            folder("[Gmail]/Spam", Role::junk),
            folder("[Gmail]/Trash", Role::trash),
            folder("work/deep")};
}

TEST(LabelFolders, KnowNothingOfASourceWithoutLabels) {
    LabelFolders const none;
    EXPECT_TRUE(none.empty());
    EXPECT_FALSE(none.stands_elsewhere(name("INBOX"), {"\\Inbox", "Work"}));
}

TEST(LabelFolders, LeaveAMessageToTheFirstOfItsFolders) {
    LabelFolders const folders(gmail(), LabelPolicy::once);
    EXPECT_FALSE(folders.empty());
    struct Case {
        std::string folder;
        Names labels;
        bool elsewhere = false;
    };
    for (auto const& [from, labels, elsewhere] :
         {Case{"INBOX", {"work/deep", "\\Sent", "Apr&AOg-s"}, false}, Case{"work/deep", {"\\Inbox"}, true},
          Case{"work/deep", {"\\INBOX"}, true}, Case{"work/deep", {"Apr&AOg-s"}, true},
          Case{"work/deep", {"Après"}, true}, Case{"Après", {"work/deep"}, false},
          Case{"work/deep", {"\\Sent"}, true}, Case{"[Gmail]/Sent Mail", {"work/deep"}, false},
          Case{"[Gmail]/Sent Mail", {"\\Draft"}, true}, Case{"[Gmail]/Drafts", {"\\Draft"}, false},
          Case{"work/deep", {}, false}, Case{"[Gmail]/All Mail", {"work/deep"}, true},
          Case{"[Gmail]/All Mail", {}, false}}) {
        EXPECT_EQ(folders.stands_elsewhere(name(from), labels), elsewhere) << from << " of " << labels.size();
    }
}

TEST(LabelFolders, CountNoLabelWithoutASelectedFolder) {
    LabelFolders const folders(gmail(), LabelPolicy::once);
    Names const labels = {"\\Important", "\\Starred", "\\Muted",      "Excluded",
                          "\\Spam",      "\\Trash",   "[Gmail]/Trash"};
    EXPECT_FALSE(folders.stands_elsewhere(name("[Gmail]/All Mail"), labels));
    EXPECT_FALSE(folders.stands_elsewhere(name("work/deep"), labels));
    EXPECT_FALSE(folders.stands_elsewhere(name("Nowhere"), {"\\Inbox"}));
}

/// What is thrown away keeps its labels, and is in none of their folders.
TEST(LabelFolders, LeaveNothingOfTrashAndSpamToOthers) {
    LabelFolders const folders(gmail(), LabelPolicy::once);
    for (auto const* const from : {"[Gmail]/Trash", "[Gmail]/Spam"})
        EXPECT_FALSE(folders.stands_elsewhere(name(from), {"\\Inbox", "work/deep"})) << from;
}

TEST(LabelFolders, GiveEveryFolderItsCopyAndAllMailTheRest) {
    LabelFolders const folders(gmail(), LabelPolicy::every);
    EXPECT_FALSE(folders.stands_elsewhere(name("work/deep"), {"\\Inbox"}));
    EXPECT_TRUE(folders.stands_elsewhere(name("[Gmail]/All Mail"), {"\\Inbox"}));
    EXPECT_FALSE(folders.stands_elsewhere(name("[Gmail]/All Mail"), {"\\Starred"}));
}

TEST(LabelFolders, DoNotRelyOnAFolderFromWhichNothingComes) {
    auto selected = gmail();
    selected[1].source.status.reset();
    LabelFolders folders(selected, LabelPolicy::once);
    EXPECT_FALSE(folders.stands_elsewhere(name("work/deep"), {"Apr&AOg-s"})) << "it does not tell its status";
    EXPECT_TRUE(folders.stands_elsewhere(name("work/deep"), {"\\Inbox"}));
    folders.give_up(name("INBOX"));
    folders.give_up(name("Nowhere"));
    EXPECT_FALSE(folders.stands_elsewhere(name("work/deep"), {"\\Inbox"}));
    EXPECT_TRUE(folders.stands_elsewhere(name("[Gmail]/All Mail"), {"work/deep"}));
}

TEST(LabelFolders, DoNotRelyOnAFolderThatMayBeCut) {
    for (auto const messages : {999U, 1000U, 1001U, 2000U, 5000U, 10'000U, 20'000U}) {
        bool const cut = messages % 1000 == 0 && messages <= 10'000;
        std::vector<MappedFolder> const selected = {folder("INBOX", Role::inbox, messages), folder("Work"),
                                                    folder("All", Role::all)};
        LabelFolders const folders(selected, LabelPolicy::once);
        EXPECT_EQ(folders.stands_elsewhere(name("Work"), {"\\Inbox"}), !cut) << messages;
        EXPECT_TRUE(folders.stands_elsewhere(name("All"), {"\\Inbox", "Work"})) << messages;
    }
}

}  // namespace
}  // namespace imapcopy::copy
