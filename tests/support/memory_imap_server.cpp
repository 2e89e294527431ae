#include "tests/support/memory_imap_server.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/event.hpp"
#include "common/result.hpp"
#include "tests/support/memory_imap_session.hpp"

namespace imapcopy::test {

/// One connection as the network between client and server: it counts, and it breaks. The server reads only
/// when the client reads, so that pipelined commands wait their turn.
class ImapWire {
 public:
    explicit ImapWire(MemoryImapServer& server) : server_(server), conversation_(server) {
        server_.wires_.push_back(this);
    }
    ~ImapWire() { server_.wires_.remove(this); }
    ImapWire(ImapWire const&) = delete;
    ImapWire& operator=(ImapWire const&) = delete;

    /// False: the bytes stay with the client, the connection stalls.
    bool receive(std::string_view bytes);
    /// What can be read now; 0: nothing yet, or the end.
    std::size_t give(std::span<char> buffer);
    bool is_reset() const { return state_ == State::reset; }
    /// Nothing will ever be readable again.
    bool is_ended() const { return state_ == State::closing && conversation_.out.empty(); }
    std::optional<TimePoint> hold_until() const { return conversation_.hold_until; }
    /// The client gave the connection up, in an orderly way or not.
    void leave(bool orderly);
    void break_now(Break kind, Direction direction);

    Event changed;

 private:
    enum class State : std::uint8_t { open, closing, reset, deaf, mute, frozen };
    void fire(ByteFault const& fault);
    void carry_out_all();
    ByteFault const* next_fault(Direction direction, std::uint64_t so_far, std::uint64_t more) const;

    MemoryImapServer& server_;
    ImapConversation conversation_;
    State state_ = State::open;
    bool left_ = false;
    bool broken_ = false;
    std::uint64_t appends_heard_ = 0;
};

namespace {

constexpr std::array<std::string_view, 9> break_names = {"close",      "reset",      "reset_dropped",
                                                         "reset_late", "stall",      "stall_late",
                                                         "crash",      "crash_late", "stall_hidden"};
constexpr std::array<std::string_view, 8> change_names = {"no",        "no_early", "bad",   "bye",
                                                          "bye_after", "garbage",  "delay", "silence"};

class MemoryImapStream final : public net::Stream {
 public:
    MemoryImapStream(MemoryImapServer& server, Clock& clock) : wire_(server), clock_(clock) {}
    ~MemoryImapStream() override { wire_.leave(false); }
    MemoryImapStream(MemoryImapStream const&) = delete;
    MemoryImapStream& operator=(MemoryImapStream const&) = delete;

    Task<std::size_t> read_some(std::span<char> buffer, TimePoint deadline) override {
        co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
        for (;;) {
            throw_if_over();
            auto const count = wire_.give(buffer);
            if (count > 0 || wire_.is_ended()) co_return count;
            if (wire_.is_reset()) continue;
            auto const until = std::min(deadline, wire_.hold_until().value_or(deadline));
            co_await wait(wire_.changed, until);
            if (clock_.now() >= deadline) throw Failure(ErrorCode::timed_out, "read from memory");
        }
    }

    Task<> write_all(std::string_view bytes, TimePoint deadline) override {
        co_await boost::asio::post(co_await boost::asio::this_coro::executor, boost::asio::use_awaitable);
        throw_if_over();
        if (wire_.receive(bytes)) co_return throw_if_over();
        while (clock_.now() < deadline) {
            co_await wait(writable_, deadline);
            throw_if_over();
        }
        throw Failure(ErrorCode::timed_out, "write to memory");
    }

    Task<> start_tls(TimePoint) override { throw Failure(ErrorCode::tls_handshake, "no TLS in memory"); }
    bool is_secure() const override { return true; }
    Task<> close(TimePoint) override {
        wire_.leave(true);
        co_return;
    }
    void abort() noexcept override {
        aborted_ = true;
        wire_.leave(false);
        wire_.changed.set();
        writable_.set();
    }
    std::string peer() const override { return "memory"; }

 private:
    void throw_if_over() const {
        if (aborted_) throw Failure(ErrorCode::cancelled, "a connection in memory was given up");
        if (wire_.is_reset()) throw Failure(ErrorCode::connection_lost, "reset by peer");
    }
    Task<> wait(Event& event, TimePoint until) {
        event.clear();
        auto wake = [&event] { event.set(); };
        auto const alarm = clock_.make_alarm(wake);
        alarm->set(until);
        co_await event.wait();
    }

