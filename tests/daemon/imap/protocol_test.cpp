#include "daemon/imap/protocol.hpp"

#include <gtest/gtest.h>

namespace imapcopy::imap {
namespace {

/// Feeds one piece of text and collects the events up to the next NeedInput, or the error.
Result<std::vector<ProtocolEvent>> events_of(Protocol& protocol, std::string_view bytes) {
    std::vector<ProtocolEvent> events;
    protocol.feed(bytes);
    for (;;) {
        auto event = protocol.next();
        if (!event) return event.error();
        if (std::holds_alternative<event::NeedInput>(*event)) return events;
        events.push_back(std::move(*event));
    }
}

struct Greeted {
    Greeted() { EXPECT_TRUE(events_of(protocol, "* OK [CAPABILITY IMAP4rev1 x-odd] hi\r\n")); }
    SeededRandom random{1};
    Protocol protocol{random};
};

TEST(Protocol, HasTagsThatNobodyGuesses) {
    SeededRandom one(1);
    SeededRandom two(2);
    Protocol first(one);
    Protocol second(two);
    EXPECT_NE(first.tag(first.begin({})), second.tag(second.begin({})));
}

TEST(Protocol, LearnsCapabilitiesFromTheGreeting) {
    Greeted talk;
    EXPECT_TRUE(talk.protocol.knows_capabilities());
    EXPECT_TRUE(talk.protocol.capabilities().contains("X-ODD"));
    talk.protocol.forget_capabilities();
    EXPECT_FALSE(talk.protocol.knows_capabilities());
}

TEST(Protocol, KnowsWhatIsPartOfTheNewProtocol) {
    SeededRandom random(1);
    Protocol new_one(random);
    EXPECT_TRUE(events_of(new_one, "* OK [CAPABILITY IMAP4rev2 AUTH=PLAIN] hi\r\n"));
    EXPECT_TRUE(speaks_only_rev2(new_one.capabilities()));
    EXPECT_TRUE(new_one.capabilities().contains("LIST-STATUS"));
    Protocol both(random);
    EXPECT_TRUE(events_of(both, "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 AUTH=PLAIN] hi\r\n"));
    EXPECT_FALSE(speaks_only_rev2(both.capabilities()));
    EXPECT_FALSE(both.capabilities().contains("LIST-STATUS"));
}

TEST(Protocol, RefusesWhatIsNoConversation) {
    for (auto const* const text : {"+ go\r\n", "zzz1 OK done\r\n", "* PREAUTH again\r\n", "nonsense\r\n"}) {
        Greeted talk;
        auto const events = events_of(talk.protocol, text);
        ASSERT_FALSE(events) << text;
        EXPECT_EQ(events.error().code, ErrorCode::server_bug);
    }
    SeededRandom random(1);
    for (auto const* const greeting :
         {"* CAPABILITY IMAP4rev1\r\n", "a1 OK hi\r\n", "* NO hi\r\n", "+ hi\r\n"}) {
        Protocol protocol(random);
        EXPECT_FALSE(events_of(protocol, greeting)) << greeting;
    }
}

TEST(Protocol, TakesOneContinuationWhereOneIsExpected) {
    Greeted talk;
    talk.protocol.expect_continuation(true);
    EXPECT_TRUE(events_of(talk.protocol, "+ go\r\n"));
    EXPECT_FALSE(events_of(talk.protocol, "+ go\r\n"));
}

TEST(Protocol, GivesDataToTheOldestCommandThatWantsIt) {
    Greeted talk;
    command::UidFetch fetch;
    fetch.flags = true;
    fetch.uids = UidSet(Uid{1}, Uid{5});
    auto const first = talk.protocol.begin(interest_of(fetch));
    fetch.uids = UidSet(Uid{6}, Uid{9});
    auto const second = talk.protocol.begin(interest_of(fetch));
    auto const recipient = [&](std::string_view text) {
        auto const events = events_of(talk.protocol, text).value();
        return std::get<event::Untagged>(events.at(0)).recipient;
    };
    EXPECT_EQ(recipient("* 1 FETCH (UID 7 FLAGS ())\r\n"), second);
    EXPECT_EQ(recipient("* 1 FETCH (UID 2 FLAGS ())\r\n"), first);
    EXPECT_EQ(recipient("* 1 FETCH (UID 99 FLAGS ())\r\n"), std::nullopt);
    EXPECT_EQ(recipient("* LIST () \"/\" x\r\n"), std::nullopt);
    auto const done = events_of(talk.protocol, talk.protocol.tag(first) + " OK done\r\n").value();
    EXPECT_EQ(std::get<event::Completed>(done.at(0)).command, first);
    EXPECT_FALSE(events_of(talk.protocol, talk.protocol.tag(first) + " OK twice\r\n"));
}

TEST(Protocol, RemembersTheFarewell) {
    Greeted talk;
    EXPECT_FALSE(talk.protocol.bye());
    EXPECT_TRUE(events_of(talk.protocol, "* BYE [UNAVAILABLE] later\r\n"));
    ASSERT_TRUE(talk.protocol.bye());
    EXPECT_EQ(talk.protocol.bye()->code.name, "UNAVAILABLE");
}

TEST(Protocol, KnowsWhetherAnythingIsLeftOver) {
    Greeted talk;
    EXPECT_TRUE(talk.protocol.is_drained());
    EXPECT_TRUE(events_of(talk.protocol, "* CAPA"));
    EXPECT_FALSE(talk.protocol.is_drained());
}

}  // namespace
}  // namespace imapcopy::imap
