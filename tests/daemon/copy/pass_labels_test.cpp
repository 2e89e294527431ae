// A source whose folders are labels, as Gmail's: one message stands in several of them and in "All Mail".
// Over accounts in memory, and over the real client and a server in memory.

#include <gmock/gmock.h>

#include <iterator>

#include "daemon/copy/imap_endpoint.hpp"
#include "daemon/copy/verify.hpp"
#include "tests/daemon/copy/pass_fixture.hpp"
#include "tests/support/memory_imap_server.hpp"

namespace imapcopy::copy {
namespace {

using test::sample_message;
using test::World;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto all_mail = "[Gmail]/All Mail";

test::ImapDialect const gmail_dialect = {"gmail", test::imap_dialect("all").capabilities + " X-GM-EXT-1"};

/// To all folders that hold it, and to "All Mail".
void add(World& world, int number, std::vector<std::string> const& folders) {
    for (auto const& folder : folders) world.source.add_message(folder, sample_message(number));
    world.source.add_message(all_mail, sample_message(number));
}

void remove(World& world, int number, std::string const& folder) {
    auto const body = sample_message(number);
    auto const& messages = world.source.at(folder).messages;
    auto const found = std::ranges::find(messages, body, &test::StoredMessage::body);
    ASSERT_NE(found, messages.end());
    world.source.remove_message(folder, found->uid);
}

/// Nine messages; the last one is thrown away.
void fill_labels(World& world) {
    auto& source = world.source;
    source.knows_labels = true;
    source.add_mailbox(all_mail, Role::all);
    source.add_mailbox("[Gmail]/Sent Mail", Role::sent);
    source.add_mailbox("[Gmail]/Starred", Role::flagged);
    source.add_mailbox("[Gmail]/Trash", Role::trash);
    source.add_mailbox("Réunions");
    source.add_mailbox("Work");
    for (int i = 1; i <= 3; ++i) add(world, i, {"INBOX"});
    add(world, 4, {"INBOX", "Work", "Réunions"});
    add(world, 5, {"Work", "Réunions", "[Gmail]/Starred"});
    add(world, 6, {});
    add(world, 7, {"[Gmail]/Starred"});
    add(world, 8, {"[Gmail]/Sent Mail", "Work"});
    source.add_message("[Gmail]/Trash", sample_message(9));
}

/// The numbers of the messages that a destination folder holds.
std::vector<int> copied(World& world, std::string const& folder) {
    std::vector<int> numbers;
    for (auto const& message : world.destination.at(folder).messages) {
        for (int i = 1; i < 50; ++i) {
            if (message.body == sample_message(i)) numbers.push_back(i);
        }
    }
    std::ranges::sort(numbers);
    return numbers;
}

/// The source through the real client.
class ImapConnections final : public Connections {
 public:
    explicit ImapConnections(World& world) : world_(world), source_(world.source, gmail_dialect) {}
    ~ImapConnections() override { EXPECT_THAT(source_.misuses, IsEmpty()); }

    Task<std::unique_ptr<Endpoint>> connect(Side side) override {
        if (side == Side::destination)
            co_return std::make_unique<test::MemoryEndpoint>(world_.destination, side);
        net::Target target{"memory", 993, TlsMode::implicit, {}};
        imap::Credentials credentials;
        credentials.login = source_.login;
        credentials.secret = Secret(source_.password);
        Context const context{world_.clock, world_.random, world_.log, world_.stop};
        auto opening =
            open_imap_endpoint(context, source_, std::move(target), std::move(credentials), side, {});
        auto endpoint = co_await std::move(opening);
        co_return endpoint;
    }

 private:
    World& world_;
    test::MemoryImapServer source_;
};

enum class Client : std::uint8_t { memory, imap };

class PassLabels : public testing::TestWithParam<Client> {
 protected:
    PassLabels() { fill_labels(world); }

    void add(int number, std::vector<std::string> const& folders) { copy::add(world, number, folders); }
    std::vector<int> copied(std::string const& folder) { return copy::copied(world, folder); }
    void remove(int number, std::string const& folder) { copy::remove(world, number, folder); }

