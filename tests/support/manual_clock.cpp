#include "tests/support/manual_clock.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>

namespace imapcopy::test {

class ManualClock::ManualAlarm final : public Alarm {
 public:
    ManualAlarm(ManualClock& clock, std::function<void()> on_alarm)
        : clock_(clock), state_(std::make_shared<State>(std::move(on_alarm))) {
        clock_.alarms_.push_back(this);
    }
    ~ManualAlarm() override { clock_.alarms_.remove(this); }
    ManualAlarm(ManualAlarm const&) = delete;
    ManualAlarm& operator=(ManualAlarm const&) = delete;

    void set(TimePoint when) override {
        state_->when = when;
        state_->due = false;
    }
    void clear() override {
        state_->when.reset();
        state_->due = false;
    }
    std::optional<TimePoint> when() const { return state_->when; }
    /// Calls back by the loop, unless the alarm is moved, cleared or destroyed before its turn comes.
    void fire() {
        state_->when.reset();
        state_->due = true;
        auto call = [weak = std::weak_ptr(state_)] {
            auto const state = weak.lock();
            if (!state || !state->due) return;
            state->due = false;
            state->on_alarm();
        };
        boost::asio::post(clock_.io_, std::move(call));
    }

 private:
    struct State {
        explicit State(std::function<void()> callback) : on_alarm(std::move(callback)) {}
        std::function<void()> on_alarm;
        std::optional<TimePoint> when;
        bool due = false;
    };
    ManualClock& clock_;
    std::shared_ptr<State> state_;
};

Task<> ManualClock::sleep_until(TimePoint when) {
    if (when <= now_) {
        co_await boost::asio::post(io_, boost::asio::use_awaitable);
        co_return;
    }
    boost::asio::steady_timer timer(io_, TimePoint::max());
    auto const place = sleepers_.insert(sleepers_.end(), {when, &timer});
    boost::system::error_code error;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, error));
    sleepers_.erase(place);
    if (now_ < when) throw boost::system::system_error(error);
}

std::unique_ptr<Alarm> ManualClock::make_alarm(std::function<void()> on_alarm) {
    return std::make_unique<ManualAlarm>(*this, std::move(on_alarm));
}

void ManualClock::advance(Duration duration) {
    now_ += duration;
    for (auto& sleeper : sleepers_) {
        if (sleeper.when <= now_) sleeper.timer->cancel();
    }
    for (auto* alarm : alarms_) {
        if (alarm->when() && *alarm->when() <= now_) alarm->fire();
    }
}

bool ManualClock::advance_to_next() {
    std::optional<TimePoint> next;
    for (auto const& sleeper : sleepers_) next = std::min(next.value_or(sleeper.when), sleeper.when);
    for (auto const* alarm : alarms_) {
        if (alarm->when()) next = std::min(next.value_or(*alarm->when()), *alarm->when());
    }
    if (!next) return false;
    advance(*next - now_);
    return true;
}

bool ManualClock::run(Duration limit) {
    auto const end = now_ + limit;
    for (;;) {
        poll();
        if (io_.stopped()) return true;
        if (now_ > end || !advance_to_next()) return false;
    }
}

void ManualClock::poll() {
    io_.restart();
    while (io_.poll() > 0) {
    }
}

}  // namespace imapcopy::test
