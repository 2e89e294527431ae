#pragma once

// Abort: how a pass is ended at once. Its lanes wait for each other, and in the end all of them for a server;
// so it is the connections that are ended.

#include <boost/asio/cancellation_signal.hpp>
#include <list>
#include <memory>

#include "daemon/copy/pass.hpp"

namespace imapcopy::copy {

/// The connections of one pass. Outlives them.
class Abort {
 public:
    /// Ends every connection that is open, or is being opened, or is asked for later: whoever waits for one
    /// gets Failure(cancelled).
    void request() noexcept;
    bool requested() const { return requested_; }

 private:
    friend class AbortableConnections;
    friend class AbortableEndpoint;
    std::list<Endpoint*> open_;
    std::list<boost::asio::cancellation_signal> opening_;
    bool requested_ = false;
};

/// The same connections, which an Abort can end.
class AbortableConnections final : public Connections {
 public:
    /// Both outlive it.
    AbortableConnections(Connections& connections, Abort& abort) : connections_(connections), abort_(abort) {}

    Task<std::unique_ptr<Endpoint>> connect(Side side) override;
    void take_back(std::unique_ptr<Endpoint> destination) override {
        connections_.take_back(std::move(destination));
    }

 private:
    Connections& connections_;
    Abort& abort_;
};

}  // namespace imapcopy::copy
