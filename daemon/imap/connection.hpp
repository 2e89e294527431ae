#pragma once

// Connection: one Stream and its Protocol, kept moving by two coroutines that live as long as it does. Inside
// of Session; nobody else uses it.
//
//   start() → queue → write_loop ─▶ stream ─▶ read_loop → Protocol → handlers, replies
//                        ▲  "+", early replies  │
//                        └──────────────────────┘

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/event.hpp"
#include "common/stopwatch.hpp"
#include "daemon/imap/classify.hpp"
#include "daemon/imap/progress_watch.hpp"
#include "daemon/imap/protocol.hpp"
#include "daemon/imap/round_trip.hpp"
#include "daemon/imap/session.hpp"

namespace imapcopy::imap {

/// A command from its call to its reply. Shared by its caller, the queue and the table of those under way.
struct PendingCommand {
    ~PendingCommand();

    CommandId id;
    std::vector<command::Fragment> fragments;  ///< Empty for an append, which writes by itself.
    Handlers handlers;
    bool writes_itself = false;
    bool compresses = false;                      ///< COMPRESS: nothing is written behind it until the reply.
    bool compressed = false;                      ///< Is sent so.
    std::optional<std::string> challenge_answer;  ///< AUTHENTICATE: the line that answers further "+".
    bool has_turn = false;                        ///< writes_itself: may write now.
    bool turn_over = false;                       ///< writes_itself: will write no more.
    bool begun = false;                           ///< Some byte may be with the stream.
    bool sent = false;                            ///< Every byte is with the stream, or about to be.
    bool awaited = false;                         ///< The watch counts it.
    bool continued = false;                       ///< A "+" came and is not used yet.
    std::optional<Reply> reply;
    Event changed;  ///< Any of the above, or the connection failed.
};
using PendingPtr = std::shared_ptr<PendingCommand>;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
    /// `context` outlives the connection's last turn on the loop or its fail(), whichever is first.
    Connection(Context context, std::unique_ptr<net::Stream> stream, Side side, SessionTimeouts timeouts);

    // Before the loops run: login speaks alone.
    Task<ProtocolEvent> next_event(TimePoint deadline);
    Task<> write(std::string_view bytes);
    /// Starts reading and writing; from here on only start() and the like.
    void run_loops(boost::asio::any_io_executor executor);

    PendingPtr start(command::Command command, Handlers handlers);
    /// Waits for the tagged reply, handing over bodies meanwhile. Throws Failure when the connection ends
    /// first.
    Task<Reply> await_reply(PendingPtr pending);
    /// Nobody wants the command any more.
    void abandon(PendingPtr const& pending) noexcept;

    /// An append takes its turn in the queue, writes, and gives the turn back.
    PendingPtr queue_append();
    Task<> await_turn(PendingPtr pending);
    void end_turn(PendingPtr const& pending) noexcept;
    /// Writes `bytes`, which end in a place where the server must agree to go on. True: "+". False: the
    /// tagged reply came instead. `bytes` stay valid until it returns.
    Task<bool> write_and_await_continuation(PendingPtr pending, std::string_view bytes);
    /// To be called before the last byte is handed to the stream: the reply may overtake the end of write().
    void mark_sent(PendingPtr const& pending);

    Task<> log_out();
    /// The same while nobody waits: the connection keeps itself until the server has said BYE.
    void leave();
    /// After leave(): ends by itself.
    bool leaving() const { return leaving_; }
    /// Ends everything with `error`; the first one counts.
    void fail(Error error) noexcept;
    void throw_if_failed() const;
    bool failed() const { return failure_.has_value(); }

