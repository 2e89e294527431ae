#include "common/account_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace imapcopy {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Accepted {
    std::string_view text;
    std::string_view provider;
    std::string_view login;
    std::string_view host;
    std::uint16_t port;
    TlsMode tls;
    std::string_view shortest;
};

constexpr std::array accepted = {
    Accepted{"gmail:anna@gmail.com", "gmail", "anna@gmail.com", "", 0, TlsMode::implicit,
             "gmail:anna@gmail.com"},
    Accepted{"free:anna", "free", "anna", "", 0, TlsMode::implicit, "free:anna"},
    Accepted{"anna@example.org", "", "anna@example.org", "", 0, TlsMode::implicit, "anna@example.org"},
    Accepted{"imaps://anna@imap.example.org", "", "anna", "imap.example.org", 993, TlsMode::implicit,
             "imaps://anna@imap.example.org"},
    Accepted{"IMAPS://anna@IMAP.example.org:1993/", "", "anna", "imap.example.org", 1993, TlsMode::implicit,
             "imaps://anna@imap.example.org:1993"},
    Accepted{"imap://anna@old.example@imap.old.example", "", "anna@old.example", "imap.old.example", 143,
             TlsMode::starttls, "imap://anna@old.example@imap.old.example"},
    Accepted{"imaps://anna%40old.example@imap.old.example", "", "anna@old.example", "imap.old.example", 993,
             TlsMode::implicit, "imaps://anna@old.example@imap.old.example"},
    Accepted{"imaps://a%3Ab@h", "", "a:b", "h", 993, TlsMode::implicit, "imaps://a%3ab@h"},
    Accepted{"imap+cleartext://anna@127.0.0.1:10143", "", "anna", "127.0.0.1", 10143, TlsMode::cleartext,
             "imap+cleartext://anna@127.0.0.1:10143"},
    Accepted{"imaps://anna@[2001:DB8::1]", "", "anna", "2001:db8::1", 993, TlsMode::implicit,
             "imaps://anna@[2001:db8::1]"},
    Accepted{"imaps://anna@[::1]:10993", "", "anna", "::1", 10993, TlsMode::implicit,
             "imaps://anna@[::1]:10993"},
};

TEST(AccountAddress, AcceptsTheDocumentedForms) {
    for (auto const& row : accepted) {
        auto const account = parse_account_address(row.text);
        ASSERT_TRUE(account.has_value()) << row.text << ": " << account.error().message;
        EXPECT_EQ(account->provider, row.provider) << row.text;
        EXPECT_EQ(account->login, row.login) << row.text;
        EXPECT_EQ(account->address, row.login) << row.text;
        EXPECT_EQ(account->host, row.host) << row.text;
        EXPECT_EQ(account->port, row.port) << row.text;
        EXPECT_EQ(account->tls, row.tls) << row.text;
    }
}

TEST(AccountAddress, PrintsTheShortestFormThatReadsBack) {
    for (auto const& row : accepted) {
        auto const account = parse_account_address(row.text).value();
        EXPECT_EQ(to_string(account), row.shortest);
        EXPECT_EQ(parse_account_address(to_string(account)).value(), account) << row.text;
    }
}

TEST(AccountAddress, RefusesThePasswordWithAHintAndNeverRepeatsIt) {
    for (auto const* const text : {"imaps://anna:hunter2@imap.example.org",
                                   "imap://anna@x.org:hunter2@imap.example.org", "anna@x.org:hunter2"}) {
        auto const account = parse_account_address(text);
        ASSERT_TRUE(account.has_error()) << text;
        EXPECT_EQ(account.error().code, ErrorCode::invalid_address);
        EXPECT_THAT(account.error().message, HasSubstr("takes no password")) << text;
        EXPECT_THAT(account.error().message, Not(HasSubstr("hunter2"))) << text;
    }
}

TEST(AccountAddress, RefusesWhatItCannotRead) {
    for (auto const* const text : {"",
                                   "anna",
                                   "@",
                                   "@example.org",
                                   "anna@",
                                   "imaps://",
                                   "imaps://host",
                                   "imaps://@host",
                                   "imaps://a@",
                                   "imaps://a@h:0",
                                   "imaps://a@h:65536",
                                   "imaps://a@h:",
                                   "imaps://a@h:9x",
                                   "imaps://a@-h",
                                   "imaps://a@h..x",
                                   "imaps://a@h h",
                                   "imaps://a@[::1",
                                   "imaps://a@[x]",
                                   "imaps://a@[::1]9",
                                   "imaps://a%4@h",
                                   "imaps://a%zz@h",
                                   "imaps://a%0d%0ab@h",
                                   "imaps://a%ff@h",
                                   "pop3://a@h",
                                   "gmail:",
                                   "anna@exa mple.org",
                                   "anna\n@example.org",
                                   "imaps://a@h/INBOX"}) {
        auto const account = parse_account_address(text);
        ASSERT_TRUE(account.has_error()) << text;
        EXPECT_EQ(account.error().code, ErrorCode::invalid_address) << text;
        EXPECT_FALSE(account.error().message.empty());
        EXPECT_EQ(account.error().message.find('\n'), std::string::npos) << text;
    }
    EXPECT_TRUE(parse_account_address(std::string(5000, 'a') + "@example.org").has_error());
}

TEST(DefaultPort, FollowsTheTlsMode) {
    EXPECT_EQ(default_port(TlsMode::implicit), 993);
    EXPECT_EQ(default_port(TlsMode::starttls), 143);
    EXPECT_EQ(default_port(TlsMode::cleartext), 143);
}

TEST(ServerName, TakesTheUsualPortsAsOneServerAndOthersAsServersOfTheirOwn) {
    AccountSpec account;
    account.host = "Mail.Example";
    for (std::uint16_t const port : {0, 143, 993}) {
        account.port = port;
        EXPECT_EQ(server_name(account), "mail.example");
    }
    account.port = 1143;
    EXPECT_EQ(server_name(account), "mail.example:1143");
}

}  // namespace
}  // namespace imapcopy
