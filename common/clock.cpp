#include "common/clock.hpp"

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstdio>
#include <ctime>

namespace imapcopy {
namespace {

/// Keeps one timer armed at or before the wanted time; when it fires early it only arms again.
class TimerAlarm final : public Alarm {
 public:
    TimerAlarm(boost::asio::any_io_executor const& executor, std::function<void()> on_alarm)
        : state_(std::make_shared<State>(executor, std::move(on_alarm))) {}
    ~TimerAlarm() override {
        state_->on_alarm = nullptr;
        state_->timer.cancel();
    }
    TimerAlarm(TimerAlarm const&) = delete;
    TimerAlarm& operator=(TimerAlarm const&) = delete;

    void set(TimePoint when) override {
        state_->wanted = when;
        if (!state_->armed || when < state_->timer.expiry()) arm(state_);
    }
    void clear() override { state_->wanted.reset(); }

 private:
    struct State {
        State(boost::asio::any_io_executor const& executor, std::function<void()> callback)
            : timer(executor), on_alarm(std::move(callback)) {}
        boost::asio::steady_timer timer;
        std::function<void()> on_alarm;
        std::optional<TimePoint> wanted;
        bool armed = false;
    };

    static void arm(std::shared_ptr<State> const& state) {
        state->timer.expires_at(*state->wanted);
        state->armed = true;
        state->timer.async_wait([state](boost::system::error_code error) { fired(state, error); });
    }

    static void fired(std::shared_ptr<State> const& state, boost::system::error_code error) {
        if (error || !state->on_alarm) return;  // Moved earlier, or destroyed.
        state->armed = false;
        if (!state->wanted) return;
        if (std::chrono::steady_clock::now() < *state->wanted) return arm(state);
        state->wanted.reset();
        auto const callback = state->on_alarm;  // The callback may destroy the alarm.
        callback();
    }

    std::shared_ptr<State> state_;
};

/// Reads exactly `digits` digits at `position` and moves it; nothing if they are not there.
std::optional<int> take_number(std::string_view text, std::size_t& position, std::size_t digits) {
    if (text.size() - position < digits) return std::nullopt;
    int value = 0;
    auto const* const begin = text.data() + position;
    auto const [end, error] = std::from_chars(begin, begin + digits, value);
    if (error != std::errc{} || end != begin + digits || *begin == '-') return std::nullopt;
    position += digits;
    return value;
}

bool take_char(std::string_view text, std::size_t& position, std::string_view any_of) {
    if (position >= text.size() || any_of.find(text[position]) == std::string_view::npos) return false;
    ++position;
    return true;
}

/// "Z", "", "+hh:mm", "-hhmm" → minutes east of UTC.
std::optional<int> parse_zone(std::string_view text, std::size_t position) {
    if (position == text.size()) return 0;
    if (take_char(text, position, "zZ")) return position == text.size() ? std::optional(0) : std::nullopt;
    int const sign = text[position] == '-' ? -1 : 1;
    if (!take_char(text, position, "+-")) return std::nullopt;
    auto const hours = take_number(text, position, 2);
    (void)take_char(text, position, ":");  // Optional.
    auto const minutes = take_number(text, position, 2);
    if (!hours || !minutes || position != text.size()) return std::nullopt;
    return sign * (*hours * 60 + *minutes);
}

}  // namespace

RealClock::RealClock(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

TimePoint RealClock::now() const {
    return std::chrono::steady_clock::now();
}

WallTime RealClock::wall_now() const {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

Duration RealClock::processor_time() const {
    timespec used{};
    (void)::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);  // Linux always has this clock.
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

Task<> RealClock::sleep_until(TimePoint when) {
    boost::asio::steady_timer timer(executor_, when);
    co_await timer.async_wait(boost::asio::use_awaitable);
}

std::unique_ptr<Alarm> RealClock::make_alarm(std::function<void()> on_alarm) {
    return std::make_unique<TimerAlarm>(executor_, std::move(on_alarm));
}

std::string to_rfc3339(WallTime time) {
    if (time == WallTime{}) return {};
    auto const seconds = std::chrono::floor<std::chrono::seconds>(time);
    auto const day = std::chrono::floor<std::chrono::days>(seconds);
    std::chrono::year_month_day const date{day};
    std::chrono::hh_mm_ss const clock{seconds - day};
    std::array<char, 40> buffer{};
    auto const length =
        std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    return {buffer.data(), static_cast<std::size_t>(length)};
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
    std::size_t position = 0;
    auto const year = take_number(text, position, 4);
    if (!year || !take_char(text, position, "-")) return std::nullopt;
    auto const month = take_number(text, position, 2);
    if (!month || !take_char(text, position, "-")) return std::nullopt;
    auto const day = take_number(text, position, 2);
    if (!day || !take_char(text, position, "Tt ")) return std::nullopt;
    auto const hour = take_number(text, position, 2);
    if (!hour || !take_char(text, position, ":")) return std::nullopt;
    auto const minute = take_number(text, position, 2);
    if (!minute) return std::nullopt;
    auto second = std::optional(0);
    if (take_char(text, position, ":")) second = take_number(text, position, 2);
    auto const zone = parse_zone(text, position);
    std::chrono::year_month_day const date{std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok() || *hour > 23 || *minute > 59 || !second || *second > 60 || !zone) return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute - *zone) +
           std::chrono::seconds(*second);
}

}  // namespace imapcopy
