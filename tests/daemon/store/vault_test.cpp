#include "daemon/store/vault.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/await.hpp"
#include "tests/support/temporary_folder.hpp"

namespace imapcopy::store {
namespace {

constexpr SealContext context{17, Side::source};

Secret key(char fill = 'k') {
    return Secret(std::string(32, fill));
}

ErrorCode code_of(Result<Secret> const& result) {
    EXPECT_FALSE(result.has_value());
    return result.has_value() ? ErrorCode::internal : result.error().code;
}

class VaultTest : public testing::Test {
 protected:
    SeededRandom random_{1};
    Vault vault_{key(), random_};
};

TEST_F(VaultTest, OpensWhatItSealed) {
    for (auto const size : {std::size_t{0}, std::size_t{1}, std::size_t{12}, Secret::bytes_max}) {
        auto const clear = std::string(size, 'p');
        auto const opened = vault_.open(vault_.seal(Secret(clear), context), context);
        ASSERT_TRUE(opened.has_value()) << size;
        EXPECT_EQ(opened->reveal(), clear);
    }
}

TEST_F(VaultTest, SealsTheSameSecretDifferentlyEachTime) {
    EXPECT_NE(vault_.seal(Secret("geheim"), context), vault_.seal(Secret("geheim"), context));
}

TEST_F(VaultTest, HidesTheSecret) {
    EXPECT_EQ(vault_.seal(Secret("geheim"), context).find("geheim"), std::string::npos);
}

TEST_F(VaultTest, DoesNotOpenForAnotherJobOrSide) {
    auto const sealed = vault_.seal(Secret("geheim"), context);
    EXPECT_EQ(code_of(vault_.open(sealed, {18, Side::source})), ErrorCode::credentials_missing);
    EXPECT_EQ(code_of(vault_.open(sealed, {17, Side::destination})), ErrorCode::credentials_missing);
}

TEST_F(VaultTest, TellsAnotherKeyFromDamage) {
    auto const sealed = vault_.seal(Secret("geheim"), context);
    Vault const other(key('x'), random_);
    EXPECT_EQ(code_of(other.open(sealed, context)), ErrorCode::credentials_missing);
}

/// Where the key is lost, another one takes the passwords that are given again.
TEST_F(VaultTest, OpensUnderANewKeyWhatWasGivenAgain) {
    Vault other(key('x'), random_);
    auto const opened = other.open(other.seal(Secret("again"), context), context);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->reveal(), "again");
}

TEST_F(VaultTest, NoticesEveryFlippedByteAndEveryCut) {
    auto const sealed = vault_.seal(Secret("geheim"), context);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        auto flipped = sealed;
        flipped[i] = static_cast<char>(flipped[i] ^ 1);
        EXPECT_FALSE(vault_.open(flipped, context).has_value()) << "byte " << i;
        EXPECT_FALSE(vault_.open(std::string_view(sealed).substr(0, i), context).has_value()) << "cut " << i;
    }
}

TEST_F(VaultTest, IsLockedWithoutKey) {
    Vault locked(Secret(), random_);
    EXPECT_TRUE(locked.locked());
    EXPECT_FALSE(vault_.locked());
    auto const error = test::error_of([&] { (void)locked.seal(Secret("geheim"), context); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::credentials_missing);
    EXPECT_NE(error->message.find("make one as imapcopyd(8) says"), std::string::npos) << error->message;
    EXPECT_EQ(code_of(locked.open(vault_.seal(Secret("geheim"), context), context)),
              ErrorCode::credentials_missing);
}

TEST_F(VaultTest, RefusesAKeyOfAnotherLength) {
    auto const error = test::error_of([&] { Vault const vault(Secret("short"), random_); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::invalid_argument);
}

class LoadKeyTest : public testing::Test {
 protected:
    void write(std::string const& content, ::mode_t mode) {
        std::ofstream(file_) << content;
        ::chmod(file_.c_str(), mode);
    }
    std::optional<Error> error_of_loading() {
        return test::error_of([&] { (void)load_key(file_); });
    }
    test::TemporaryFolder folder_;
    std::string file_ = folder_.file("secrets.key");
};

TEST_F(LoadKeyTest, ReadsThirtyTwoBytes) {
    write(std::string(32, 'k'), 0600);
    auto const loaded = load_key(file_);
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->reveal(), std::string(32, 'k'));
}

TEST_F(LoadKeyTest, FindsNothingWhereThereIsNone) {
    EXPECT_FALSE(load_key(file_));
    ::unsetenv("CREDENTIALS_DIRECTORY");
    EXPECT_FALSE(load_key(""));
}

TEST_F(LoadKeyTest, LooksIntoTheCredentialsOfTheService) {
    write(std::string(32, 'c'), 0440);
    ::setenv("CREDENTIALS_DIRECTORY", folder_.path().c_str(), 1);
    auto const loaded = load_key("");
    ::unsetenv("CREDENTIALS_DIRECTORY");
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->reveal(), std::string(32, 'c'));
}

TEST_F(LoadKeyTest, TakesTheStandInOfTheUnitForNoKey) {
    write("locked", 0440);
    ::setenv("CREDENTIALS_DIRECTORY", folder_.path().c_str(), 1);
    auto const loaded = load_key("");
    ::unsetenv("CREDENTIALS_DIRECTORY");
    EXPECT_FALSE(loaded);
    write("locked", 0600);
    EXPECT_TRUE(error_of_loading()) << "a file that the administrator names is a key or a mistake";
}

TEST_F(LoadKeyTest, RefusesAFileThatOthersMayRead) {
    for (auto const mode : {0640U, 0604U, 0660U}) {
        write(std::string(32, 'k'), mode);
        auto const error = error_of_loading();
        ASSERT_TRUE(error) << mode;
        EXPECT_EQ(error->code, ErrorCode::invalid_argument);
        EXPECT_NE(error->message.find("0600"), std::string::npos);
    }
}

TEST_F(LoadKeyTest, RefusesAnotherSize) {
    for (auto const size : {0U, 31U, 33U, 4096U}) {
        write(std::string(size, 'k'), 0600);
        ASSERT_TRUE(error_of_loading()) << size;
        EXPECT_EQ(error_of_loading()->code, ErrorCode::invalid_argument);
    }
}

}  // namespace
}  // namespace imapcopy::store
