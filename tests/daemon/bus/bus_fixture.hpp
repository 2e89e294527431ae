#pragma once

// The bus side of the daemon and the client of imapcopyctl, joined by a real dbus-daemon. The service behind
// is fake.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ctl/client.hpp"
#include "tests/daemon/bus/bus_server.hpp"
#include "tests/support/private_bus.hpp"

namespace imapcopy::bus {

class BusFixture : public testing::Test {
 protected:
    test::PrivateBus private_bus{test::PrivateBus::Policy::shipped};
    BusServer server{private_bus.address()};
    ctl::Client client{private_bus.address()};

    JobSpec spec(std::string const& label = "office") {
        JobSpec job;
        job.source.login = job.source.address = "anna@old.example";
        job.source.host = "imap.old.example";
        job.source.port = 993;
        job.destination.login = job.destination.address = "anna@new.example";
        job.folders.exclude = {"Trash", "Lists/*"};
        job.label = label;
        return job;
    }

    JobId submit() { return client.submit(spec(), Secret("a"), Secret("b")); }

    template <class Function>
    Error error_of(Function const& function) {
        try {
            function();
        } catch (Failure const& failure) {
            return failure.error();
        }
        return {ErrorCode::internal, "nothing was thrown"};
    }

    /// Waits until `count` events have come, at most ten seconds.
    std::vector<ctl::Event> events(std::size_t count) {
        std::vector<ctl::Event> all;
        for (int turn = 0; turn < 100 && all.size() < count; ++turn) {
            for (auto& event : client.wait_for_change(std::chrono::milliseconds(100)))
                all.push_back(std::move(event));
        }
        return all;
    }
};

}  // namespace imapcopy::bus
