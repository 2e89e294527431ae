#include "tests/faults/fault_points.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <stdexcept>

#include "common/text.hpp"

namespace imapcopy::test {
namespace {

constexpr std::array<std::string_view, 6> journal_names = {"full",         "dies_before", "dies_after",
                                                           "crash_before", "crash_after", "crash_late"};

/// RFC 5530, RFC 9051 §7.1, and those of the extensions that are spoken here. Empty: without a code.
constexpr std::array<std::string_view, 38> response_codes = {
    "",
    "ALERT",
    "ALREADYEXISTS",
    "APPENDUID 7 7",
    "AUTHENTICATIONFAILED",
    "AUTHORIZATIONFAILED",
    "BADCHARSET (UTF-8)",
    "CANNOT",
    "CAPABILITY IMAP4rev1",
    "CLIENTBUG",
    "CLOSED",
    "CONTACTADMIN",
    "COPYUID 7 1 1",
    "CORRUPTION",
    "EXPIRED",
    "EXPUNGEISSUED",
    "HASCHILDREN",
    "HIGHESTMODSEQ 7",
    "INUSE",
    "LIMIT",
    "NONEXISTENT",
    "NOPERM",
    "NOTSAVED",
    "OVERQUOTA",
    "PARSE",
    "PERMANENTFLAGS ()",
    "PRIVACYREQUIRED",
    "READ-ONLY",
    "READ-WRITE",
    "SERVERBUG",
    "TOOBIG",
    "TRYCREATE",
    "UIDNEXT 7",
    "UIDNOTSTICKY",
    "UIDVALIDITY 7",
    "UNAVAILABLE",
    "UNKNOWN-CTE",
    "USEATTR",
};

/// A stream with a large message in it: the bytes near both ends are all tried, the others now and then. The
/// step is odd and not near a power of two, so that pieces are cut everywhere.
constexpr std::uint64_t long_stream_bytes = 64 * 1024;
constexpr std::uint64_t dense_bytes = 3000;
constexpr std::uint64_t sparse_step = 151;

constexpr auto last_break = Break::stall_hidden;

constexpr std::string_view streams_world = "streams";
constexpr std::string_view lanes_world = "lanes";
constexpr std::string_view flags_world = "flags";

/// A seed means the same world for ever: the dialects that came later have seeds of their own.
constexpr std::size_t dialects_of_old = 4;
constexpr std::uint64_t seeds_per_minimal = 8;
constexpr std::uint64_t seeds_per_hiding = 16;  ///< Where what shows late shows only if an APPEND meets it.

std::string name_of(WorldPlan const& plan) {
    if (plan.streams) return std::string(streams_world);
    if (plan.reflags) return std::string(flags_world);
    return plan.lanes ? std::string(lanes_world) : plan.dialect;
}

template <std::size_t size>
std::optional<std::size_t> place_of(std::array<std::string_view, size> const& names, std::string_view name) {
    auto const* const found = std::ranges::find(names, name);
    if (found == names.end()) return std::nullopt;
    return static_cast<std::size_t>(found - names.begin());
}

/// The value, up to `last`, of an enumeration whose names `to_string` knows.
template <class Enum>
std::optional<Enum> parse_enum(std::string_view name, Enum last) {
    for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(last); ++i) {
        if (to_string(static_cast<Enum>(i)) == name) return static_cast<Enum>(i);
    }
    return std::nullopt;
}

struct NameOf {
    std::string operator()(ByteFault const& fault) const {
        auto const* const way = fault.direction == Direction::to_server ? "to_server/" : "to_client/";
        return way + std::to_string(fault.offset) + "/" + std::string(to_string(fault.kind));
    }
    std::string operator()(ReplyFault const& fault) const {
        auto name = "reply/" + std::to_string(fault.command) + "/" + std::string(to_string(fault.change));
        if (!fault.code.empty()) name += "/" + fault.code;
        return name;
    }
    std::string operator()(JournalFault const& fault) const {
        return std::to_string(fault.write) + "/" +
               std::string(journal_names.at(static_cast<std::size_t>(fault.kind)));
    }
    std::string operator()(StopRequest const& stop) const { return "stop/" + std::to_string(stop.command); }
    std::string operator()(NewEpoch const&) const { return "epoch"; }
    std::string operator()(MadeAnew const&) const { return "anew"; }
};

std::optional<FaultPoint> parse_of_server(Side side, std::vector<std::string_view> const& parts) {
    auto const& what = parts[1];
    if (what == "epoch") return FaultPoint{side, NewEpoch{}};
    if (what == "anew") return FaultPoint{side, MadeAnew{}};
    auto const number = parts.size() > 2 ? parse_number(parts[2]) : std::nullopt;
    if (!number) return std::nullopt;
    if (what == "stop") return FaultPoint{side, StopRequest{static_cast<std::size_t>(*number)}};
    if (parts.size() < 4) return std::nullopt;
    if (what == "reply") {
        auto const change = parse_enum(parts[3], ReplyChange::silence);
        if (!change) return std::nullopt;
        std::string const code(parts.size() > 4 ? parts[4] : std::string_view());
        return FaultPoint{side, ReplyFault{static_cast<std::size_t>(*number), *change, code}};
    }
    auto const kind = parse_enum(parts[3], last_break);
    if (!kind || (what != "to_server" && what != "to_client")) return std::nullopt;
    auto const direction = what == "to_server" ? Direction::to_server : Direction::to_client;
    return FaultPoint{side, ByteFault{direction, *number, *kind}};
}

/// True for a kind that differs from its simple form only in what becomes of an APPEND.
bool is_about_stores(Break kind) {
    return kind == Break::reset_dropped || kind == Break::reset_late || kind == Break::stall_late ||
           kind == Break::crash_late || kind == Break::stall_hidden;
}

/// True for a kind that differs from `reset` only for commands on their way to the server. While its bytes
/// are on their way to the client, every fourth is enough.
bool is_like_reset(Break kind) {
    return kind == Break::reset_dropped || kind == Break::crash || kind == Break::crash_late;
}

void for_each_byte_fault(Side side, Direction direction, std::uint64_t bytes,
                         std::function<void(FaultPoint const&)> const& visit) {
    for (std::uint64_t offset = 0; offset <= bytes; ++offset) {
        bool const inside = bytes > long_stream_bytes && offset > dense_bytes && offset + dense_bytes < bytes;
        if (inside && offset % sparse_step != 0) continue;
        for (std::uint8_t kind = 0; kind <= static_cast<std::uint8_t>(last_break); ++kind) {
            // What a source does with a command that nobody waits for makes no difference.
            if (side == Side::source && is_about_stores(static_cast<Break>(kind))) continue;
            bool const rarer = direction == Direction::to_client && is_like_reset(static_cast<Break>(kind));
            if (rarer && offset % 4 != 0) continue;
            visit({side, ByteFault{direction, offset, static_cast<Break>(kind)}});
        }
    }
}

void for_each_reply_fault(Side side, std::size_t commands,
                          std::function<void(FaultPoint const&)> const& visit) {
    for (std::size_t command = 0; command <= commands; ++command) {
        for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(ReplyChange::silence); ++i) {
            auto const change = static_cast<ReplyChange>(i);
            bool const coded = change < ReplyChange::garbage;
            for (auto const code : response_codes) {
                if (coded || code.empty()) visit({side, ReplyFault{command, change, std::string(code)}});
            }
        }
    }
}

}  // namespace

