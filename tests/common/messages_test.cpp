#include "common/messages.hpp"

#include <gtest/gtest.h>

namespace imapcopy {
namespace {

TEST(Messages, EverySentenceIsThere) {
    for (unsigned i = 0; i <= static_cast<unsigned>(Message::last); ++i) {
        EXPECT_FALSE(message(static_cast<Message>(i), "en").empty()) << i;
    }
}

TEST(Messages, BlanksAreFilledAndExtraOnesVanish) {
    EXPECT_EQ(message(Message::ctl_waiting_until, "en", {"14:05", "{0}"}), "waiting until 14:05: {0}");
    EXPECT_EQ(message(Message::ctl_waiting_until, "en", {"14:05"}), "waiting until 14:05: ");
}

TEST(Messages, UnknownLanguagesReadEnglish) {
    EXPECT_EQ(message(Message::state_finished, "tlh"), message(Message::state_finished, "en"));
}

}  // namespace
}  // namespace imapcopy
