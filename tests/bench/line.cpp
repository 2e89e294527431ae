// bench_line --listen PORT --to PORT [--listen PORT --to PORT] …
//
// A long line on the loopback, in front of servers on 127.0.0.1. What arrives is passed on half a round trip
// later, in both directions, without a limit of the bandwidth. Setting up a connection costs what it costs on
// a real line: the first byte of a server that speaks first arrives two round trips after connect(). Loss and
// slow start are not played. A real line uses no processor of the hosts at its ends, so this one uses as
// little as it can: what is under way waits in pipes, and is never copied (splice(2)).
//
// Prints "ready" when all ports listen. Takes orders from its standard input, one a line, and answers each
// with a line:
//
//   rtt MILLISECONDS   for connections that are opened from now on          "ok"
//   trips              "PORT TRIPS …" for all connections opened since the last such order: the round trips
//   that the
//                      client has waited for since it sent LOGIN or AUTHENTICATE. What it sends within one
//                      round trip counts once, and only what it sends after an answer starts another.
//
// Ends when its standard input does.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

// More than any line in these tests holds at a time; then the sender has to wait.
constexpr std::size_t queue_bytes_max = std::size_t{64} << 20U;
constexpr std::size_t piece_bytes = std::size_t{1} << 20U;

enum Side : std::size_t { client = 0, server = 1 };

Side other(Side side) {
    return side == client ? server : client;
}

// Holds bytes on their way.
class Pipe {
 public:
    // Of no use where there are no more file descriptors.
    Pipe() {
        if (pipe2(ends_.data(), O_NONBLOCK) < 0) ends_ = {-1, -1};
    }
    Pipe(Pipe&& from) noexcept : ends_(std::exchange(from.ends_, {-1, -1})) {}
    Pipe& operator=(Pipe&& from) noexcept {
        std::swap(ends_, from.ends_);
        return *this;
    }
    ~Pipe() {
        for (auto const end : ends_) {
            if (end >= 0) ::close(end);
        }
    }

    // How many bytes it has taken from a socket, or given to one; 0: the other side has ended; -1: errno.
    ssize_t take_from(int socket) const { return move(socket, ends_[1], piece_bytes); }
    ssize_t give_to(int socket, std::size_t bytes) const { return move(ends_[0], socket, bytes); }

