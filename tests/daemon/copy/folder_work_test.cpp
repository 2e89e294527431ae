#include "daemon/copy/folder_work.hpp"

#include "tests/daemon/copy/pass_fixture.hpp"

namespace imapcopy::copy {
namespace {

TEST(PassState, HoldsSoManyExceptionsAndCountsTheRest) {
    test::QuietObserver observer;
    PassState state(observer);
    FolderWork folder;
    folder.mapped.path = "INBOX";
    for (std::uint32_t uid = 1; uid <= exceptions_max + 3; ++uid)
        state.add_note(folder, Uid(uid), "AttributeRefused", 1, "without its date");
    EXPECT_EQ(state.exceptions.size(), exceptions_max);
    EXPECT_EQ(state.exceptions.back().uid, Uid(exceptions_max));
    EXPECT_EQ(state.exceptions_unlisted, 3U);
    EXPECT_EQ(folder.result.exceptions, exceptions_max + 3);
}

}  // namespace
}  // namespace imapcopy::copy
