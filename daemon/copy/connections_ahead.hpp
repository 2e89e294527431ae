#pragma once

// ConnectionsAhead: connections that are opened before anybody asks for them, so that further lanes find them
// ready when there is work for them.

#include <boost/asio/any_io_executor.hpp>
#include <array>
#include <deque>
#include <memory>

#include "common/task_group.hpp"
#include "daemon/copy/pass.hpp"

namespace imapcopy::copy {

/// The same connections, some of them opened ahead. End it with close().
class ConnectionsAhead final : public Connections {
 public:
    /// `connections` outlives it.
    ConnectionsAhead(Connections& connections, boost::asio::any_io_executor executor);
    ~ConnectionsAhead() override;
    ConnectionsAhead(ConnectionsAhead const&) = delete;
    ConnectionsAhead& operator=(ConnectionsAhead const&) = delete;

    /// Begins to open so many to each side.
    void open(std::uint32_t pairs);
    /// Of those that nobody has asked for so many to each side stay, open ones first; the others are left, or
    /// not opened any further.
    void keep(std::uint32_t pairs);
    /// Keeps none, and waits until nothing is being opened.
    Task<> close();

    /// One of those opened ahead: one that is open, else the first that is being opened, once it is, or why
    /// it could not be. A new one where none is left.
    Task<std::unique_ptr<Endpoint>> connect(Side side) override;
    void take_back(std::unique_ptr<Endpoint> destination) override {
        connections_.take_back(std::move(destination));
    }

 private:
    struct Opening;
    Task<> run(std::shared_ptr<Opening> opening, Side side);
    std::deque<std::shared_ptr<Opening>>& openings(Side side);

    Connections& connections_;
    TaskGroup group_;
    std::array<std::deque<std::shared_ptr<Opening>>, 2> openings_;  ///< By side.
};

}  // namespace imapcopy::copy
