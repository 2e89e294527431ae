// Modified UTF-7 goes there and back, and no name of a server is lost or made dangerous.

#include "daemon/imap/codec/mailbox_name.hpp"

#include "common/text.hpp"
#include "tests/fuzz/require.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using imapcopy::fuzz::require;
    using namespace imapcopy::imap;
    std::string_view const input(reinterpret_cast<char const*>(data), size);

    auto const encoded = encode_modified_utf7(input);
    auto const back = decode_modified_utf7(encoded);
    require(back.has_value(), "what is encoded can be decoded");
    require(!imapcopy::is_utf8(input) || *back == input, "UTF-8 comes back as it was");
    auto const decoded = decode_modified_utf7(input);
    require(!decoded || encode_modified_utf7(*decoded) == input, "only the canonical form is decoded");

    auto const name = MailboxName::from_wire(input);
    require(name.wire == input || name.is_inbox(), "the server's bytes are kept");
    require(imapcopy::is_utf8(name.utf8), "names for people are UTF-8");
    require(name.utf8.find_first_of("\r\n\t\x1b\x7f") == std::string::npos,
            "names for people have no controls");
    auto const ours = MailboxName::from_utf8(input);
    if (ours)
        require(MailboxName::from_wire(ours->wire).utf8 == ours->utf8, "our names read back as they were");

    char const separator = size == 0 ? '/' : static_cast<char>(data[0]);
    require(join_levels(split_levels(input, separator), separator) == input, "levels join to what was split");
    return 0;
}