    ImapWire wire_;
    Clock& clock_;
    Event writable_;
    bool aborted_ = false;
};

}  // namespace

std::string_view to_string(Break kind) {
    return break_names.at(static_cast<std::size_t>(kind));
}

std::string_view to_string(ReplyChange change) {
    return change_names.at(static_cast<std::size_t>(change));
}

std::vector<ImapDialect> const& imap_dialects() {
    static std::vector<ImapDialect> const dialects = {
        {"all",
         "IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL+ ID ENABLE NAMESPACE LIST-EXTENDED LIST-STATUS SPECIAL-USE "
         "CREATE-SPECIAL-USE UIDPLUS MULTIAPPEND CONDSTORE UNSELECT"},
        {"plain", "IMAP4rev1", false},
        {"uidplus", "IMAP4rev1 AUTH=PLAIN LITERAL- UIDPLUS NAMESPACE LIST-EXTENDED SPECIAL-USE"},
        {"multiappend", "IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL+ MULTIAPPEND LIST-EXTENDED LIST-STATUS"},
        {"minimal", "IMAP4rev1 NAMESPACE ID LITERAL+ UNSELECT", false, false},
    };
    return dialects;
}

ImapDialect const& imap_dialect(std::string_view name) {
    return *std::ranges::find(imap_dialects(), name, &ImapDialect::name);
}

// ---- ImapWire
// ------------------------------------------------------------------------------------------------------

/// The first fault of the direction that lies within the next `more` bytes.
ByteFault const* ImapWire::next_fault(Direction direction, std::uint64_t so_far, std::uint64_t more) const {
    ByteFault const* first = nullptr;
    for (auto const& fault : server_.byte_faults) {
        bool const ahead = fault.offset == 0 ? so_far == 0 : fault.offset > so_far;
        if (fault.direction != direction || !ahead || fault.offset > so_far + more) continue;
        if (first == nullptr || fault.offset < first->offset) first = &fault;
    }
    return first;
}

bool ImapWire::receive(std::string_view bytes) {
    if (state_ == State::closing) return true;  // Nobody reads it any more.
    if (state_ == State::deaf) return false;
    if (state_ == State::frozen) {  // Still taken by the client's kernel.
        conversation_.feed(bytes);
        return true;
    }
    auto const* const fault = next_fault(Direction::to_server, server_.received_bytes, bytes.size());
    auto const taken = fault == nullptr ? bytes.size() : fault->offset - server_.received_bytes;
    conversation_.feed(bytes.substr(0, taken));
    server_.received_bytes += taken;
    if (fault != nullptr) fire(*fault);
    if (state_ == State::mute) carry_out_all();
    changed.set();
    return state_ != State::deaf && state_ != State::frozen;
}

std::size_t ImapWire::give(std::span<char> buffer) {
    if (state_ == State::mute || state_ == State::frozen) return 0;
    auto& out = conversation_.out;
    bool const reads = state_ == State::open || state_ == State::deaf;
    while (reads && out.empty() && !conversation_.is_over() && conversation_.step()) {
    }
    if (conversation_.hold_until) {
        if (server_.storage.clock().now() < *conversation_.hold_until) return 0;
        conversation_.hold_until.reset();
    }
    auto count = std::min({out.size(), buffer.size(), server_.read_bytes_max});
    auto const* const fault = next_fault(Direction::to_client, server_.sent_bytes, count);
    if (fault != nullptr) count = static_cast<std::size_t>(fault->offset - server_.sent_bytes);
    std::copy_n(out.data(), count, buffer.data());
    out.erase(0, count);
    server_.sent_bytes += count;
    if (out.empty()) appends_heard_ = conversation_.appends_stored;
    if (out.empty() && conversation_.is_over() && reads) state_ = State::closing;
    if (fault != nullptr) fire(*fault);
    return count;
}

void ImapWire::carry_out_all() {
    while (!conversation_.is_over() && conversation_.step()) {
    }
    conversation_.out.clear();
}

/// Each fault happens once.
void ImapWire::fire(ByteFault const& fault) {
    auto const fired = fault;
    auto& faults = server_.byte_faults;
    faults.erase(faults.begin() + (&fault - faults.data()));
    break_now(fired.kind, fired.direction);
}

void ImapWire::break_now(Break kind, Direction direction) {
    if (state_ == State::reset) return;
    broken_ = true;
    bool const receiving = direction == Direction::to_server;
    auto said = receiving ? conversation_.out : std::string();
    switch (kind) {
        case Break::close:
            carry_out_all();
            conversation_.out = std::move(said);
            state_ = State::closing;
            break;
        case Break::reset_late: conversation_.commit_delay = server_.late_delay; [[fallthrough]];
        case Break::reset: carry_out_all(); [[fallthrough]];
        case Break::reset_dropped:
            conversation_.out.clear();
            state_ = State::reset;
            break;
        case Break::stall: state_ = receiving ? State::deaf : State::mute; break;
        case Break::stall_hidden: conversation_.hides = true; [[fallthrough]];
        case Break::stall_late: state_ = State::frozen; break;
        case Break::crash:
        case Break::crash_late: server_.on_crash(kind); break;
    }
    changed.set();
}

void ImapWire::leave(bool orderly) {
    if (std::exchange(left_, true)) return;
    if (state_ == State::frozen) conversation_.commit_delay = server_.late_delay;
    if (state_ == State::closing || state_ == State::reset) return;
    carry_out_all();
    state_ = State::reset;
    bool const unheard = conversation_.appends_stored > appends_heard_;
    if (unheard && !orderly && !broken_ && !conversation_.is_faulty)
        server_.misuses.emplace_back("gave up without hearing of an APPEND");
}

// ---- MemoryImapServer
// ----------------------------------------------------------------------------------------------

Task<std::unique_ptr<net::Stream>> MemoryImapServer::connect(net::Target target, TimePoint) {
    if (unreachable) throw Failure(ErrorCode::connection_refused, "connect to " + target.host);
    ++connections;
    co_return std::make_unique<MemoryImapStream>(*this, storage.clock());
}

void MemoryImapServer::end_all(Break kind) {
    for (auto* const wire : wires_) wire->break_now(kind, Direction::to_client);
}

void MemoryImapServer::store(StoredMailbox& mailbox, std::vector<StoredMessage> messages) {
    for (auto& message : messages) {
        message.uid = Uid(mailbox.uid_next++);
        message.visible_from = storage.clock().now();
        mailbox.messages.push_back(std::move(message));
    }
    ++mailbox.highest_mod_seq;
}

void MemoryImapServer::commit_due(bool everything) {
    auto const due = [&](LateCommit const& late) { return everything || late.due <= storage.clock().now(); };
    for (auto& late : late_) {
        if (!due(late)) continue;
        if (auto* const mailbox = storage.find(late.mailbox)) store(*mailbox, std::move(late.messages));
    }
    std::erase_if(late_, due);
}

}  // namespace imapcopy::test
