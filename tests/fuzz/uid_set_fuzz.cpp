// Sets read from text are well formed; sets built from ranges agree with a plain array of bits.

#include "daemon/imap/codec/uid_set.hpp"

#include <array>

#include "tests/fuzz/require.hpp"

namespace imapcopy::imap {
namespace {

using fuzz::require;

void check_shape(UidSet const& set) {
    std::uint64_t after = 0;
    for (auto const& range : set.ranges()) {
        require(range.first.value() > after && range.first <= range.last, "ranges ascend and do not touch");
        after = std::uint64_t{range.last.value()} + 1;
    }
    if (!set.empty())
        require(UidSet::parse(set.to_string()).value() == set, "sets survive being written and read");
    UidSet joined;
    for (auto const& part : split_for_command(set, 40)) {
        require(part.to_string().size() <= 40, "parts keep to the line");
        for (auto const& range : part.ranges()) joined.add(range);
    }
    require(joined == set, "parts add up");
}

void check_list(std::string_view text) {
    auto const uids = parse_uid_list(text, 1000);
    if (!uids) return;
    require(uids->size() <= 1000, "lists keep to their limit");
    auto const set = UidSet::parse(text);
    require(set && *set == UidSet::of(*uids), "a list holds the UIDs of the set");
}

/// Two bytes are one range below 256.
void check_building(std::string_view bytes) {
    UidSet set;
    std::array<bool, 256> model{};
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
        std::uint32_t const a = static_cast<unsigned char>(bytes[i]);
        std::uint32_t const b = static_cast<unsigned char>(bytes[i + 1]);
        set.add(UidRange{Uid{a}, Uid{b}});
        for (auto uid = std::max(1U, std::min(a, b)); uid <= std::max(a, b); ++uid) model.at(uid) = true;
    }
    std::uint64_t count = 0;
    for (std::uint32_t uid = 0; uid < 256; ++uid) {
        count += model.at(uid) ? 1 : 0;
        require(set.contains(Uid{uid}) == model.at(uid), "a set holds what was added");
    }
    require(set.size() == count, "a set counts what was added");
    check_shape(set);
}

}  // namespace
}  // namespace imapcopy::imap

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const input(reinterpret_cast<char const*>(data), size);
    // Corpora are prose; the part that could be a set is what begins with a digit.
    for (auto const text : {input, input.substr(std::min(input.find_first_of("0123456789"), size))}) {
        auto const end = std::min(text.find_first_not_of("0123456789:,"), text.size());
        for (auto const part : {text, text.substr(0, end)}) {
            if (auto const set = imapcopy::imap::UidSet::parse(part, 500)) imapcopy::imap::check_shape(*set);
            imapcopy::imap::check_list(part);
        }
    }
    imapcopy::imap::check_building(input.substr(0, 64));
    return 0;
}