    Protocol& protocol() { return protocol_; }
    net::Stream& stream() { return *stream_; }
    Context const& context() const { return context_; }
    SessionTimeouts const& timeouts() const { return timeouts_; }
    Side side() const { return side_; }
    command::EncodeOptions encode_options() const;
    std::uint64_t bytes_transferred() const { return bytes_received_ + bytes_sent_; }
    bool compression_proven() const { return compression_proven_; }
    Duration round_trip() const { return round_trip_.least(); }
    Duration line_wait() const;
    /// BYE is understood by it; commands get the time for login or the full one.
    void set_logged_in();
    std::string greeting;
    std::string peer;

 private:
    struct SmallBody {
        Uid uid;
        std::uint64_t size_bytes = 0;
    };
    struct BodyStep {
        enum class Kind : std::uint8_t { begin, data, end, whole } kind;
        BodyHandler* handler = nullptr;
        Uid uid = {};
        std::uint64_t size_bytes = 0;
        std::string_view bytes = {};
        std::span<SmallBody const> bodies = {};  ///< Of `whole`: they stand in `bytes`, one behind the other.
        bool taken = false;
    };

    void prepare_exchange(PendingCommand& pending, command::Authenticate const& authenticate) const;
    Task<> read_loop();
    Task<> write_loop();
    Task<> write_command(PendingPtr pending);
    Task<> await_compression(PendingPtr pending);
    Task<> flush();
    Task<> read_more(TimePoint deadline);
    Task<> deliver(BodyStep step);
    bool ends_gathering(Result<ProtocolEvent> const& event) const;
    Task<> deliver_gathered();
    Task<> serve_body();
    static Task<> serve_whole(BodyStep step);
    BodyHandler* reader_of(std::optional<CommandId> recipient) const;
    std::optional<BodyStep> dispatch(ProtocolEvent& event);
    void complete(event::Completed completed);
    void start_compression();
    PendingPtr find(std::optional<CommandId> id) const;
    void begin_await(PendingPtr const& pending);
    void end_await(PendingPtr const& pending);
    bool somebody_handles(BodyHandler const* handler) const;
    static Task<> own_loop(std::shared_ptr<Connection> self, Task<> loop, Event* ended);
    void drop_step() noexcept;
    void rearm();
    void on_alarm();
    Error lost() const;

    Context context_;
    boost::asio::any_io_executor executor_;  ///< Of the loops, once they run.
    std::unique_ptr<net::Stream> stream_;
    Side side_;
    SessionTimeouts timeouts_;
    Protocol protocol_;
    ProgressWatch watch_;
    RoundTrip round_trip_;
    Stopwatch receiving_;  ///< The rest of an answer that has begun to come.
    Stopwatch sending_;
    Duration refused_{};  ///< Of sending_: the server did not read.
    std::unique_ptr<Alarm> alarm_;
    std::optional<TimePoint> end_deadline_;  ///< After BYE or LOGOUT.
    Occasion bye_occasion_ = Occasion::greeting;

    std::map<CommandId, PendingPtr> under_way_;
    std::deque<PendingPtr> queue_;
    Event queue_changed_;
    PendingPtr turn_holder_;
    PendingPtr continuation_waiter_;
    std::string outgoing_;
    std::vector<PendingPtr> in_outgoing_;

    std::optional<CommandId> body_recipient_;
    Uid body_uid_;
    std::uint64_t body_size_bytes_ = 0;
    bool gathering_ = false;  ///< The body under way is small: it is handed over as a whole.
    /// Whole ones not handed over yet, all for one handler, and the bytes of them and of the one under way.
    std::vector<SmallBody> small_bodies_;
    std::optional<CommandId> small_recipient_;
    std::string small_bytes_;
    std::optional<BodyStep> step_;
    Event step_done_;

    std::optional<Error> failure_;
    bool compresses_ = false;
    bool compression_proven_ = false;
    CommandId logout_;
    bool logged_out_ = false;
    bool leaving_ = false;
    Event reading_ended_;
    std::uint64_t bytes_received_ = 0;
    std::uint64_t bytes_sent_ = 0;
    std::array<char, 64 * 1024> buffer_{};
};

}  // namespace imapcopy::imap
