#include "daemon/copy/bounds.hpp"

#include <algorithm>
#include <cassert>
#include <functional>
#include <utility>

namespace imapcopy::copy {
namespace {

template <class Operation>
Spending combine(Spending const& a, Spending const& b, Operation operation) {
    return {operation(a.our_work, b.our_work),
            operation(a.waiting_for_source, b.waiting_for_source),
            operation(a.busy_with_destination, b.busy_with_destination),
            operation(a.source_line, b.source_line),
            operation(a.destination_line, b.destination_line),
            operation(a.processor, b.processor)};
}

}  // namespace

Duration& Spending::of(Doing doing) {
    switch (doing) {
        case Doing::our_work: return our_work;
        case Doing::waiting_for_source: return waiting_for_source;
        case Doing::busy_with_destination: return busy_with_destination;
    }
    assert(false);
    return our_work;
}

Spending operator+(Spending const& a, Spending const& b) {
    return combine(a, b, std::plus<>());
}

Spending operator-(Spending const& a, Spending const& b) {
    return combine(a, b, std::minus<>());
}

Bound judge(Spending const& spent, Duration elapsed, LaneSupply supply) {
    auto const in_lanes = spent.our_work + spent.waiting_for_source + spent.busy_with_destination;
    if (2 * in_lanes < elapsed) return Bound::unknown;
    // With hardly any of the processor left, every wait is one for our own turn.
    bool const exhausted = 10 * spent.processor >= 9 * elapsed;
    auto const waited = std::max(spent.waiting_for_source, spent.busy_with_destination);
    if (exhausted || spent.our_work >= waited) return Bound::us;
    bool const of_source = spent.waiting_for_source > spent.busy_with_destination;
    auto const line = of_source ? spent.source_line : spent.destination_line;
    if (2 * line >= waited) return Bound::line;
    if (supply == LaneSupply::too_few) return Bound::limit;
    return of_source ? Bound::source : Bound::destination;
}

std::optional<Bounds::Verdict> Bounds::look(TimePoint now, Spending const& spent, LaneSupply supply) {
    auto const since = std::exchange(since_, now);
    auto const before = std::exchange(before_, spent);
    if (!since) return std::nullopt;
    auto const span = now - *since;
    return Verdict{judge(spent - before, span, supply), span};
}

}  // namespace imapcopy::copy
