#include "daemon/copy/mailbox_map.hpp"

#include <gmock/gmock.h>

#include <map>

namespace imapcopy::copy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

/// An account with these folders; "Name:sent" gives a role.
AccountView account(std::vector<std::string> const& names, char separator = '/', std::string prefix = "") {
    std::map<std::string, Role> const roles = {{"sent", Role::sent},     {"trash", Role::trash},
                                               {"drafts", Role::drafts}, {"flagged", Role::flagged},
                                               {"all", Role::all},       {"noselect", Role::none}};
    AccountView view;
    view.separator = separator;
    view.personal_prefix = std::move(prefix);
    for (auto const& text : names) {
        auto const colon = text.find(':');
        Mailbox mailbox;
        mailbox.name = MailboxName::from_utf8(text.substr(0, colon)).value();
        mailbox.separator = separator;
        if (colon != std::string::npos) {
            mailbox.role = roles.at(text.substr(colon + 1));
            mailbox.selectable = text.substr(colon + 1) != "noselect";
        }
        view.mailboxes.push_back(std::move(mailbox));
    }
    return view;
}

std::map<std::string, std::string> mapped(AccountView const& source, AccountView const& destination,
                                          FolderOptions const& options = {}) {
    std::map<std::string, std::string> names;
    for (auto const& folder : map_mailboxes(source, destination, options).folders) {
        names[folder.path] = folder.destination.utf8;
    }
    return names;
}

TEST(MapMailboxes, TranslatesSeparatorsAndPrefixesOfBothSides) {
    auto const dotted = account({"INBOX", "INBOX.Lists.Deep"}, '.', "INBOX.");
    EXPECT_THAT(mapped(dotted, account({"INBOX"})),
                UnorderedElementsAre(Pair("INBOX", "INBOX"), Pair("Lists/Deep", "Lists/Deep")));
    EXPECT_THAT(mapped(account({"INBOX", "Lists/Deep"}), account({"INBOX"}, '.', "INBOX.")),
                UnorderedElementsAre(Pair("INBOX", "INBOX"), Pair("Lists/Deep", "INBOX.Lists.Deep")));
}

TEST(MapMailboxes, SpellsNewNamesAsTheDestinationReadsThem) {
    auto destination = account({"INBOX"});
    auto const spelled = [&] {
        return map_mailboxes(account({"Ärger"}), destination, {}).folders.front().destination.wire;
    };
    EXPECT_EQ(spelled(), "&AMQ-rger");
    destination.utf8_names = true;
    EXPECT_EQ(spelled(), "Ärger");
}

TEST(MapMailboxes, PutsInboxFirstAndTheOthersInOrder) {
    auto const map = map_mailboxes(account({"Zoo", "Ärger", "INBOX"}), account({"INBOX"}), {});
    std::vector<std::string> paths;
    for (auto const& folder : map.folders) paths.push_back(folder.path);
    EXPECT_THAT(paths, ElementsAre("INBOX", "Zoo", "Ärger"));
}

TEST(MapMailboxes, LeavesOutParentsThatHoldNoMail) {
    EXPECT_THAT(mapped(account({"INBOX", "Parent:noselect", "Parent/Child"}), account({"INBOX"})),
                UnorderedElementsAre(Pair("INBOX", "INBOX"), Pair("Parent/Child", "Parent/Child")));
}

TEST(MapMailboxes, LetsRolesMeetWhateverTheirNames) {
    auto const source = account({"INBOX", "Éléments envoyés:sent", "Éléments envoyés/2019"});
    EXPECT_THAT(mapped(source, account({"INBOX", "Sent:sent"})),
                UnorderedElementsAre(Pair("INBOX", "INBOX"), Pair("Éléments envoyés", "Sent"),
                                     Pair("Éléments envoyés/2019", "Sent/2019")));
}

TEST(MapMailboxes, KnowsUsualNamesWhereASideAnnouncesNoRoles) {
    EXPECT_THAT(mapped(account({"INBOX", "Corbeille"}), account({"INBOX", "Trash"})),
                UnorderedElementsAre(Pair("INBOX", "INBOX"), Pair("Corbeille", "Trash")));
    EXPECT_EQ(usual_role("sent items"), Role::sent);
    EXPECT_EQ(usual_role("Customers"), Role::none);
}

