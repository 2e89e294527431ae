#include "common/account_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace imapcopy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string mistakes(TomlFile& file) {
    auto const end = file.finish();
    return end.has_error() ? end.error().message : "";
}

TEST(TomlFile, ReadsEveryType) {
    TomlFile file("s = 'x'\nb = true\nn = 5\nl = ['a', 'b']\n[t]\nk = 'v'\n[[e]]\ni = 1\n[[e]]\ni = 2\n",
                  "f");
    auto root = file.root();
    EXPECT_EQ(root.string("s"), "x");
    EXPECT_EQ(root.boolean("b"), true);
    EXPECT_EQ(root.number("n", 1, 9), 5U);
    EXPECT_THAT(root.strings("l").value(), ElementsAre("a", "b"));
    EXPECT_EQ(root.table("t")->string("k"), "v");
    std::vector<std::uint64_t> numbers;
    for (auto& element : root.tables("e")) numbers.push_back(element.number("i").value());
    EXPECT_THAT(numbers, ElementsAre(1, 2));
    EXPECT_EQ(root.string("absent"), std::nullopt);
    EXPECT_THAT(root.tables("absent"), ::testing::IsEmpty());
    EXPECT_EQ(mistakes(file), "");
}

TEST(TomlFile, CollectsEveryMistakeInTheOrderOfTheFile) {
    TomlFile file("a = 1\nb = 'x'\nc = 99\n[t]\n  typo = 1\n[u]\nx = [1, 'y']\n", "conf.toml");
    auto root = file.root();
    (void)root.number("c", 1, 9);
    (void)root.boolean("b");
    (void)root.string("a");
    (void)root.table("t");
    (void)root.table("u")->strings("x");
    EXPECT_EQ(mistakes(file),
              "conf.toml:1:5: a must be a string in quotation marks\n"
              "conf.toml:2:5: b must be true or false\n"
              "conf.toml:3:5: c must be a whole number from 1 to 9\n"
              "conf.toml:5:3: unknown key t.typo\n"
              "conf.toml:7:6: u.x holds something that is not a string");
}

TEST(TomlFile, UnknownTablesAndKeysOfListElementsAreMistakes) {
    TomlFile file("[known]\n[stranger]\n[[e]]\nz = 1\n", "f");
    auto root = file.root();
    (void)root.table("known");
    (void)root.tables("e");
    EXPECT_THAT(mistakes(file), HasSubstr("f:2:2: unknown key stranger"));
    EXPECT_THAT(mistakes(file), HasSubstr("f:4:1: unknown key e.z"));
}

TEST(TomlFile, WrongKindOfTableIsAMistake) {
    TomlFile file("t = 1\ne = [1]\nk = 'maybe'\n", "f");
    auto root = file.root();
    EXPECT_FALSE(root.table("t"));
    EXPECT_TRUE(root.tables("e").empty());
    EXPECT_FALSE(root.word("k", parse_tls_mode, "implicit or starttls"));
    EXPECT_EQ(mistakes(file),
              "f:1:5: t must be a table, written [t]\n"
              "f:2:5: e must be a list of tables, each written [[e]]\n"
              "f:3:5: k must be implicit or starttls");
}

TEST(TomlFile, SyntaxErrorIsAMistakeWithItsPlace) {
    TomlFile file("a = 1\nb = = 2\n", "f");
    EXPECT_THAT(mistakes(file), HasSubstr("f:2:"));
    EXPECT_FALSE(file.root().number("a"));
}

TEST(TomlFile, LettersBeyondAsciiAreNoBlanks) {
    TomlFile continued("key = \"\"\"a\\\n  é\"\"\"", "f");
    EXPECT_EQ(continued.root().string("key"), "aé");
    TomlFile misplaced("key = 1é", "f");
    EXPECT_THAT(mistakes(misplaced), HasSubstr("f:1:"));
}

TEST(AccountFile, ReadsTheKeysOfAnAccount) {
    auto const file = parse_account_file(
        "host = 'IMAP.example.org'\nport = 1143\ntls = 'starttls'\nlogin = 'anna'\naddress = "
        "'anna@example.org'\n"
        "authorize_as = 'boss'\nauth = 'xoauth2'\npassword_file = '/run/secret'\n",
        "a.toml");
    ASSERT_TRUE(file.has_value()) << file.error().message;
    EXPECT_EQ(file->account.host, "imap.example.org");
    EXPECT_EQ(file->account.port, 1143);
    EXPECT_EQ(file->account.tls, TlsMode::starttls);
    EXPECT_EQ(file->account.address, "anna@example.org");
    EXPECT_EQ(file->account.authorize_as, "boss");
    EXPECT_EQ(file->account.auth, AuthMethod::xoauth2);
    EXPECT_EQ(file->password_file, "/run/secret");
}

TEST(AccountFile, AddressIsTheLoginWhereItIsNotSaid) {
    EXPECT_EQ(parse_account_file("provider = 'gmail'\nlogin = 'anna@gmail.com'\n", "a")->account.address,
              "anna@gmail.com");
}

TEST(AccountFile, RefusesAPasswordWithoutRepeatingIt) {
    auto const file =
        parse_account_file("login = 'anna'\nhost = 'h'\npassword = 'hunter2'\nport = 0\n", "a.toml");
    ASSERT_TRUE(file.has_error());
    EXPECT_THAT(file.error().message, HasSubstr("a.toml:3:12: password does not belong in this file"));
    EXPECT_THAT(file.error().message, HasSubstr("a.toml:4:8: port must be"));
    EXPECT_THAT(file.error().message, Not(HasSubstr("hunter2")));
}

/// A file of its own for each test, removed with it.
class AccountFileOnDisk : public ::testing::Test {
 protected:
    void write(std::string const& text, mode_t mode) {
        std::ofstream(path_) << text;
        ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    }
    void TearDown() override { std::filesystem::remove(path_); }

    std::string path_ = std::filesystem::path(::testing::TempDir()) /
                        ("account_file_test." + std::to_string(::getpid()) + ".toml");
};

TEST_F(AccountFileOnDisk, PasswordFileNeedsAPrivateAccountFile) {
    constexpr auto const* text = "login = 'anna'\nhost = 'h'\npassword_file = '/run/secret'\n";
    write(text, 0644);
    auto const refused = read_account_file(path_);
    ASSERT_TRUE(refused.has_error());
    EXPECT_THAT(refused.error().message, HasSubstr("chmod 600"));
    write(text, 0600);
    EXPECT_EQ(read_account_file(path_)->password_file, "/run/secret");
}

TEST_F(AccountFileOnDisk, MayBeReadableByAllWithoutOne) {
    write("login = 'anna'\nhost = 'h'\n", 0644);
    EXPECT_EQ(read_account_file(path_)->account.login, "anna");
}

TEST_F(AccountFileOnDisk, AbsentOrHugeFilesAreRefused) {
    EXPECT_THAT(read_account_file(path_).error().message, HasSubstr("No such file"));
    write(std::string(100'000, '#'), 0600);
    EXPECT_THAT(read_account_file(path_).error().message, HasSubstr("more than"));
    EXPECT_TRUE(read_small_file("/", 10).has_error());
}

}  // namespace
}  // namespace imapcopy
