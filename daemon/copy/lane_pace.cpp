#include "daemon/copy/lane_pace.hpp"

#include <algorithm>
#include <utility>

namespace imapcopy::copy {
namespace {

/// Something that a further lane could have begun with.
bool has_waiting_folder(PassState const& state) {
    return std::ranges::any_of(state.folders, [](auto const& folder) {
        bool const over = folder->unchanged || folder->counted || folder->given_up;
        bool const shares = folder->shared && !folder->windows.empty();
        return !over && (!folder->begun || shares) && folder->source.messages > 0;
    });
}

void note_round_trip(std::chrono::microseconds& shortest, Duration measured) {
    auto const rounded = std::chrono::ceil<std::chrono::microseconds>(measured);
    if (rounded.count() == 0) return;
    shortest = shortest.count() == 0 ? rounded : std::min(shortest, rounded);
}

}  // namespace

LanePace::LanePace(LaneParts& parts)
    : parts_(parts),
      since_(parts.context.clock.now()),
      source_line_before_(parts.source.line_wait()),
      destination_line_before_(parts.destination.line_wait()) {
    parts_.state.paces.push_back(this);
    look();
}

void LanePace::end() {
    auto& state = parts_.state;
    std::erase(state.paces, this);
    state.spent_by_ended_lanes = state.spent_by_ended_lanes + spent(parts_.context.clock.now());
    note_round_trips(parts_);
    if (!state.paces.empty()) return;
    state.progress.bound = Bound::unknown;
    state.report();
}

Doing LanePace::turn_to(Doing doing) {
    auto const now = parts_.context.clock.now();
    spent_.of(doing_) += now - std::exchange(since_, now);
    auto const before = std::exchange(doing_, doing);
    look();
    return before;
}

Spending LanePace::spent(TimePoint now) const {
    auto spent = spent_;
    spent.of(doing_) += now - since_;
    spent.source_line = parts_.source.line_wait() - source_line_before_;
    spent.destination_line = parts_.destination.line_wait() - destination_line_before_;
    return spent;
}

void LanePace::look() {
    auto& state = parts_.state;
    auto& clock = parts_.context.clock;
    auto const now = clock.now();
    if (!state.bounds.is_due(now)) return;
    auto spent = state.spent_by_ended_lanes;
    for (auto const* const pace : state.paces) spent = spent + pace->spent(now);
    spent.processor = clock.processor_time();
    auto const supply = has_waiting_folder(state) ? state.lane_supply : LaneSupply::enough;
    auto const verdict = state.bounds.look(now, spent, supply);
    if (!verdict) return;
    note_round_trips(parts_);
    state.report(*verdict);
}

void note_round_trips(LaneParts& parts) {
    auto& progress = parts.state.progress;
    note_round_trip(progress.source_round_trip, parts.source.round_trip());
    note_round_trip(progress.destination_round_trip, parts.destination.round_trip());
}

}  // namespace imapcopy::copy
