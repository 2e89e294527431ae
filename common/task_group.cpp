#include "common/task_group.hpp"

#include <boost/asio/co_spawn.hpp>
#include <cassert>

#include "common/event.hpp"

namespace imapcopy {

struct TaskGroup::State {
    explicit State(boost::asio::any_io_executor const& loop) : executor(loop) {}
    boost::asio::any_io_executor executor;
    std::size_t running = 0;
    std::exception_ptr first_failure = nullptr;
    Event ended;
};

TaskGroup::TaskGroup(boost::asio::any_io_executor executor) : state_(std::make_shared<State>(executor)) {}

TaskGroup::~TaskGroup() {
    assert(state_->running == 0);
}

void TaskGroup::spawn(Task<> task) {
    ++state_->running;
    auto const on_end = [state = state_](std::exception_ptr failure) {
        if (failure && !state->first_failure) state->first_failure = failure;
        if (--state->running == 0) state->ended.set();
    };
    boost::asio::co_spawn(state_->executor, std::move(task), on_end);
}

Task<> TaskGroup::join() {
    // The tasks use what belongs to the caller, so even a cancelled caller waits for them.
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    while (state_->running > 0) {
        state_->ended.clear();
        co_await state_->ended.wait();
    }
    co_await clear_cancellation();
    if (state_->first_failure) std::rethrow_exception(std::exchange(state_->first_failure, nullptr));
}

bool TaskGroup::failed() const {
    return state_->first_failure != nullptr;
}

}  // namespace imapcopy