std::string to_string(FaultPoint const& fault) {
    auto const name = std::visit(NameOf{}, fault.what);
    if (std::holds_alternative<JournalFault>(fault.what)) return "journal/" + name;
    return std::string(imapcopy::to_string(fault.side)) + "/" + name;
}

std::optional<FaultPoint> parse_fault(std::string_view name) {
    auto const parts = split(name, '/');
    if (parts.size() < 2) return std::nullopt;
    if (parts[0] == "journal" && parts.size() == 3) {
        auto const write = parse_number(parts[1]);
        auto const kind = place_of(journal_names, parts[2]);
        if (!write || !kind) return std::nullopt;
        JournalFault const fault{static_cast<std::size_t>(*write), static_cast<JournalFault::Kind>(*kind)};
        return FaultPoint{Side::destination, fault};
    }
    for (auto const side : {Side::source, Side::destination}) {
        if (parts[0] == imapcopy::to_string(side)) return parse_of_server(side, parts);
    }
    return std::nullopt;
}

std::vector<WorldPlan> small_worlds() {
    std::vector<WorldPlan> worlds;
    for (auto const& dialect : imap_dialects()) worlds.push_back({dialect.name});
    worlds.push_back({"all", 0, true});
    worlds.push_back({"all", 0, false, true});
    worlds.push_back({"all", 0, false, false, true});
    return worlds;
}

std::string to_string(FaultCase const& fault_case) {
    if (fault_case.world.seed != 0) return "seed:" + std::to_string(fault_case.world.seed);
    auto name = name_of(fault_case.world) + ":";
    for (auto const& fault : fault_case.faults) name += (name.ends_with(':') ? "" : "+") + to_string(fault);
    return name;
}

