#pragma once

// The daemon's bus side on a thread of its own, so that a test can be its synchronous client.

#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <string>
#include <thread>

#include "daemon/bus/bus.hpp"
#include "tests/daemon/bus/fake_service.hpp"

namespace imapcopy::bus {

class BusServer {
 public:
    explicit BusServer(std::string const& address, std::uint32_t jobs = 0) {
        service.clock = &clock_;
        for (std::uint32_t i = 0; i < jobs; ++i) {
            auto& view = service.views[JobId{i + 1}];
            view.id = JobId{i + 1};
            view.spec.source.login = "anna@old.example";
            view.spec.destination.login = "anna";
        }
        service.last_id = jobs;
        auto const on_lost = [this](Error const& error) { lost_.set_value(error); };
        bus_.emplace(context_, io_.get_executor(), service, address, BusHooks{on_lost});
        bus_->start();
        thread_ = std::thread([this] { io_.run(); });
    }

    /// Runs `function` on the loop and waits for it.
    template <class Function>
    auto on_loop(Function function) {
        return boost::asio::post(io_, boost::asio::use_future(std::move(function))).get();
    }

    ~BusServer() {
        stop();
        on_loop([this] { bus_.reset(); });
        guard_.reset();
        thread_.join();
    }

    void stop() { boost::asio::co_spawn(io_, bus_->stop(), boost::asio::use_future).get(); }

    jobs::JobListener& listener() { return *service.listener(); }
    std::future<Error> lost() { return lost_.get_future(); }

    /// Processor time of the loop's thread so far.
    std::chrono::microseconds cpu_time() {
        return on_loop([] {
            rusage usage{};
            ::getrusage(RUSAGE_THREAD, &usage);
            return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
        });
    }

    FakeService service;

 private:
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{io_.get_executor()};
    RealClock clock_{io_.get_executor()};
    SystemRandom random_;
    NullLog log_;
    StopSignal stop_;
    Context context_{clock_, random_, log_, stop_};
    std::promise<Error> lost_;
    std::optional<Bus> bus_;
    std::thread thread_;
};

}  // namespace imapcopy::bus
