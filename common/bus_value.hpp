#pragma once

// The words of org.imapcopyd1 that both programs speak: names, paths, and our values as D-Bus values and
// back. Header-only, so that whoever does not speak D-Bus does not link it.

#include <sdbus-c++/Error.h>
#include <sdbus-c++/Message.h>
#include <sdbus-c++/TypeTraits.h>
#include <sdbus-c++/Types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "common/dict.hpp"
#include "common/error.hpp"
#include "common/job.hpp"
#include "common/text.hpp"

namespace imapcopy {

inline constexpr char const* bus_name = "org.imapcopyd1";
inline constexpr char const* manager_path = "/org/imapcopyd1";
inline constexpr char const* manager_interface = "org.imapcopyd1.Manager";
inline constexpr char const* job_interface = "org.imapcopyd1.Job";
inline constexpr std::string_view job_path_prefix = "/org/imapcopyd1/job/";

/// Jobs that one answer shows at most. dbus-daemon ends the connection of whoever sends a message above its
/// max_message_size, 32 MiB on the system bus: 33 kB for each of 1,000 jobs. A usual job takes 1.4 kB, names
/// of properties included. The longest takes 28 kB: 14 strings of its Submit with 1 KiB each, and three with
/// the words of servers, which the daemon cuts at 1 KiB and may have to escape.
inline constexpr std::uint32_t jobs_shown_max = 1000;

/// a{sv} as the bus library knows it.
using BusDict = std::map<std::string, sdbus::Variant>;

inline std::string job_path(JobId id) {
    return std::string(job_path_prefix) + to_string(id);
}

/// The job of an object path; nothing for any other path.
inline std::optional<JobId> parse_job_path(std::string_view path) {
    if (!path.starts_with(job_path_prefix)) return std::nullopt;
    auto const number = parse_number(path.substr(job_path_prefix.size()));
    if (!number || *number == 0 || *number > UINT32_MAX) return std::nullopt;
    return JobId{static_cast<std::uint32_t>(*number)};
}

/// `text` as the bus accepts it: a message with bytes that are not UTF-8 costs the sender its connection.
/// Nothing is cut: each byte becomes four at most.
inline std::string bus_text(std::string_view text) {
    if (is_utf8(text) && text.find('\0') == std::string_view::npos) return std::string(text);
    return printable(text, 4 * text.size());
}

inline sdbus::Variant to_bus(Value const& value) {
    auto const wrap = [](auto const& held) -> sdbus::Variant {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::string>) return sdbus::Variant{bus_text(held)};
        if constexpr (std::is_same_v<Held, std::vector<std::string>>) {
            std::vector<std::string> texts;
            for (auto const& text : held) texts.push_back(bus_text(text));
            return sdbus::Variant{texts};
        }
        return sdbus::Variant{held};
    };
    return std::visit(wrap, value);
}

inline BusDict to_bus(Dict const& dict) {
    BusDict out;
    for (auto const& [key, value] : dict) out.emplace(key, to_bus(value));
    return out;
}

/// Nothing for a type that Value does not have. Small and signed integers are taken where they are not
/// negative: scripting languages send those.
inline std::optional<Value> from_bus(sdbus::Variant const& variant) {
    auto const type = variant.peekValueType();
    if (type == "s") return variant.get<std::string>();
    if (type == "b") return variant.get<bool>();
    if (type == "u") return variant.get<std::uint32_t>();
    if (type == "t") return variant.get<std::uint64_t>();
    if (type == "as") return variant.get<std::vector<std::string>>();
    if (type == "q") return static_cast<std::uint32_t>(variant.get<std::uint16_t>());
    if (type == "i" && variant.get<std::int32_t>() >= 0) {
        return static_cast<std::uint32_t>(variant.get<std::int32_t>());
    }
    if (type == "x" && variant.get<std::int64_t>() >= 0) {
        return static_cast<std::uint64_t>(variant.get<std::int64_t>());
    }
    return std::nullopt;
}

/// Errors: invalid_argument naming the key, with `what` in front.
inline Result<Dict> from_bus(BusDict const& dict, std::string_view what) {
    Dict out;
    for (auto const& [key, variant] : dict) {
        auto value = from_bus(variant);
        if (!value) {
            return Error{ErrorCode::invalid_argument, std::string(what) + ": \"" + printable(key, 64) +
                                                          "\" has a type that is not understood here"};
        }
        out.emplace(key, std::move(*value));
    }
    return out;
}

/// The sentence that stands on the bus for `error`; "source: " or "destination: " in front carries the side.
inline std::string bus_error_text(Error const& error) {
    auto text = to_string(error);
    if (error.side) {
        auto const prefix = std::string(to_string(*error.side)) + ": ";
        if (!text.starts_with(prefix)) text = prefix + text;
    }
    return bus_text(text);
}

/// The reverse of bus_error_text and of the short name in ErrorInfo; an unknown name is an internal error.
inline Error error_from_bus(std::string_view short_name, std::string_view text) {
    Error error{error_code_from_name(short_name).value_or(ErrorCode::internal), {}};
    for (auto const side : {Side::source, Side::destination}) {
        auto const prefix = std::string(to_string(side)) + ": ";
        if (!text.starts_with(prefix)) continue;
        error.side = side;
        text.remove_prefix(prefix.size());
        break;
    }
    error.message = text;
    return error;
}

}  // namespace imapcopy
