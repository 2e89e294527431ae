#include "daemon/copy/settle.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>

#include "daemon/copy/identity.hpp"
#include "tests/support/memory_account.hpp"
#include "tests/support/memory_journal.hpp"
#include "tests/support/run_task.hpp"

namespace imapcopy::copy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr UidValidity epoch(7);
using Pairs = std::vector<std::pair<Uid, Uid>>;

Identity identity_of(std::uint8_t seed) {
    Identity identity;
    identity.fingerprint.fill(seed);
    identity.coarse = seed;
    return identity;
}

LedgerEntry intent(std::uint32_t uid, std::uint8_t seed, std::uint64_t size_bytes, std::uint32_t base = 10) {
    LedgerEntry entry;
    entry.source_uid = Uid(uid);
    entry.identity = identity_of(seed);
    entry.size_bytes = size_bytes;
    entry.destination_uid_validity = epoch;
    entry.base_uid_next = Uid(base);
    return entry;
}

MessageMeta stored(std::uint32_t uid, std::uint8_t seed, std::uint64_t size_bytes) {
    MessageMeta meta;
    meta.uid = Uid(uid);
    meta.identity = identity_of(seed);
    meta.size_bytes = size_bytes;
    return meta;
}

TEST(MatchEntries, PairsInTheOrderOfUids) {
    EXPECT_EQ(match_entries({intent(1, 5, 100), intent(2, 5, 100)}, {stored(12, 5, 100), stored(11, 5, 100)},
                            epoch),
              (Pairs{{Uid(1), Uid(11)}, {Uid(2), Uid(12)}}));
}

TEST(MatchEntries, LooksOnlyBehindTheBaseOfAnEntryOfThisEpoch) {
    EXPECT_EQ(match_entries({intent(1, 5, 100, 12)}, {stored(11, 5, 100)}, epoch), Pairs{});
    EXPECT_EQ(match_entries({intent(1, 5, 100, 12)}, {stored(11, 5, 100)}, UidValidity(8)),
              (Pairs{{Uid(1), Uid(11)}}));
}

TEST(MatchEntries, LetsSizesTellEqualHeadersApart) {
    // The first was refused and the second stored, and both answers were lost.
    EXPECT_EQ(match_entries({intent(1, 5, 100), intent(2, 5, 200)}, {stored(11, 5, 200)}, epoch),
              (Pairs{{Uid(2), Uid(11)}}));
}

TEST(MatchEntries, FindsACopyWhoseSizeTheServerChanged) {
    EXPECT_EQ(match_entries({intent(1, 5, 100)}, {stored(11, 5, 104)}, epoch), (Pairs{{Uid(1), Uid(11)}}));
}

TEST(MatchEntries, KnowsNothingByHeadersThatSayNothing) {
    EXPECT_EQ(match_entries({intent(1, 0, 100)}, {stored(11, 0, 100)}, epoch), Pairs{});
}

/// Eight messages of 10 MiB each were sent, and nobody has heard an answer.
class Settle : public testing::Test {
 protected:
    static constexpr std::size_t sent = 8;
    static constexpr std::uint64_t size_bytes = 10ULL * 1024 * 1024;
    static constexpr auto wait_min = seconds(5);

    Settle() {
        server_.add_mailbox("INBOX").uid_validity = epoch.value();
        test::run_task(io_, clock_, announce()).rethrow();
    }

    static std::string body(std::size_t i) {
        return "Message-ID: <" + std::to_string(i) + "@example.org>\r\n\r\nText\r\n";
    }

    /// The i-th shows after so long a time.
    void store(std::size_t i, Duration after) {
        server_.add_message("INBOX", body(i));
        server_.at("INBOX").messages.back().visible_from = clock_.now() + after;
    }

    /// Returns how many it found; tells how long it took.
    std::uint64_t settle_all() {
        auto const began = clock_.now();
        Context const context{clock_, random_, log_, stop_};
        auto const found =
            test::run_task(io_, clock_, settle(context, endpoint_, journal_, wait_min, found_));
        found.rethrow();
        took_ = clock_.now() - began;
        return *found.value;
    }

    Duration took_{};

 private:
    Task<> announce() {
        auto const inbox = MailboxName::from_utf8("INBOX").value();
        FolderKey key{inbox, inbox};
        auto const record = co_await journal_.folder(std::move(key));
        co_await journal_.set_source_epoch(record.id, epoch);
        co_await journal_.set_destination_epoch(record.id, epoch);
        std::vector<Intent> intents;
        for (std::size_t i = 0; i < sent; ++i) {
            Intent intent;
            intent.source_uid = Uid(static_cast<std::uint32_t>(i + 1));
            intent.identity = identity_of_headers(body(i));
            intent.size_bytes = size_bytes;
            intent.destination_uid_validity = epoch;
            intent.base_uid_next = Uid(server_.at("INBOX").uid_next);
            intents.push_back(std::move(intent));
        }
        co_await journal_.begin(record.id, std::move(intents));
    }

    boost::asio::io_context io_;
    test::ManualClock clock_{io_};
    SeededRandom random_{1};
    NullLog log_;
    StopSignal stop_;
    test::MemoryServer server_{clock_};
    test::MemoryEndpoint endpoint_{server_, Side::destination};
    test::MemoryJournal journal_;
    FoundFolders found_;
};

TEST_F(Settle, EndsWithTheLookThatFindsAll) {
    for (std::size_t i = 0; i < sent; ++i) store(i, milliseconds(100));
    EXPECT_EQ(settle_all(), sent);
    EXPECT_EQ(took_, seconds(20));
}

TEST_F(Settle, WaitsForAServerThatStoresFourMebibytesASecond) {
    for (std::size_t i = 0; i < sent; ++i) store(i, milliseconds(2500) * (i + 1));
    EXPECT_EQ(settle_all(), sent);
    EXPECT_EQ(took_, seconds(20));
}

TEST_F(Settle, LooksOnceMoreAfterHalfOfTheWait) {
    for (std::size_t i = 0; i < sent; ++i) store(i, milliseconds(29'900));
    EXPECT_EQ(settle_all(), sent);
    EXPECT_EQ(took_, seconds(30));
}

TEST_F(Settle, WaitsTheSecondTimeForWhatIsMissingOnly) {
    for (std::size_t i = 0; i + 1 < sent; ++i) store(i, milliseconds(100));
    EXPECT_EQ(settle_all(), sent - 1);
    EXPECT_EQ(took_, seconds(25)) << "20 s for all, and half of 10 s for one of 10 MiB";
}

}  // namespace
}  // namespace imapcopy::copy
