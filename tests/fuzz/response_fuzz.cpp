// No response, however wrong, breaks the parser, and nothing comes out of it that could break a command.

#include "daemon/imap/codec/response.hpp"

#include <algorithm>

#include "common/text.hpp"
#include "tests/fuzz/require.hpp"

namespace imapcopy::imap::response {
namespace {

using fuzz::require;

void check_flags(Flags const& flags) {
    auto const text = flags.to_string();
    require(text.find_first_of("\r\n(){\"") == std::string::npos, "flags are atoms");
    require(Flags::parse(text) == flags, "flags survive being written and read");
}

void check_code(Code const& code) {
    if (auto const uids = parse_append_uid(code, 3)) {
        require(uids->uids.size() == 3 && uids->uid_validity.value() != 0, "APPENDUID names what was sent");
        require(UidSet::of(uids->uids).size() == 3, "UIDs of APPENDUID differ");
    }
    if (auto const permanent = parse_permanent_flags(code)) check_flags(permanent->flags);
    (void)parse_capability_names(code.arguments);
}

void check(Response const& response) {
    if (auto const* status = std::get_if<Status>(&response)) check_code(status->code);
    if (auto const* flags = std::get_if<MailboxFlags>(&response)) check_flags(flags->flags);
    if (auto const* list = std::get_if<List>(&response)) {
        require(is_utf8(list->mailbox.utf8), "names for people are UTF-8");
        require(list->mailbox.wire.size() <= 4096, "names stay within their limit");
    }
    if (auto const* status = std::get_if<MailboxStatus>(&response)) {
        require(status->uid_next != Uid{0} && status->uid_validity != UidValidity{0}, "0 is told as nothing");
    }
    if (auto const* fetch = std::get_if<Fetch>(&response)) {
        require(fetch->uid != Uid{0}, "no UID is 0");
        require(!fetch->body || fetch->has_body, "a body that is here was there");
        if (fetch->flags) check_flags(*fetch->flags);
        if (fetch->internal_date) {
            auto const again = InternalDate::parse(fetch->internal_date->to_string());
            require(again && *again == *fetch->internal_date, "dates survive being written and read");
        }
    }
}

void parse_and_check(ResponseText const& text) {
    auto const response = parse(text);
    if (response) check(*response);
    require(response || response.error().code == ErrorCode::server_bug, "errors are the server's");
}

void fragment_and_check(std::string_view input) {
    Fragmenter fragmenter;
    fragmenter.feed(input);
    for (;;) {
        auto const event = fragmenter.next();
        if (!event || std::holds_alternative<NeedInput>(*event)) return;
        if (auto const* text = std::get_if<ResponseText>(&*event)) parse_and_check(*text);
        if (auto const* start = std::get_if<BodyStart>(&*event)) (void)uid_before_body(start->text);
    }
}

}  // namespace
}  // namespace imapcopy::imap::response

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const input(reinterpret_cast<char const*>(data), size);
    imapcopy::imap::response::fragment_and_check(input);
    // Also past the fragmenter: text that it would never hand on, with too few literals.
    imapcopy::imap::response::parse_and_check({std::string(input), {"one"}});
    (void)imapcopy::imap::response::uid_before_body(input);
    return 0;
}
