#pragma once

// Stream: the bytes under an IMAP session. TCP or TLS in the daemon, a script in tests.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/clock_types.hpp"
#include "common/task.hpp"

namespace imapcopy::net {

/// One connection, full duplex: one read and one write may be under way at the same time, not two of a kind.
/// Every operation throws Failure: timed_out past its deadline, connection_lost when the peer or the network
/// ends it, cancelled after abort(). After any failure the stream is only good for abort() and destruction.
class Stream {
 public:
    virtual ~Stream() = default;

    /// At least one byte into `buffer`; 0 only when the peer has closed in an orderly way.
    virtual Task<std::size_t> read_some(std::span<char> buffer, TimePoint deadline) = 0;
    /// All of `bytes`, which must stay valid until it returns. The deadline moves on while bytes leave: it
    /// bounds the time without any progress, given as the distance from the time of the call.
    virtual Task<> write_all(std::string_view bytes, TimePoint deadline) = 0;
    /// Upgrades to TLS as client with the policy that the stream was made with. Nothing may be buffered by
    /// the caller. Also throws tls_untrusted, tls_name_mismatch, tls_handshake.
    virtual Task<> start_tls(TimePoint deadline) = 0;
    /// True once TLS is in force, asked of the TLS object itself.
    virtual bool is_secure() const = 0;
    /// Orderly end: TLS close_notify and FIN, never RST. Does not throw.
    virtual Task<> close(TimePoint deadline) = 0;
    /// Ends pending operations with `cancelled` and closes the descriptor. May be called at any time.
    virtual void abort() noexcept = 0;
    /// How long bytes could not leave because the peer read none; 0 where that is not known.
    virtual Duration refused_by_peer() { return {}; }
    /// "192.0.2.7:993", for logs.
    virtual std::string peer() const = 0;
};

}  // namespace imapcopy::net
