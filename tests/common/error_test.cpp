#include "common/error.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "common/result.hpp"

namespace imapcopy {
namespace {

constexpr auto last_code = static_cast<unsigned>(ErrorCode::internal);

/// Every status that interfaces promise to scripts.
constexpr std::array exit_statuses = {1, 2, 4, 6, 7, 9, 10, 11, 12, 13, 14, 75};

TEST(ErrorTable, HasOneRowPerCodeInTheOrderOfTheEnum) {
    std::set<std::string_view> names;
    for (unsigned i = 0; i <= last_code; ++i) {
        auto const code = static_cast<ErrorCode>(i);
        auto const& row = info(code);
        EXPECT_EQ(row.code, code) << row.name;
        EXPECT_TRUE(names.insert(row.name).second) << row.name;
        EXPECT_EQ(error_code_from_name(row.name), code);
    }
    EXPECT_EQ(names.size(), last_code + 1);
}

TEST(ErrorTable, GivesOnlyDocumentedExitStatuses) {
    std::set<int> const known(exit_statuses.begin(), exit_statuses.end());
    for (unsigned i = 0; i <= last_code; ++i) {
        auto const& row = info(static_cast<ErrorCode>(i));
        EXPECT_TRUE(known.contains(row.exit_status_source)) << row.name;
        EXPECT_TRUE(known.contains(row.exit_status_destination)) << row.name;
    }
}

TEST(ErrorTable, NamesAreValidLastPartsOfABusName) {
    for (unsigned i = 0; i <= last_code; ++i) {
        auto const name = info(static_cast<ErrorCode>(i)).name;
        ASSERT_FALSE(name.empty());
        EXPECT_TRUE(name.front() >= 'A' && name.front() <= 'Z') << name;
        EXPECT_EQ(name.find_first_of("._- "), std::string_view::npos) << name;
    }
}

TEST(ErrorTable, RefusedLoginsParkAndAreNeverTriedAgainByThemselves) {
    for (auto const code :
         {ErrorCode::auth_rejected, ErrorCode::app_password_required, ErrorCode::credentials_missing}) {
        EXPECT_EQ(info(code).retry, RetryClass::credentials) << info(code).name;
    }
}

TEST(Error, UnknownNameIsNoCode) {
    EXPECT_FALSE(error_code_from_name("Nonsense"));
    EXPECT_FALSE(error_code_from_name(""));
}

TEST(Error, ExitStatusOfARefusedLoginDependsOnTheSide) {
    Error error{ErrorCode::auth_rejected, "log in"};
    EXPECT_EQ(exit_status(error), 12);
    error.side = Side::source;
    EXPECT_EQ(exit_status(error), 12);
    error.side = Side::destination;
    EXPECT_EQ(exit_status(error), 13);
}

TEST(Error, TextShowsTheServersWordsApart) {
    EXPECT_EQ(to_string(Error{ErrorCode::over_quota, "append uid 7"}), "append uid 7");
    EXPECT_EQ(to_string(Error{ErrorCode::over_quota, "append uid 7", "mailbox full"}),
              "append uid 7: server said: mailbox full");
}

TEST(Error, ContextGrowsOutward) {
    auto const error = within("copying INBOX", Error{ErrorCode::over_quota, "append uid 7", "full"});
    EXPECT_EQ(error.message, "copying INBOX: append uid 7");
    EXPECT_EQ(error.server_text, "full");
}

TEST(Result, ValueOfAnErrorThrowsTheWholeError) {
    Result<int> const result = Error{ErrorCode::in_use, "open INBOX", "locked", Side::destination};
    try {
        (void)result.value();
        FAIL() << "value() returned";
    } catch (Failure const& failure) {
        EXPECT_EQ(failure.error(), result.error());
        EXPECT_STREQ(failure.what(), "open INBOX: server said: locked");
    }
}

}  // namespace
}  // namespace imapcopy
