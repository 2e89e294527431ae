#include "common/messages.hpp"

#include "common/text.hpp"

namespace imapcopy {
namespace {

/// A switch, so that the compiler finds an enumerator without a sentence.
std::string_view english(Message id) {
    switch (id) {
        case Message::state_not_started: return "The synchronisation has not started yet. Please be patient.";
        case Message::state_in_progress: return "The synchronisation of your accounts is in progress.";
        case Message::state_finished: return "The synchronisation of your accounts is finished.";
        case Message::state_error: return "An error occurred during the synchronisation.";
        case Message::job_exists: return "A synchronisation of this account has been asked for already.";
    }
    return {};
}

/// The table of a language; languages without one of their own read English.
std::string_view sentence(Message id, std::string_view /*language*/) {
    return english(id);
}

}  // namespace

std::string message(Message id, std::string_view language,
                    std::initializer_list<std::string_view> arguments) {
    auto const pattern = sentence(id, language);
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        auto const end = pattern[i] == '{' ? pattern.find('}', i) : std::string_view::npos;
        auto const blank =
            end == std::string_view::npos ? std::nullopt : parse_number(pattern.substr(i + 1, end - i - 1));
        if (!blank) {
            out += pattern[i];
            continue;
        }
        if (*blank < arguments.size()) out += *(arguments.begin() + *blank);
        i = end;
    }
    return out;
}

}  // namespace imapcopy
