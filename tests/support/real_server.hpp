#pragma once

// RealServer: a private mail server on the loopback (tests/support/mailserver), and the fixture that owns
// two.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/result.hpp"

namespace imapcopy::test {

struct RealServerOptions {
    std::string storage = "maildir";  ///< maildir, sdbox or mdbox; Dovecot.
    std::string prefix = {};          ///< Of the personal namespace, e.g. "INBOX."; Dovecot and Cyrus.
    std::string separator = "/";
    std::string capability = {};             ///< Announces exactly this, where not empty; Dovecot.
    std::vector<std::string> settings = {};  ///< More lines of dovecot.conf.
    std::string server = "dovecot";          ///< dovecot, cyrus, courier or imap4d.
};

/// Every login has the password "pass"; logins that begin with "wrong" are refused. imap4d knows user0 to
/// user99.
class RealServer {
 public:
    /// Starts a server on free ports. Errors: unavailable, where it cannot be had here, with the reason.
    static Result<std::unique_ptr<RealServer>> start(RealServerOptions const& options = {});
    ~RealServer();
    RealServer(RealServer const&) = delete;
    RealServer& operator=(RealServer const&) = delete;

    std::uint16_t port() const { return port_; }          ///< STARTTLS, or in clear.
    std::uint16_t tls_port() const { return tls_port_; }  ///< Implicit TLS; not with Courier and imap4d.
    std::string ca_file() const { return folder_ + "/tls/ca.pem"; }
    std::string const& folder() const { return folder_; }

    /// Fills an account by tests/support/seed_mail; `arguments` like "--messages 100 --megabytes 1". False:
    /// it failed.
    [[nodiscard]] bool seed(std::string const& login, std::string const& arguments = {}) const;
    /// "127.0.0.1:PORT:LOGIN:pass", as the test tools want it.
    std::string account(std::string const& login) const;

 private:
    RealServer(std::string folder, std::uint16_t port, std::uint16_t tls_port);

    std::string folder_;
    std::uint16_t port_ = 0;
    std::uint16_t tls_port_ = 0;
};

/// The printed line of tests/support/compare_mail, e.g. "12 messages, 3 folders, …: 0 missing, 0 duplicated,
/// 0 altered".
std::string compare_mail(std::string const& source_account, std::string const& destination_account);

/// Skips the test that is being set up, or fails it where CI=true: there a missing server is a broken check.
void skip_without_server(Error const& reason);

/// Two servers for all tests of a suite: the one to copy from and the one to copy to.
class RealServers : public testing::Test {
 protected:
    static void SetUpTestSuite();
    static void TearDownTestSuite();
    void SetUp() override;

    static RealServer& source() { return **servers().source; }
    static RealServer& destination() { return **servers().destination; }

 private:
    struct Servers {
        Result<std::unique_ptr<RealServer>> source = Error{ErrorCode::unavailable, "not started"};
        Result<std::unique_ptr<RealServer>> destination = Error{ErrorCode::unavailable, "not started"};
    };
    static Servers& servers();
};

}  // namespace imapcopy::test
