#pragma once

// User-facing text. The language is an argument, never global state. English today; the table has room for more.

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace imapcopy {

/// One per sentence that a person reads; the sentences stand in messages.cpp, numbered blanks {0} {1} … in them.
enum class Message : std::uint8_t {
    state_not_started,
    state_in_progress,
    state_finished,
    state_error,
    job_exists,
};

/// The sentence in `language` ("en"; others fall back to it) with its blanks filled. Arguments are inserted as they
/// are: escape untrusted text with printable() first.
std::string message(Message id, std::string_view language, std::initializer_list<std::string_view> arguments = {});

}  // namespace imapcopy
