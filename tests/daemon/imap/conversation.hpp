#pragma once

// A session against a script on the manual clock.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <string>
#include <utility>

#include "common/outcome.hpp"
#include "daemon/imap/session.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/scripted_stream.hpp"

namespace imapcopy::test {

/// Everything that a session needs. Members are destroyed in the reverse order: the loop goes last.
struct Conversation {
    boost::asio::io_context io;
    ManualClock clock{io};
    SeededRandom random{7};
    NullLog log;
    StopSignal stop;
    ScriptedConnector connector{io, clock};
    Context context{clock, random, log, stop};

    ~Conversation() { clock.poll(); }

    template <class T>
    static Task<> keep(Task<T> task, std::optional<Result<T>>* into) {
        auto result = co_await as_result(std::move(task));
        into->emplace(std::move(result));
    }
    /// Runs `task` to its end, moving time where nothing else is left to do.
    template <class T>
    Result<T> run(Task<T> task) {
        std::optional<Result<T>> result;
        boost::asio::co_spawn(io, keep(std::move(task), &result), boost::asio::detached);
        for (int i = 0; i < 1000 && !result; ++i) {
            clock.poll();
            if (!result && !clock.advance_to_next()) break;
        }
        clock.poll();
        if (!result) return Error{ErrorCode::internal, "the task hangs"};
        return std::move(*result);
    }

    static imap::Credentials password(std::string login = "anna", std::string authorize_as = "") {
        imap::Credentials credentials;
        credentials.login = std::move(login);
        credentials.authorize_as = std::move(authorize_as);
        credentials.secret = Secret("secret");
        return credentials;
    }
    static net::Target target(TlsMode tls = TlsMode::implicit) { return {"imap.example.org", 993, tls, ""}; }

    Result<std::unique_ptr<imap::Session>> open(TlsMode tls = TlsMode::implicit,
                                                imap::Credentials credentials = password()) {
        return run(
            imap::Session::open(context, connector, target(tls), std::move(credentials), Side::source));
    }
};

/// A server that is logged in to in one round trip: greeting, AUTHENTICATE PLAIN with its response, OK.
inline Script logged_in(std::string const& capabilities, std::string const& tag = "$1") {
    return Script{}
        .reply("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n")
        .expect(tag + " AUTHENTICATE PLAIN AGFubmEAc2VjcmV0\r\n")
        .reply(tag + " OK [CAPABILITY IMAP4rev1 " + capabilities + "] done\r\n");
}

/// A conversation that is past its login.
struct LoggedIn : Conversation {
    explicit LoggedIn(Script script) : peer(connector.add(std::move(script))) {
        auto opened = open();
        if (opened) session = std::move(*opened);
        EXPECT_TRUE(session) << peer.position();
    }
    test::ScriptedPeer& peer;
    std::unique_ptr<imap::Session> session;
};

inline imap::MailboxName folder(std::string_view name) {
    return imap::MailboxName::from_utf8(name).value();
}

}  // namespace imapcopy::test
