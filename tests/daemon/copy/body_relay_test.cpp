#include "daemon/copy/body_relay.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "common/outcome.hpp"

namespace imapcopy::copy {
namespace {

struct Notes final : BodySink {
    std::string text;
    Task<> begin(Uid uid, std::uint64_t) override {
        text += to_string(uid) + "[";
        co_return;
    }
    Task<> data(std::string_view bytes) override {
        text += bytes;
        co_return;
    }
    Task<> end() override {
        text += "]";
        co_return;
    }
    Task<> missing(Uid) override { co_return; }
};

Task<> body(BodyRelay& relay, std::uint32_t uid, std::string bytes) {
    co_await relay.begin(Uid{uid}, bytes.size());
    if (!bytes.empty()) co_await relay.data(bytes);
    co_await relay.end();
}

template <class T>
Result<T> run(Task<T> task) {
    boost::asio::io_context io;
    std::optional<Result<T>> result;
    auto const on_end = [&](std::exception_ptr, Result<T> ended) { result.emplace(std::move(ended)); };
    boost::asio::co_spawn(io, as_result(std::move(task)), on_end);
    io.run();
    return std::move(*result);
}

TEST(BodyRelay, PassesOnWhatWasAskedForOnce) {
    Notes notes;
    BodyRelay relay(notes);
    relay.expect({Uid{1}, Uid{2}, Uid{3}});
    for (auto const uid : {1U, 9U, 1U}) EXPECT_TRUE(run(body(relay, uid, "x")));
    EXPECT_TRUE(run(body(relay, 2, "")));
    EXPECT_EQ(notes.text, "1[x]");
    using Fate = BodyRelay::Fate;
    auto const fates = run(relay.settle({Uid{1}, Uid{2}, Uid{3}}));
    EXPECT_EQ(fates.value(), (std::vector{Fate::delivered, Fate::empty, Fate::waiting}));
}

TEST(BodyRelay, EndsAnUnnamedBodyOnlyWhenItsUidIsProven) {
    for (auto const told : {Uid{7}, Uid{8}}) {
        Notes notes;
        BodyRelay relay(notes);
        relay.expect({Uid{7}});
        relay.set_only(Uid{7});
        EXPECT_TRUE(run(body(relay, 0, "x")));
        EXPECT_EQ(notes.text, "7[x") << "the end waits";
        imap::response::Fetch fetch;
        fetch.uid = told;
        fetch.has_body = true;
        relay.on_fetch(fetch);
        auto const fates = run(relay.settle({Uid{7}}));
        EXPECT_EQ(fates.has_value(), told == Uid{7});
        EXPECT_EQ(notes.text, told == Uid{7} ? "7[x]" : "7[x");
        EXPECT_TRUE(relay.uid_comes_late());
    }
}

TEST(BodyRelay, LetsNoBodyIntoOneWhoseUidIsNotProven) {
    Notes notes;
    BodyRelay relay(notes);
    relay.expect({Uid{7}, Uid{8}});
    relay.set_only(Uid{7});
    EXPECT_TRUE(run(body(relay, 0, "x")));
    EXPECT_FALSE(run(body(relay, 8, "y")));
    EXPECT_EQ(notes.text, "7[x");
}

}  // namespace
}  // namespace imapcopy::copy
