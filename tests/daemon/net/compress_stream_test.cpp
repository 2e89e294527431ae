#include "daemon/net/compress_stream.hpp"

#include <gtest/gtest.h>

#include <array>

#include "common/random.hpp"
#include "common/result.hpp"
#include "tests/support/loop_runner.hpp"

namespace imapcopy::net {
namespace {

/// Gives back what was written to it.
class EchoStream final : public Stream {
 public:
    explicit EchoStream(std::string& wire) : wire_(wire) {}
    Task<std::size_t> read_some(std::span<char> buffer, TimePoint) override {
        auto const count = std::min(buffer.size(), wire_.size());
        std::copy_n(wire_.begin(), count, buffer.begin());
        wire_.erase(0, count);
        co_return count;
    }
    Task<> write_all(std::string_view bytes, TimePoint) override {
        wire_ += bytes;
        co_return;
    }
    Task<> start_tls(TimePoint) override { co_return; }
    bool is_secure() const override { return true; }
    Task<> close(TimePoint) override { co_return; }
    void abort() noexcept override {}
    std::string peer() const override { return "echo"; }

 private:
    std::string& wire_;
};

class CompressStreamTest : public testing::Test {
 protected:
    void write(std::string_view bytes) {
        auto const written = runner_.run(stream_->write_all(bytes, {}));
        ASSERT_TRUE(written->result.ok()) << written->message();
    }
    /// All that can be read at once, in reads of at most `most` bytes.
    std::string read(std::size_t most = 1000) {
        std::string all;
        std::string buffer(most, '\0');
        for (;;) {
            auto const step = runner_.run(stream_->read_some(buffer, {}));
            EXPECT_TRUE(step->result.ok()) << step->message();
            auto const count = step->result.value.value_or(0);
            if (count == 0) return all;
            all.append(buffer, 0, count);
        }
    }

    boost::asio::io_context io_;
    test::LoopRunner runner_{io_};
    std::string wire_;
    std::unique_ptr<Stream> stream_ = compress(std::make_unique<EchoStream>(wire_));
};

TEST_F(CompressStreamTest, GivesBackWhateverWasWritten) {
    SeededRandom random(5);
    std::string mixed;
    for (int i = 0; i < 40'000; ++i) mixed += "line " + std::to_string(random.below(1000)) + "\r\n";
    std::string noise(300'000, '\0');
    for (auto& byte : noise) byte = static_cast<char>(random.below(256));
    for (auto const& bytes : {std::string("a1 OK\r\n"), mixed, noise, std::string(1, '\0')}) {
        write(bytes);
        EXPECT_TRUE(read(777) == bytes) << bytes.size() << " bytes";
    }
}

TEST_F(CompressStreamTest, CanBeReadAfterEveryWriteAndIsSmallerForText) {
    for (int i = 0; i < 100; ++i) {
        write("a1 UID FETCH 1:200 (UID BODY.PEEK[])\r\n");
        if (i > 0) {
            EXPECT_LT(wire_.size(), 20U) << "what was said before need not be said again";
        }
        EXPECT_EQ(read(), "a1 UID FETCH 1:200 (UID BODY.PEEK[])\r\n");
    }
}

TEST_F(CompressStreamTest, InflatesNoMoreThanIsAskedFor) {
    std::size_t const many = 64UL << 20U;
    write(std::string(many, '\0'));
    EXPECT_LT(wire_.size(), many / 100);
    std::array<char, 4096> buffer{};
    auto const before = wire_.size();
    EXPECT_EQ(runner_.run(stream_->read_some(buffer, {}))->result.value, buffer.size());
    EXPECT_GE(wire_.size() + 16 * 1024, before) << "one piece of the wire is enough for many reads";
    EXPECT_EQ(read(1 << 20U).size(), many - buffer.size());
}

TEST_F(CompressStreamTest, RefusesWhatIsNotDeflated) {
    wire_ = "\xff* OK in clear\r\n";
    std::array<char, 100> buffer{};
    auto const step = runner_.run(stream_->read_some(buffer, {}));
    ASSERT_FALSE(step->result.ok());
    EXPECT_NE(step->message().find("echo: the compressed stream is damaged"), std::string::npos)
        << step->message();
}

TEST_F(CompressStreamTest, EndsWithThePeer) {
    write("* BYE\r\n");
    EXPECT_EQ(read(), "* BYE\r\n");
    std::array<char, 10> buffer{};
    EXPECT_EQ(runner_.run(stream_->read_some(buffer, {}))->result.value, 0U);
}

}  // namespace
}  // namespace imapcopy::net