    Connections& connections() {
        if (GetParam() == Client::imap) return imap;
        return world.connections;
    }
    PassResult pass() {
        Context const context{world.clock, world.random, world.log, world.stop};
        auto ran = run_task(world.io, world.clock,
                            run_pass(context, connections(), world.journal, world.options, world.observer));
        if (ran.ok()) return std::move(*ran.value);
        ADD_FAILURE() << to_string(*error_of(ran.exception));
        return {};
    }
    void expect_verified() {
        for (auto const level : {VerifyLevel::counts, VerifyLevel::index, VerifyLevel::digest}) {
            Context const context{world.clock, world.random, world.log, world.stop};
            VerifyOptions options;
            options.folders = world.options.folders;
            options.labels = world.options.labels;
            options.level = level;
            auto const ran =
                run_task(world.io, world.clock, verify_pass(context, connections(), world.journal, options));
            ASSERT_TRUE(ran.ok()) << to_string(*error_of(ran.exception));
            EXPECT_EQ(ran.value->differences(), 0U) << to_string(level);
            EXPECT_EQ(ran.value->explained(), 0U) << to_string(level);
        }
    }
    void expect_nothing_to_do() {
        auto const before = world.destination.contents();
        auto const result = pass();
        EXPECT_FALSE(result.changed);
        EXPECT_THAT(result.exceptions, IsEmpty());
        EXPECT_EQ(world.destination.contents(), before);
    }
    World world;
    ImapConnections imap{world};
};

TEST_P(PassLabels, CopyEachMessageOnceFromTheFirstOfItsFolders) {
    auto const result = pass();
    EXPECT_THAT(copied("INBOX"), ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(copied("Réunions"), ElementsAre(5));
    EXPECT_THAT(copied("Work"), ElementsAre(8));
    EXPECT_THAT(copied("[Gmail]/Sent Mail"), IsEmpty());
    EXPECT_THAT(copied(all_mail), ElementsAre(6, 7));
    EXPECT_THAT(copied("[Gmail]/Trash"), ElementsAre(9));
    EXPECT_THAT(result.exceptions, IsEmpty()) << "a clean copy";
    EXPECT_EQ(result.messages_copied, 9U);
    EXPECT_FALSE(result.stopped);
    auto const all = std::ranges::find(result.folders, all_mail, &FolderResult::source);
    ASSERT_NE(all, result.folders.end());
    EXPECT_EQ(all->elsewhere, 6U);
    EXPECT_EQ(world.observer.last.messages_done, world.observer.last.messages_total);
    EXPECT_EQ(world.observer.last.folders_done, world.observer.last.folders_total);
    expect_verified();
    expect_nothing_to_do();
    EXPECT_EQ(world.observer.last.messages_done, world.observer.last.messages_total);
    expect_verified();
}

TEST_P(PassLabels, CopyInWindowsOverSeveralLanes) {
    world.options.messages_per_window = 2;
    world.options.lanes_max = 3;
    world.options.messages_per_lane = 1;
    EXPECT_EQ(pass().messages_copied, 9U);
    expect_verified();
    expect_nothing_to_do();
}

TEST_P(PassLabels, CopyWhatOnlyAnExcludedFolderHoldsFromAllMail) {
    world.options.folders.exclude = {"INBOX", "Réunions"};
    EXPECT_EQ(pass().messages_copied, 9U);
    EXPECT_THAT(copied(all_mail), ElementsAre(1, 2, 3, 6, 7));
    EXPECT_THAT(copied("Work"), ElementsAre(4, 5, 8));
    expect_verified();
    expect_nothing_to_do();
}

TEST_P(PassLabels, CopyToEveryFolderWhereThatIsWanted) {
    world.options.labels = LabelPolicy::every;
    (void)pass();
    EXPECT_THAT(copied("INBOX"), ElementsAre(1, 2, 3, 4));
    EXPECT_THAT(copied("Réunions"), ElementsAre(4, 5));
    EXPECT_THAT(copied("Work"), ElementsAre(4, 5, 8));
    EXPECT_THAT(copied(all_mail), ElementsAre(6, 7));
    expect_verified();
    expect_nothing_to_do();
}

TEST_P(PassLabels, CopyFromTheNextFolderWhatLosesALabelBetweenTwoPasses) {
    (void)pass();
    remove(5, "Réunions");
    EXPECT_EQ(pass().messages_copied, 1U);
    EXPECT_THAT(copied("Work"), ElementsAre(5, 8));
    EXPECT_THAT(copied("Réunions"), ElementsAre(5)) << "nothing is taken back";
    expect_nothing_to_do();
}

TEST_P(PassLabels, CopyFromTheNextFolderWhatTheDestinationHasNoFolderFor) {
    world.destination.refuse_name = [](std::string const& name) { return name.starts_with("R"); };
    auto const result = pass();
    ASSERT_EQ(result.exceptions.size(), 1U);
    EXPECT_EQ(result.exceptions[0].code, "FolderCreateRefused");
    EXPECT_EQ(result.messages_copied, 9U);
    EXPECT_THAT(copied("Work"), ElementsAre(5, 8));
    EXPECT_EQ(pass().messages_copied, 0U);
}

TEST_P(PassLabels, CopyWhatIsNewOnce) {
    (void)pass();
    add(20, {"INBOX", "Work"});
    add(21, {});
    EXPECT_EQ(pass().messages_copied, 2U);
    EXPECT_THAT(copied("INBOX"), ElementsAre(1, 2, 3, 4, 20));
    EXPECT_THAT(copied(all_mail), ElementsAre(6, 7, 21));
    expect_verified();
    expect_nothing_to_do();
}

TEST_P(PassLabels, KeepWhatWasCopiedFromAllMailWhenItGetsALabel) {
    (void)pass();
    world.source.add_message("Work", sample_message(6));
    auto const flagged = Flags::parse("\\Flagged");
    world.source.set_flags(all_mail, Uid(6), flagged);
    EXPECT_EQ(pass().messages_copied, 1U);
    EXPECT_THAT(copied("Work"), ElementsAre(6, 8));
    EXPECT_THAT(copied(all_mail), ElementsAre(6, 7));
    EXPECT_EQ(world.destination.at(all_mail).messages.at(0).flags, flagged) << "and it stays settled";
    expect_verified();
    expect_nothing_to_do();
}

TEST_P(PassLabels, FindTheSameAgainWhereTheJournalIsLost) {
    (void)pass();
    world.journal = {};
    EXPECT_EQ(pass().messages_copied, 0U);
    expect_verified();
    expect_nothing_to_do();
}

/// "Work" and "All Mail" have left it to the folder out of which it is taken before it is read.
TEST(PassLabelsChanging, LosesNothingThatLosesALabelWithinAPass) {
    World world;
    fill_labels(world);
    world.source.before_step = [&world] {
        if (world.source.count_commands("fetch") == 0) return;
        world.source.before_step = nullptr;
        remove(world, 5, "Réunions");
    };
    (void)test::succeed(world);
    EXPECT_THAT(copied(world, "Réunions"), IsEmpty());
    EXPECT_THAT(copied(world, "Work"), ElementsAre(5, 8)) << "it is looked for once more";
    EXPECT_FALSE(test::succeed(world).changed);
}

TEST(PassWithoutLabels, CopiesEveryFolderWhole) {
    World world;
    fill_labels(world);
    world.source.knows_labels = false;
    EXPECT_EQ(test::succeed(world).messages_copied, 19U);
    world.source.log.clear();
    EXPECT_FALSE(test::succeed(world).changed);
    EXPECT_EQ(world.source.log.size(), 1U) << "every folder was complete";
}

std::vector<int> copied_anywhere(World& world) {
    std::vector<int> numbers;
    for (auto const& stored : world.destination.mailboxes())
        std::ranges::copy(copied(world, stored->mailbox.name.utf8), std::back_inserter(numbers));
    std::ranges::sort(numbers);
    return numbers;
}

TEST(PassLabelsFaults, LoseAndDuplicateNothingWhereverAServerBreaks) {
    for (auto const server : {&World::source, &World::destination}) {
        std::size_t steps = 0;
        for (std::size_t k = 0; k <= steps; ++k) {
            World world;
            fill_labels(world);
            if (k > 0) (world.*server).fail_at(k, test::Fault::lose_connection_late_commit);
            for (int attempts = 0; attempts < 4 && !world.run().ok();) ++attempts;
            EXPECT_THAT(copied_anywhere(world), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9)) << "step " << k;
            if (k == 0) steps = (world.*server).steps();
            EXPECT_FALSE(test::succeed(world).changed) << "step " << k;
        }
        EXPECT_GT(steps, 20U);
    }
}

INSTANTIATE_TEST_SUITE_P(Clients, PassLabels, testing::Values(Client::memory, Client::imap),
                         [](auto const& client) {
                             return client.param == Client::memory ? "Memory" : "Imap";
                         });

}  // namespace
}  // namespace imapcopy::copy