 private:
    static ssize_t move(int from, int to, std::size_t bytes) {
        return splice(from, nullptr, to, nullptr, bytes, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    }

    std::array<int, 2> ends_{};
};

struct Piece {
    Clock::time_point due;
    Pipe pipe;
    std::size_t bytes = 0;  // That are still in it.
};

// What one side has sent and the other has not yet got.
struct Way {
    std::deque<Piece> pieces;
    std::size_t bytes = 0;
    bool blocked = false;                        // The receiver's socket is full.
    std::optional<Clock::time_point> end_due{};  // The sender has ended.
    bool end_passed = false;
};

struct Trips {
    bool logged_in = false;
    bool answered = false;  // Something has reached the client since it last sent something.
    Clock::time_point begin;
    unsigned count = 0;
};

struct Connection;

// What epoll hands back to us.
struct Socket {
    Connection* connection = nullptr;
    Side side = client;
    int handle = -1;
    std::uint32_t watched = 0;
};

struct Connection {
    std::uint16_t listened = 0;  // The port that the client has come to.
    std::uint16_t target = 0;
    nanoseconds round_trip{};
    Clock::time_point open_due;
    std::array<Socket, 2> sockets;
    std::array<Way, 2> ways;  // By the side that sends.
    Trips trips;
    bool dead = false;
};

struct Listener {
    std::uint16_t port = 0;
    std::uint16_t target = 0;
    int handle = -1;
};

[[noreturn]] void fail(char const* what) {
    std::perror(what);
    std::exit(1);
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

void prepare(int handle) {
    int const one = 1;
    int const buffer_bytes = 4 << 20;
    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(handle, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    setsockopt(handle, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
}

class Line {
 public:
    Line() {
        if (epoll_ < 0 || timer_ < 0) fail("bench_line");
        watch_for_reading(timer_, &timer_);
        watch_for_reading(STDIN_FILENO, &orders_);
    }

    void listen_at(std::uint16_t port, std::uint16_t target) {
        auto const handle = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int const one = 1;
        setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        auto const address = loopback(port);
        if (bind(handle, reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0 ||
            listen(handle, 512) < 0) {
            fail("listen");
        }
        listeners_.push_back(std::make_unique<Listener>(Listener{port, target, handle}));
        watch_for_reading(handle, listeners_.back().get());
    }

    // Returns when the standard input has ended.
    void run() {
        std::array<epoll_event, 128> events{};
        while (!ended_) {
            set_timer();
            auto const count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
            pass_what_is_due();
            std::erase_if(connections_, [](auto const& connection) { return connection->dead; });
        }
    }

 private:
    void watch_for_reading(int handle, void* what) const {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = what;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, handle, &event) < 0) fail("epoll_ctl");
    }

    void set_timer() {
        auto next = Clock::time_point::max();
        for (auto const& connection : connections_) {
            if (connection->sockets[server].handle < 0) next = std::min(next, connection->open_due);
            if (connection->sockets[server].handle < 0) continue;
            for (auto const& way : connection->ways) {
                if (!way.pieces.empty() && !way.blocked) next = std::min(next, way.pieces.front().due);
                if (way.pieces.empty() && way.end_due && !way.end_passed) next = std::min(next, *way.end_due);
            }
        }
        if (next == timer_set_) return;
        timer_set_ = next;
        itimerspec when{};  // All zero: never.
        if (next != Clock::time_point::max()) {
            auto const since = std::max<std::int64_t>(1, nanoseconds(next.time_since_epoch()).count());
            when.it_value = {since / 1'000'000'000, since % 1'000'000'000};
        }
        timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
    }

    void handle(epoll_event const& event) {
        auto* const what = event.data.ptr;
        if (what == &timer_) {
            std::uint64_t times = 0;
            (void)!read(timer_, &times, sizeof times);  // Only to make it silent.
            timer_set_.reset();
            return;
        }
        if (what == &orders_) return take_orders();
        for (auto const& listener : listeners_) {
            if (what == listener.get()) return accept_all(*listener);
        }
        auto& socket = *static_cast<Socket*>(what);
        auto& connection = *socket.connection;
        if (connection.dead) return;
        if ((event.events & EPOLLOUT) != 0) connection.ways[other(socket.side)].blocked = false;
        if (connection.ways[socket.side].end_due) {
            if ((event.events & EPOLLERR) != 0) return close(connection);
            // Nothing more comes from there; that it has hung up would be told again and again.
            if ((event.events & EPOLLHUP) != 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, socket.handle, nullptr);
        } else if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
            receive(connection, socket.side);
        }
    }

    void accept_all(Listener const& listener) {
        for (int handle = 0; (handle = accept4(listener.handle, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
            prepare(handle);
            auto connection = std::make_unique<Connection>();
            connection->listened = listener.port;
            connection->target = listener.target;
            connection->round_trip = round_trip_;
            // SYN, SYN+ACK, ACK: the server learns of it one and a half round trips after connect().
            connection->open_due = Clock::now() + round_trip_ * 3 / 2;
            attach(*connection, client, handle);
            connections_.push_back(std::move(connection));
        }
    }

    void attach(Connection& connection, Side side, int handle) const {
        auto& socket = connection.sockets[side];
        socket = {&connection, side, handle, EPOLLIN};
        watch_for_reading(handle, &socket);
    }

    void open_far_side(Connection& connection) {
        auto const handle = socket(AF_INET, SOCK_STREAM, 0);
        auto const address = loopback(connection.target);
        if (connect(handle, reinterpret_cast<sockaddr const*>(&address), sizeof address) < 0) {
            ::close(handle);
            return close(connection);
        }
        fcntl(handle, F_SETFL, O_NONBLOCK);
        prepare(handle);
        attach(connection, server, handle);
    }

    void receive(Connection& connection, Side side) {
        auto& way = connection.ways[side];
        auto const handle = connection.sockets[side].handle;
        auto const now = Clock::now();
        if (side == client) count_trip(connection, peek(connection), now);
        auto pipe = take_pipe();
        auto const count = pipe.take_from(handle);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (count < 0) return close(connection);
        if (count == 0) {
            way.end_due = now + connection.round_trip / 2;
        } else {
            auto const bytes = static_cast<std::size_t>(count);
            way.bytes += bytes;
            way.pieces.push_back({now + connection.round_trip / 2, std::move(pipe), bytes});
        }
        watch(connection, side);
    }

    // What the client sends next, as long as it may be its login.
    std::string_view peek(Connection const& connection) {
        if (connection.trips.logged_in) return {};
        auto const handle = connection.sockets[client].handle;
        auto const count = recv(handle, buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_PEEK);
        return {buffer_.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
    }

    Pipe take_pipe() {
        if (spare_.empty()) return {};
        auto pipe = std::move(spare_.back());
        spare_.pop_back();
        return pipe;
    }

    static void count_trip(Connection& connection, std::string_view bytes, Clock::time_point now) {
        auto& trips = connection.trips;
        if (!trips.logged_in) {
            trips.logged_in = bytes.find(" LOGIN ") != std::string_view::npos ||
                              bytes.find(" AUTHENTICATE ") != std::string_view::npos;
            trips.begin = now;
        } else if (trips.answered && now - trips.begin >= connection.round_trip * 9 / 10) {
            ++trips.count;
            trips.begin = now;
        }
        trips.answered = false;
    }

    void pass_what_is_due() {
        auto const now = Clock::now();
        for (auto const& connection : connections_) {
            if (!connection->dead && connection->sockets[server].handle < 0 && connection->open_due <= now)
                open_far_side(*connection);
            for (auto const side : {client, server}) {
                if (!connection->dead && connection->sockets[server].handle >= 0)
                    pass(*connection, side, now);
            }
            auto const& ways = connection->ways;
            if (!connection->dead && ways[client].end_passed && ways[server].end_passed) close(*connection);
        }
    }

    // Hands over what `from` has sent and whose time has come.
    void pass(Connection& connection, Side from, Clock::time_point now) {
        auto& way = connection.ways[from];
        auto const to = connection.sockets[other(from)].handle;
        while (!way.blocked && !way.pieces.empty() && way.pieces.front().due <= now) {
            auto& piece = way.pieces.front();
            auto const count = piece.pipe.give_to(to, piece.bytes);
            if (count < 0 && errno != EAGAIN) return close(connection);
            way.blocked = count < 0;
            if (way.blocked) break;
            if (from == server) connection.trips.answered = true;
            piece.bytes -= static_cast<std::size_t>(count);
            way.bytes -= static_cast<std::size_t>(count);
            if (piece.bytes > 0) continue;
            spare_.push_back(std::move(piece.pipe));
            way.pieces.pop_front();
        }
        if (way.pieces.empty() && way.end_due && *way.end_due <= now && !way.end_passed) {
            shutdown(to, SHUT_WR);
            way.end_passed = true;
        }
        watch(connection, from);
        watch(connection, other(from));
    }

    void watch(Connection& connection, Side side) const {
        auto& socket = connection.sockets[side];
        if (socket.handle < 0) return;
        auto const& sends = connection.ways[side];
        std::uint32_t wanted = 0;
        if (!sends.end_due && sends.bytes < queue_bytes_max) wanted |= EPOLLIN;
        if (connection.ways[other(side)].blocked) wanted |= EPOLLOUT;
        if (wanted == socket.watched) return;
        socket.watched = wanted;
        epoll_event event{};
        event.events = wanted;
        event.data.ptr = &socket;
        epoll_ctl(epoll_, EPOLL_CTL_MOD, socket.handle, &event);
    }

    void close(Connection& connection) {
        for (auto& socket : connection.sockets) {
            if (socket.handle >= 0) ::close(socket.handle);
            socket.handle = -1;
        }
        connection.dead = true;
        finished_.emplace_back(connection.listened, connection.trips.count);
    }

    void take_orders() {
        std::array<char, 256> words{};
        auto const count = read(STDIN_FILENO, words.data(), words.size());
        ended_ = count <= 0;
        for (auto rest =
                 std::string_view(words.data(), static_cast<std::size_t>(std::max<ssize_t>(0, count)));
             !rest.empty();) {
            auto const end = std::min(rest.find('\n'), rest.size());
            obey(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }

    void obey(std::string_view order) {
        if (order.starts_with("rtt ")) {
            double milliseconds = 0;
            std::from_chars(order.data() + 4, order.data() + order.size(), milliseconds);
            round_trip_ = nanoseconds(static_cast<std::int64_t>(milliseconds * 1e6));
            std::cout << "ok" << std::endl;
        } else if (order == "trips") {
            for (auto const& connection : connections_) {
                std::cout << connection->listened << ' ' << connection->trips.count << ' ';
            }
            for (auto const& [port, trips] : finished_) std::cout << port << ' ' << trips << ' ';
            finished_.clear();
            std::cout << std::endl;
        }
    }

    int epoll_ = epoll_create1(0);
    int timer_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    char orders_ = 0;  // Only its address is of use: it stands for the standard input.
    bool ended_ = false;
    std::array<char, 4096> buffer_{};
    std::vector<Pipe> spare_;  // All empty.
    nanoseconds round_trip_{};
    std::optional<Clock::time_point> timer_set_;
    std::vector<std::unique_ptr<Listener>> listeners_;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<std::pair<std::uint16_t, unsigned>> finished_;
};

std::uint16_t port_of(char const* text) {
    std::uint16_t port = 0;
    auto const* const end = text + std::strlen(text);
    if (auto const [rest, error] = std::from_chars(text, end, port); error != std::errc{} || rest != end) {
        std::fprintf(stderr, "bench_line: %s is no port\n", text);
        std::exit(2);
    }
    return port;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    Line line;
    std::vector<std::string_view> const words(argv + 1, argv + argc);
    if (words.empty() || words.size() % 4 != 0) {
        std::fputs("usage: bench_line --listen PORT --to PORT [--listen PORT --to PORT] …\n", stderr);
        return 2;
    }
    for (std::size_t i = 0; i < words.size(); i += 4) {
        if (words[i] != "--listen" || words[i + 2] != "--to") {
            std::fputs("bench_line: each --listen needs its --to\n", stderr);
            return 2;
        }
        line.listen_at(port_of(argv[i + 2]), port_of(argv[i + 4]));
    }
    std::cout << "ready" << std::endl;
    line.run();
}
