#include "common/messages.hpp"

#include <gtest/gtest.h>

namespace imapcopy {
namespace {

TEST(Messages, EverySentenceIsThere) {
    for (unsigned i = 0; i <= static_cast<unsigned>(Message::job_exists); ++i) {
        EXPECT_FALSE(message(static_cast<Message>(i), "en").empty()) << i;
    }
}

TEST(Messages, UnknownLanguagesReadEnglish) {
    EXPECT_EQ(message(Message::state_finished, "tlh"), message(Message::state_finished, "en"));
}

}  // namespace
}  // namespace imapcopy
