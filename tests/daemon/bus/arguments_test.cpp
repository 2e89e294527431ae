#include "daemon/bus/arguments.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>

#include "common/result.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;

namespace {

constexpr int final_seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

sdbus::UnixFd memfd(std::string const& bytes, int seals) {
    sdbus::UnixFd file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING), sdbus::adopt_fd);
    EXPECT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(::fcntl(file.get(), F_ADD_SEALS, seals), 0);
    return file;
}

template <class Function>
std::string refusal(Function const& function) {
    try {
        function();
    } catch (Failure const& failure) {
        EXPECT_EQ(failure.error().code, ErrorCode::invalid_argument);
        return failure.error().message;
    }
    return {};
}

}  // namespace

TEST(ReadSecret, TakesASealedMemfdFromItsBeginning) {
    EXPECT_EQ(read_secret(memfd("s3cret", final_seals)).reveal(), "s3cret");
    EXPECT_EQ(read_secret(memfd("s3cret", final_seals | F_SEAL_SEAL)).reveal(), "s3cret");
    EXPECT_EQ(read_secret(memfd(std::string(Secret::bytes_max, 'x'), final_seals)).size(), Secret::bytes_max);
}

TEST(ReadSecret, TakesAnEmptyMemfdAsNoSecret) {
    EXPECT_TRUE(read_secret(memfd("", final_seals)).empty());
}

TEST(ReadSecret, RefusesWhatSomebodyCanStillChange) {
    for (auto const seals : {0, F_SEAL_WRITE, F_SEAL_WRITE | F_SEAL_GROW, F_SEAL_SHRINK | F_SEAL_GROW}) {
        EXPECT_NE(refusal([&] { (void)read_secret(memfd("s3cret", seals)); }), "") << seals;
    }
}

TEST(ReadSecret, RefusesTooManyBytes) {
    std::string const bytes(Secret::bytes_max + 1, 'x');
    EXPECT_EQ(refusal([&] { (void)read_secret(memfd(bytes, final_seals)); }),
              "a secret has at most 16384 bytes");
}

TEST(ReadSecret, RefusesFilesAndPipes) {
    sdbus::UnixFd const file(::open("/etc/passwd", O_RDONLY | O_CLOEXEC), sdbus::adopt_fd);
    EXPECT_NE(refusal([&] { (void)read_secret(file); }), "");
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    sdbus::UnixFd const reading(ends[0], sdbus::adopt_fd);
    sdbus::UnixFd const writing(ends[1], sdbus::adopt_fd);
    EXPECT_NE(refusal([&] { (void)read_secret(reading); }), "");
}

TEST(WriteOut, FillsAMemfd) {
    auto const file = memfd("", 0);
    write_out(file, std::string(300'000, 'r'));
    EXPECT_EQ(::lseek(file.get(), 0, SEEK_END), 300'000);
}

TEST(WriteOut, FillsAPipeWithoutWaitingForTheReader) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    sdbus::UnixFd const reading(ends[0], sdbus::adopt_fd);
    sdbus::UnixFd const writing(ends[1], sdbus::adopt_fd);
    write_out(writing, std::string(300'000, 'r'));
    EXPECT_NE(refusal([&] { write_out(writing, std::string(900'000, 'r')); }), "");
}

TEST(WriteOut, RefusesAFileThatIsNotInMemory) {
    // Whatever the file system of this machine's /tmp is, that of /proc is none in memory.
    sdbus::UnixFd const file(::open("/proc/self/comm", O_RDWR | O_CLOEXEC), sdbus::adopt_fd);
    ASSERT_TRUE(file.isValid());
    EXPECT_NE(refusal([&] { write_out(file, "report"); }), "");
}

TEST(ReadDict, AcceptsTheTypesThatScriptsSend) {
    BusDict const sent{{"a", std::int32_t{5}}, {"b", std::uint16_t{6}}, {"c", std::int64_t{7}}, {"d", true}};
    Dict const expected{
        {"a", std::uint32_t{5}}, {"b", std::uint32_t{6}}, {"c", std::uint64_t{7}}, {"d", true}};
    EXPECT_EQ(read_dict(sent, "options"), expected);
}

TEST(ReadDict, RefusesWhatIsTooLongOrOfAnotherType) {
    std::vector<std::string> const many(1001, "x");
    BusDict crowd;
    for (int i = 0; i < 65; ++i) crowd.emplace(std::to_string(i), true);
    EXPECT_EQ(refusal([&] {
                  (void)read_dict({{"key", std::string(1001, 'x')}}, "source");
              }),
              "source: \"key\" is too long");
    EXPECT_EQ(refusal([&] { (void)read_dict({{"key", many}}, "source"); }), "source: \"key\" is too long");
    EXPECT_EQ(refusal([&] {
                  (void)read_dict({{std::string(2000, 'k'), true}}, "source");
              }).substr(0, 8),
              "source: ");
    EXPECT_NE(refusal([&] { (void)read_dict({{"key", 1.5}}, "source"); }), "");
    EXPECT_NE(refusal([&] { (void)read_dict({{"key", std::int32_t{-1}}}, "source"); }), "");
    EXPECT_EQ(refusal([&] { (void)read_dict(crowd, "source"); }), "source: more than 64 entries");
}

TEST(TakeDescriptor, TakesOnlyDescriptors) {
    BusDict options{{"source_secret", memfd("s3cret", final_seals)}, {"other", true}};
    EXPECT_EQ(read_secret(take_descriptor(options, "source_secret")).reveal(), "s3cret");
    EXPECT_EQ(options.size(), 1U);
    EXPECT_FALSE(take_descriptor(options, "absent").isValid());
    EXPECT_NE(refusal([&] { (void)take_descriptor(options, "other"); }), "");
}
