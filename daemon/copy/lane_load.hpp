#pragma once

// LaneLoad: what a lane has asked the source for and not passed on yet, and how much more is good for all
// lanes. A message that was asked for can be copied by no other lane any more, so a lane asks for little at a
// time: they end together.

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "common/clock_types.hpp"

namespace imapcopy::copy {

class LaneLoad {
 public:
    LaneLoad() = default;
    LaneLoad(LaneLoad const&) = delete;
    LaneLoad& operator=(LaneLoad const&) = delete;

    /// A message under way: from the moment when it is asked for until it is written to the destination, or
    /// nobody waits for it any more.
    class Token {
     public:
        explicit Token(LaneLoad& load) : load_(&load) { load.begin_one(); }
        Token(Token&& from) noexcept : load_(std::exchange(from.load_, nullptr)) {}
        Token& operator=(Token&& from) noexcept {
            std::swap(load_, from.load_);
            return *this;
        }
        ~Token() {
            if (load_ != nullptr) load_->end_one();
        }

     private:
        LaneLoad* load_;
    };

    /// Messages under way.
    std::uint64_t messages() const { return messages_; }
    /// Called whenever there are fewer; not after an empty function was set.
    void on_fewer(std::function<void()> call) { on_fewer_ = std::move(call); }
    /// As if there were fewer: whoever waits for that is to look around.
    void tell_fewer() const {
        if (on_fewer_) on_fewer_();
    }

    /// One more was written to the destination.
    void passed_on(TimePoint now);
    /// The destination waits for the source, although messages are under way: the source takes longer than
    /// its round trip, and needs more of them.
    void starves(TimePoint now);
    /// How many have to be under way for that the destination does not wait, with a source at `round_trip`.
    /// As long as that is not known, and where it cannot be had: a part of `share`, what the lane would get
    /// of all messages left.
    std::uint64_t needed(Duration round_trip, std::uint64_t share) const;
    /// How many more to ask for now, where `needed` may be under way; 0: later, lest a request is about few.
    std::uint64_t room(std::uint64_t needed) const;

 private:
    void begin_one() {
        if (messages_++ > 0) return;
        // What was idle before says nothing of the rate.
        since_.reset();
        passed_on_ = 0;
    }
    void end_one() {
        --messages_;
        tell_fewer();
    }

    std::uint64_t messages_ = 0;
    std::optional<TimePoint> since_;  ///< Of the window in which the rate is being measured.
    std::uint64_t passed_on_ = 0;     ///< In it.
    double per_second_ = 0;           ///< In the last one; 0: there was none.
    double factor_ = 1;               ///< What the source needs beyond its round trip.
    TimePoint factor_since_{};
    std::function<void()> on_fewer_;
};

}  // namespace imapcopy::copy
