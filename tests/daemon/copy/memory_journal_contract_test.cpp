// What the tests of a pass rely upon: the journal in memory keeps the contract that the ledger keeps.

#include "tests/support/journal_contract.hpp"
#include "tests/support/memory_journal.hpp"

namespace imapcopy::test {
namespace {

/// Every write of a MemoryJournal is durable, so that a restart changes nothing.
class MemoryHost final : public JournalHost {
 public:
    boost::asio::io_context& loop() override { return loop_; }
    copy::Journal& journal() override { return journal_; }
    copy::Journal& neighbour() override { return neighbour_; }
    void reopen() override {}

 private:
    boost::asio::io_context loop_;
    MemoryJournal journal_;
    MemoryJournal neighbour_ = journal_.another_source();
};

std::unique_ptr<JournalHost> make_memory_host() {
    return std::make_unique<MemoryHost>();
}

INSTANTIATE_TEST_SUITE_P(Memory, JournalContract, testing::Values(JournalFactory{make_memory_host}));

}  // namespace
}  // namespace imapcopy::test
