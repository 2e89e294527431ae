#pragma once

// What a message is appended without once the destination has refused it as it is: a message without one of
// its keywords, or without its date, is better than none. Pure.

#include <optional>
#include <string>

#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

/// In the order in which they are tried.
enum class Kept : std::uint8_t {
    everything,
    plain_keywords,  ///< Only keywords of letters, digits and "$._-".
    no_keywords,
    plain_date,  ///< The date in UTC; none at all where few servers can store it (before 1970, after 2037).
    plain_date_and_keywords,
    plain_date_no_keywords,
};

/// How a message is appended once it was refused.
struct Reduction {
    Kept kept = Kept::everything;
    std::string refusal;  ///< Why it was refused as it is, with the server's words.
    bool operator==(Reduction const&) const = default;
};

/// What to try after a refusal of `message` at `kept`: the next that changes anything. Nothing: it is refused
/// for good.
std::optional<Kept> next_reduction(Kept kept, MessageMeta const& message);

/// Flags and date as they are sent.
struct Reduced {
    Flags flags;
    std::optional<InternalDate> internal_date;
    bool operator==(Reduced const&) const = default;
};
Reduced reduce(MessageMeta const& message, Kept kept);

/// For people: "without its keywords A B, without its date"; empty if nothing is lost.
std::string lost_text(MessageMeta const& message, Kept kept);

}  // namespace imapcopy::copy