std::optional<FaultCase> parse_case(std::string_view name) {
    auto const colon = name.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto const world = name.substr(0, colon);
    auto const rest = name.substr(colon + 1);
    if (world == "seed") {
        auto const seed = parse_number(rest);
        if (!seed || *seed == 0) return std::nullopt;
        return random_case(*seed);
    }
    bool const streams = world == streams_world;
    bool const lanes = world == lanes_world;
    bool const reflags = world == flags_world;
    bool const special = streams || lanes || reflags;
    auto const known = std::ranges::find(imap_dialects(), world, &ImapDialect::name);
    if (known == imap_dialects().end() && !special) return std::nullopt;
    FaultCase fault_case{{special ? "all" : std::string(world), 0, streams, lanes, reflags}, {}};
    if (rest.empty()) return fault_case;
    for (auto const part : split(rest, '+')) {
        auto fault = parse_fault(part);
        if (!fault) return std::nullopt;
        fault_case.faults.push_back(std::move(*fault));
    }
    return fault_case;
}

FaultRoom measure(WorldPlan const& plan) {
    FaultWorld world(plan);
    if (auto const wrong = world.run_to_the_end())
        throw std::runtime_error(plan.dialect + " world " + std::to_string(plan.seed) +
                                 " without a fault: " + *wrong);
    auto const room_of = [&](Side side) {
        auto const& server = world.server(side);
        return FaultRoom::OfServer{server.received_bytes, server.sent_bytes, server.commands};
    };
    return {room_of(Side::source), room_of(Side::destination), world.journal_writes()};
}

void for_each_fault(FaultRoom const& room, std::function<void(FaultPoint const&)> const& visit) {
    for (auto const side : {Side::source, Side::destination}) {
        auto const& server = side == Side::source ? room.source : room.destination;
        for_each_byte_fault(side, Direction::to_server, server.received_bytes, visit);
        for_each_byte_fault(side, Direction::to_client, server.sent_bytes, visit);
        for_each_reply_fault(side, server.commands, visit);
        for (std::size_t i = 1; i <= server.commands; ++i) visit({side, StopRequest{i}});
    }
    for (std::size_t i = 1; i <= room.journal_writes; ++i) {
        for (std::uint8_t kind = 0; kind < journal_names.size(); ++kind)
            visit({Side::destination, JournalFault{i, static_cast<JournalFault::Kind>(kind)}});
    }
    visit({Side::source, NewEpoch{}});
    visit({Side::destination, NewEpoch{}});
    visit({Side::destination, MadeAnew{}});
}

FaultCase random_case(std::uint64_t seed) {
    std::mt19937_64 chance(seed ^ 0x5eed);
    auto const below = [&](std::uint64_t bound) { return chance() % bound; };
    FaultCase result;
    result.world = {imap_dialects().at(below(dialects_of_old)).name, seed};
    if (seed % seeds_per_minimal == seeds_per_minimal - 1) result.world.dialect = "minimal";
    auto const room = measure(result.world);
    for (auto count = 1 + below(8); count > 0; --count) {
        auto const side = below(3) == 0 ? Side::source : Side::destination;
        auto const& server = side == Side::source ? room.source : room.destination;
        switch (below(8)) {
            case 0: {
                auto const change = static_cast<ReplyChange>(below(8));
                auto const code = response_codes.at(below(response_codes.size()));
                result.faults.push_back(
                    {side, ReplyFault{below(server.commands + 1), change, std::string(code)}});
                break;
            }
            case 1:
            case 2: {
                auto const kind = static_cast<JournalFault::Kind>(below(journal_names.size()));
                result.faults.push_back(
                    {Side::destination, JournalFault{1 + below(room.journal_writes), kind}});
                break;
            }
            case 3: result.faults.push_back({side, StopRequest{1 + below(server.commands)}}); break;
            default: {
                auto kind = static_cast<Break>(below(8));
                bool const hides = seed % seeds_per_hiding == 9;
                if (hides && kind == Break::stall_late) kind = Break::stall_hidden;
                auto const direction = below(2) == 0 ? Direction::to_server : Direction::to_client;
                auto const bytes =
                    direction == Direction::to_server ? server.received_bytes : server.sent_bytes;
                result.faults.push_back({side, ByteFault{direction, below(bytes + 1), kind}});
            }
        }
    }
    return result;
}

std::optional<std::string> violation_of(FaultCase const& fault_case, bool traced) {
    // A world that is stuck cannot be taken down: it is left behind.
    auto* const world = new FaultWorld(fault_case.world);
    for (auto const& fault : fault_case.faults) world->add(fault);
    if (traced) world->trace_to_stdout();
    auto wrong = world->run_to_the_end();
    if (!wrong) delete world;
    return wrong;
}

}  // namespace imapcopy::test
