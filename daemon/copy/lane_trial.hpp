#pragma once

// LaneTrial: whether one lane more, or one fewer, is worth it, found out by trying. Pure; told the times.

#include <cstdint>
#include <optional>

#include "common/clock_types.hpp"

namespace imapcopy::copy {

enum class LaneAdvice : std::uint8_t { stay, open, close };

class LaneTrial {
 public:
    /// How long a number of lanes is watched before it is judged.
    static constexpr std::chrono::seconds period{4};
    /// After a change nothing is measured for so long: connections open, buffers fill.
    static constexpr std::chrono::seconds settling{1};
    /// What was tried in vain is tried again after this time, and after twice as long each time.
    static constexpr std::chrono::seconds pause{30};
    /// One lane more has to raise the rate by 10 %; without one it may fall by 5 %.
    static constexpr double gain_min = 1.10;
    static constexpr double loss_max = 0.95;

    /// To be called often. `lanes`: at work now; `work`: units done since the beginning, never fewer than
    /// before. What is advised may take its time, or never happen.
    LaneAdvice look(TimePoint now, std::uint32_t lanes, std::uint64_t work);
    /// A lane that was advised cannot be had now.
    void refused(TimePoint now);

 private:
    /// One way to change the number of lanes.
    struct Way {
        TimePoint not_before = TimePoint::min();
        Duration next_pause = pause;
        void failed(TimePoint now);
    };
    struct Trial {
        bool more = false;
        TimePoint since;
        std::uint32_t lanes_before = 0;
        double rate_before = 0;
    };

    void measure_anew(TimePoint now, std::uint32_t lanes, std::uint64_t work);
    /// Units a second of the period that ends now; nothing while it lasts.
    std::optional<double> rate(TimePoint now, std::uint64_t work);
    LaneAdvice judge(TimePoint now, std::uint32_t lanes, double rate);
    LaneAdvice begin(TimePoint now, std::uint32_t lanes, double rate);

    bool begun_ = false;
    std::uint32_t lanes_ = 0;
    TimePoint since_;
    std::uint64_t work_since_ = 0;
    std::optional<Trial> trial_;
    Way more_;
    Way fewer_;
};

}  // namespace imapcopy::copy
