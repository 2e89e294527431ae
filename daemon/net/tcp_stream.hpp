#pragma once

// TcpStream: the Stream that is real: TCP, or TLS over it.

#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>

#include "common/clock.hpp"
#include "common/result.hpp"
#include "daemon/net/stream.hpp"
#include "daemon/net/tls.hpp"

namespace imapcopy::net {

class TcpStream final : public Stream {
 public:
    /// `socket` is connected. `clock` outlives the stream. `peer` says whom start_tls will demand.
    TcpStream(boost::asio::ip::tcp::socket socket, Clock& clock, TlsContext context, TlsPeer peer);
    ~TcpStream() override;
    TcpStream(TcpStream const&) = delete;
    TcpStream& operator=(TcpStream const&) = delete;

    Task<std::size_t> read_some(std::span<char> buffer, TimePoint deadline) override;
    Task<> write_all(std::string_view bytes, TimePoint deadline) override;
    Task<> start_tls(TimePoint deadline) override;
    bool is_secure() const override;
    /// Sends close_notify and FIN, then reads to the peer's FIN, at most until `deadline`: closing a socket
    /// that still has bytes to read would send RST and could destroy what the peer has not read yet.
    Task<> close(TimePoint deadline) override;
    void abort() noexcept override;
    Duration refused_by_peer() override;
    std::string peer() const override { return name_; }

 private:
    /// One direction's patience and its share of the loop.
    struct Way {
        std::unique_ptr<Alarm> alarm;
        unsigned steps_in_a_row = 0;
    };

    Result<IoStep> try_read(std::span<char> buffer);
    Result<IoStep> try_write(std::string_view bytes);
    Task<> wait(Way& way, Wants wants, TimePoint deadline, char const* doing);
    Task<> take_turns(Way& way);
    Task<> close_gently(TimePoint deadline);
    std::unique_ptr<Alarm> make_alarm(char const* doing);
    void end(Error error) noexcept;
    void throw_if_ended() const;

    boost::asio::ip::tcp::socket socket_;
    Clock& clock_;
    TlsContext context_;
    TlsPeer tls_peer_;
    std::string name_;
    std::unique_ptr<TlsChannel> tls_;
    std::optional<Error>
        ended_;  ///< What ended the connection: the first cause, reported by every operation.
    Way reading_;
    Way writing_;
};

}  // namespace imapcopy::net
