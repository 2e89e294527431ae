#include "daemon/net/compress_stream.hpp"

#include <zlib.h>

#include <array>
#include <cassert>
#include <new>
#include <utility>

#include "common/result.hpp"

namespace imapcopy::net {
namespace {

constexpr int raw_window_bits = -15;  ///< RFC 4978 §3: no zlib header.
/// Mail is mostly base64 and text: higher levels cost several times the CPU for a few per cent.
constexpr int level = Z_BEST_SPEED;
constexpr int memory_level = 8;
constexpr std::size_t wire_bytes = 16 * 1024;
/// Bytes that are compressed together; bounds what waits for the line.
constexpr std::size_t piece_bytes = 64 * 1024;

unsigned char* writable(char* bytes) {
    return reinterpret_cast<unsigned char*>(bytes);
}

unsigned char const* readable(char const* bytes) {
    return reinterpret_cast<unsigned char const*>(bytes);
}

class Deflater {
 public:
    Deflater() {
        if (deflateInit2(&state_, level, Z_DEFLATED, raw_window_bits, memory_level, Z_DEFAULT_STRATEGY) !=
            Z_OK)
            throw std::bad_alloc();
    }
    ~Deflater() { deflateEnd(&state_); }
    Deflater(Deflater const&) = delete;
    Deflater& operator=(Deflater const&) = delete;

    /// What goes on the wire for `bytes`, flushed to its last bit.
    std::string_view deflate_all(std::string_view bytes) {
        assert(bytes.size() <= piece_bytes);
        // A flush may need some bytes more than the bound of an ordinary end.
        wire_.resize(deflateBound(&state_, static_cast<uLong>(bytes.size())) + 64);
        state_.next_in = readable(bytes.data());
        state_.avail_in = static_cast<uInt>(bytes.size());
        state_.next_out = writable(wire_.data());
        state_.avail_out = static_cast<uInt>(wire_.size());
        [[maybe_unused]] auto const done = deflate(&state_, Z_SYNC_FLUSH);
        assert(done == Z_OK && state_.avail_in == 0 && state_.avail_out > 0);
        return {wire_.data(), wire_.size() - state_.avail_out};
    }

 private:
    z_stream state_{};
    std::string wire_;
};

class Inflater {
 public:
    Inflater() {
        if (inflateInit2(&state_, raw_window_bits) != Z_OK) throw std::bad_alloc();
    }
    ~Inflater() { inflateEnd(&state_); }
    Inflater(Inflater const&) = delete;
    Inflater& operator=(Inflater const&) = delete;

    /// Where bytes of the wire are put; all earlier ones have been taken.
    std::span<char> room() { return wire_; }
    void received(std::size_t bytes) {
        state_.next_in = readable(wire_.data());
        state_.avail_in = static_cast<uInt>(bytes);
    }
    /// What can be had without more bytes of the wire; 0: nothing. Errors: connection_lost.
    Result<std::size_t> inflate_some(std::span<char> buffer) {
        state_.next_out = writable(buffer.data());
        state_.avail_out = static_cast<uInt>(buffer.size());
        auto const done = inflate(&state_, Z_SYNC_FLUSH);
        auto const count = buffer.size() - state_.avail_out;
        // Z_BUF_ERROR: nothing to do. The end of the DEFLATE data is the end of the connection.
        if (done == Z_OK || done == Z_BUF_ERROR || (done == Z_STREAM_END && count > 0)) return count;
        auto const* const reason = state_.msg != nullptr ? state_.msg : "it ends";
        return Error{ErrorCode::connection_lost, std::string("the compressed stream is damaged: ") + reason};
    }

 private:
    z_stream state_{};
    std::array<char, wire_bytes> wire_{};
};

class CompressStream final : public Stream {
 public:
    explicit CompressStream(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}

    Task<std::size_t> read_some(std::span<char> buffer, TimePoint deadline) override {
        for (;;) {
            auto const count = inflater_.inflate_some(buffer);
            if (!count) throw Failure(within("reading from " + peer(), count.error()));
            if (*count > 0) co_return *count;
            auto const received = co_await stream_->read_some(inflater_.room(), deadline);
            if (received == 0) co_return 0;
            inflater_.received(received);
        }
    }

    Task<> write_all(std::string_view bytes, TimePoint deadline) override {
        while (!bytes.empty()) {
            auto const piece = bytes.substr(0, piece_bytes);
            bytes.remove_prefix(piece.size());
            co_await stream_->write_all(deflater_.deflate_all(piece), deadline);
        }
    }

    Task<> start_tls(TimePoint) override {
        throw Failure(ErrorCode::internal, "TLS was to be started below a compressed stream");
    }
    bool is_secure() const override { return stream_->is_secure(); }
    Task<> close(TimePoint deadline) override { return stream_->close(deadline); }
    void abort() noexcept override { stream_->abort(); }
    Duration refused_by_peer() override { return stream_->refused_by_peer(); }
    std::string peer() const override { return stream_->peer(); }

 private:
    std::unique_ptr<Stream> stream_;
    Deflater deflater_;
    Inflater inflater_;
};

}  // namespace

std::unique_ptr<Stream> compress(std::unique_ptr<Stream> stream) {
    return std::make_unique<CompressStream>(std::move(stream));
}

}  // namespace imapcopy::net
