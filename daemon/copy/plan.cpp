#include "daemon/copy/plan.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

namespace imapcopy::copy {
namespace {

constexpr std::uint32_t uid_max = std::numeric_limits<std::uint32_t>::max();

/// Source messages with the same identity, in order, and what is known of them.
struct Group {
    std::vector<MessageMeta> messages;
};

auto group_key(MessageMeta const& message) {
    auto const& identity = *message.identity;
    // Without headers of use only the date tells anything.
    auto const date = identity.coarse == 0 ? message.internal_date.unix_seconds : 0;
    return std::tuple(identity.coarse, identity.coarse == 0 ? Digest{} : identity.fingerprint, date);
}

template <class Message>
std::vector<std::uint64_t> sorted_sizes(std::vector<Message> const& messages) {
    std::vector<std::uint64_t> sizes;
    for (auto const& message : messages) sizes.push_back(message.size_bytes);
    std::ranges::sort(sizes);
    return sizes;
}

bool has_equal_neighbours(std::vector<std::uint64_t> const& sorted) {
    return std::ranges::adjacent_find(sorted) != sorted.end();
}

/// Decides one group. Headers nominate; equal sizes, each only once on both sides, confirm; all else is
/// compared.
void plan_group(Group group, Nominees& nominees, WindowPlan& plan) {
    auto const& first = group.messages.front();
    auto const candidates = nominees.candidates(*first.identity, first.internal_date);
    if (candidates.empty()) {
        plan.copy.insert(plan.copy.end(), group.messages.begin(), group.messages.end());
        return;
    }
    auto const sizes = sorted_sizes(group.messages);
    auto const candidate_sizes = sorted_sizes(candidates);
    bool const one_to_one =
        first.identity->coarse != 0 && sizes == candidate_sizes && !has_equal_neighbours(sizes);
    if (!one_to_one) {
        Comparison comparison;
        for (auto const& message : group.messages) comparison.source.push_back(message.uid);
        for (auto const& candidate : candidates) comparison.destination.push_back(candidate.uid);
        plan.compare.push_back(std::move(comparison));
        return;
    }
    for (auto const& message : group.messages) {
        auto const match = std::ranges::find(candidates, message.size_bytes, &Nominee::size_bytes);
        plan.adopt.push_back({message.uid, match->uid});
        nominees.take(match->uid);
    }
}

std::string too_large_text(std::uint64_t size, std::uint64_t limit, bool by_server) {
    return std::to_string(size) + " bytes, and the " + (by_server ? "destination" : "configuration") +
           " allows " + std::to_string(limit);
}

/// True if the message must not even be tried; says so in the plan.
bool refuse_too_large(MessageMeta const& message, WindowLimits const& limits, std::string const& folder,
                      WindowPlan& plan) {
    auto const exceeds = [&](std::uint64_t limit) { return limit > 0 && message.size_bytes > limit; };
    bool const by_server = exceeds(limits.append_bytes_max);
    if (!by_server && !exceeds(limits.message_bytes_max)) return false;
    auto const limit = by_server ? limits.append_bytes_max : limits.message_bytes_max;
    plan.exceptions.push_back({folder, message.uid, "MessageTooLarge", message.size_bytes,
                               too_large_text(message.size_bytes, limit, by_server)});
    return true;
}

/// True if nothing is left to do for the message of `entry`.
bool is_settled(LedgerEntry const& entry, UidValidity destination) {
    switch (entry.state) {
        case MessageState::intent:
        case MessageState::ambiguous: return false;
        case MessageState::done:
        case MessageState::adopted: return entry.destination_uid_validity == destination;
        case MessageState::refused: return true;
        case MessageState::gone: return false;  // It is listed again.
    }
    return false;
}

/// True if the message is gone once the source does not list it any more: it was announced and its end is
/// open, or it was refused.
bool waits_for_source(LedgerEntry const& entry) {
    return entry.state == MessageState::intent || entry.state == MessageState::ambiguous ||
           entry.state == MessageState::refused;
}

}  // namespace

void Nominees::add(Nominee nominee) {
    slots_.push_back({std::move(nominee), false});
    sorted_ = false;
    ++live_;
}

void Nominees::sort() const {
    if (sorted_) return;
    std::ranges::sort(slots_, [](Slot const& a, Slot const& b) {
        auto const key = [](Slot const& slot) {
            return std::tie(slot.nominee.identity.coarse, slot.nominee.identity.fingerprint,
                            slot.nominee.uid);
        };
        return key(a) < key(b);
    });
    places_.clear();
    for (std::size_t i = 0; i < slots_.size(); ++i) places_.emplace(slots_[i].nominee.uid, i);
    sorted_ = true;
}

std::vector<Nominee> Nominees::candidates(Identity const& identity, InternalDate const& date) const {
    sort();
    auto const coarse = [](Slot const& slot) { return slot.nominee.identity.coarse; };
    std::vector<Nominee> found;
    for (auto const& slot : std::ranges::equal_range(slots_, identity.coarse, {}, coarse)) {
        bool const same = identity.coarse == 0 ? slot.nominee.internal_date.same_instant(date)
                                               : slot.nominee.identity.fingerprint == identity.fingerprint;
        if (!slot.taken && same) found.push_back(slot.nominee);
    }
    std::ranges::sort(found, {}, &Nominee::uid);
    return found;
}

void Nominees::take(Uid uid) {
    sort();
    auto const place = places_.find(uid);
    if (place == places_.end() || slots_[place->second].taken) return;
    slots_[place->second].taken = true;
    --live_;
}

WindowPlan plan_window(std::vector<MessageMeta> source, LedgerView const& ledger, Nominees& nominees,
                       WindowLimits const& limits, std::string const& folder) {
    WindowPlan plan;
    std::ranges::sort(source, {}, &MessageMeta::uid);
    std::map<decltype(group_key(source.front())), Group> groups;
    auto entry = ledger.begin();
    for (auto const& message : source) {
        for (; entry != ledger.end() && entry->source_uid < message.uid; ++entry) {
            if (waits_for_source(*entry)) plan.gone.push_back(entry->source_uid);
        }
        bool const has_entry = entry != ledger.end() && entry->source_uid == message.uid;
        bool const known = has_entry && is_settled(*entry, limits.destination_uid_validity);
        if (has_entry) ++entry;
        if (known) {
            ++plan.known;
        } else if (refuse_too_large(message, limits, folder, plan)) {
            continue;
        } else if (nominees.empty() || !message.identity) {
            plan.copy.push_back(message);
        } else {
            groups[group_key(message)].messages.push_back(message);
        }
    }
    for (; entry != ledger.end(); ++entry) {
        if (waits_for_source(*entry)) plan.gone.push_back(entry->source_uid);
    }
    for (auto& [key, group] : groups) plan_group(std::move(group), nominees, plan);
    std::ranges::sort(plan.copy, {}, &MessageMeta::uid);
    return plan;
}

ComparisonResult compare_bodies(std::vector<HashedMessage> const& source,
                                std::vector<HashedMessage> const& destination, Nominees& nominees) {
    ComparisonResult result;
    std::multimap<Digest, Uid> by_digest;
    for (auto const& message : destination) by_digest.emplace(message.digest, message.uid);
    for (auto const& message : source) {
        auto const match = by_digest.find(message.digest);
        if (match == by_digest.end()) {
            result.copy.push_back(message.uid);
            continue;
        }
        result.adopt.push_back({message.uid, match->second});
        nominees.take(match->second);
        by_digest.erase(match);
    }
    return result;
}

bool fits(BatchLimits const& limits, std::size_t messages, std::uint64_t batch_bytes,
          std::uint64_t size_bytes) {
    return messages < limits.messages_max && batch_bytes + size_bytes <= limits.bytes_max;
}

bool may_begin(AppendLimits const& limits, std::size_t appends, std::uint64_t bytes) {
    return appends < (bytes < limits.small_bytes_max ? limits.small_max : limits.large_max);
}

std::array<std::vector<MessageMeta>, 2> halve(std::vector<MessageMeta> messages) {
    auto const middle = messages.begin() + static_cast<std::ptrdiff_t>(messages.size() / 2);
    std::array<std::vector<MessageMeta>, 2> halves;
    halves[0].assign(std::move_iterator(messages.begin()), std::move_iterator(middle));
    halves[1].assign(std::move_iterator(middle), std::move_iterator(messages.end()));
    return halves;
}

std::vector<UidRange> make_windows(Uid first, MailboxStatus const& status,
                                   std::uint32_t messages_per_window) {
    auto const last = status.uid_next.value() == 0 ? uid_max : status.uid_next.value() - 1;
    if (status.messages == 0 || last < first.value()) return {};
    if (status.messages <= messages_per_window) return {{first, Uid(last)}};
    auto const span = static_cast<std::uint64_t>(last) - first.value() + 1;
    auto const count = status.messages / messages_per_window + 1;
    auto const width = std::max<std::uint64_t>(span / count, 1);
    std::vector<UidRange> windows;
    for (std::uint64_t from = first.value(); from <= last; from += width) {
        bool const is_last = windows.size() + 1 >= count;
        auto const to = is_last ? last : std::min<std::uint64_t>(from + width - 1, last);
        windows.push_back({Uid(static_cast<std::uint32_t>(from)), Uid(static_cast<std::uint32_t>(to))});
        if (to == last) break;
    }
    return windows;
}

}  // namespace imapcopy::copy