TEST(MapMailboxes, NeverPutsTwoFoldersIntoOne) {
    auto const map =
        map_mailboxes(account({"INBOX", "Sent", "Envoyés:sent"}), account({"INBOX", "Sent:sent"}), {});
    std::map<std::string, std::string> names;
    for (auto const& folder : map.folders) names[folder.path] = folder.destination.utf8;
    EXPECT_THAT(
        names, UnorderedElementsAre(Pair("INBOX", "INBOX"), Pair("Envoyés", "Sent"), Pair("Sent", "Sent-2")));
    ASSERT_EQ(map.notes.size(), 1U);
    EXPECT_EQ(map.notes[0].code, "FolderNameCollision");
    EXPECT_EQ(map.notes[0].text, "stored as \"Sent-2\"");
}

TEST(MapMailboxes, ReplacesTheDestinationsSeparatorInsideAName) {
    auto const map = map_mailboxes(account({"INBOX", "v1.2"}), account({"INBOX"}, '.'), {});
    EXPECT_EQ(map.folders.at(1).destination.utf8, "v1_2");
    EXPECT_EQ(map.notes.size(), 1U);
}

TEST(MapMailboxes, ChoosesByPatternsThatIncludeWhatLiesBelow) {
    auto const source = account({"INBOX", "Lists", "Lists/Debian", "Old"});
    FolderOptions options;
    options.include = {"INBOX", "Lists"};
    options.exclude = {"*/Debian"};
    EXPECT_THAT(mapped(source, account({"INBOX"}), options),
                UnorderedElementsAre(Pair("INBOX", "INBOX"), Pair("Lists", "Lists")));
}

TEST(MapMailboxes, RenamesAFolderWithWhatLiesBelowIt) {
    FolderOptions options;
    options.rename = {{"Old", "Archive/Old"}};
    EXPECT_THAT(mapped(account({"INBOX", "Old", "Old/2019", "Older"}), account({"INBOX"}), options),
                UnorderedElementsAre(Pair("INBOX", "INBOX"), Pair("Old", "Archive/Old"),
                                     Pair("Old/2019", "Archive/Old/2019"), Pair("Older", "Older")));
}

TEST(MapMailboxes, PutsTheWholeTreeBelowOneFolder) {
    FolderOptions options;
    options.below = "From old server";
    EXPECT_THAT(
        mapped(account({"INBOX", "Sent:sent"}), account({"INBOX", "Sent:sent"}, '.', "INBOX."), options),
        UnorderedElementsAre(Pair("INBOX", "INBOX.From old server.INBOX"),
                             Pair("Sent", "INBOX.From old server.Sent")));
}

TEST(MapMailboxes, LeavesOutViewsAndSaysSoUnlessTheFolderOfAllMessagesIsCopied) {
    auto source = account({"INBOX", "Starred:flagged", "All Mail:all"});
    FolderOptions without_all;
    without_all.exclude = {"All Mail"};
    for (bool const labels : {false, true}) {
        source.labels = labels;
        EXPECT_EQ(map_mailboxes(source, account({"INBOX"}), {}).folders.size(), 2U);
        EXPECT_EQ(map_mailboxes(source, account({"INBOX"}), {}).notes.empty(), labels);
        EXPECT_FALSE(map_mailboxes(source, account({"INBOX"}), without_all).notes.empty());
    }
}

TEST(MapMailboxes, KnowsWhatIsThereAlready) {
    auto destination = account({"INBOX", "Sent"});
    destination.mailboxes[1].subscribed = true;
    auto const map = map_mailboxes(account({"INBOX", "Sent", "New"}), destination, {});
    EXPECT_TRUE(map.folders[2].exists);
    EXPECT_TRUE(map.folders[2].destination_subscribed);
    EXPECT_FALSE(map.folders[1].exists);
    EXPECT_THAT(map.notes, IsEmpty());
}

TEST(MapMailboxes, StaysInTheRefugeThatAnEarlierPassHasMade) {
    auto const source = account({"INBOX", "Work"});
    auto const refuge = map_mailboxes(source, account({"INBOX"}), {}).folders[1].refuge.utf8;
    auto const map = map_mailboxes(source, account({"INBOX", refuge}), {});
    EXPECT_EQ(map.folders[1].destination.utf8, refuge);
    EXPECT_TRUE(map.folders[1].exists);
    EXPECT_EQ(map.notes.size(), 1U);
    auto const both = map_mailboxes(source, account({"INBOX", "Work", refuge}), {});
    EXPECT_EQ(both.folders[1].destination.utf8, "Work");
}

}  // namespace
}  // namespace imapcopy::copy
