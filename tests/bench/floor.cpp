// bench_floor HOST:PORT:LOGIN:PASSWORD HOST:PORT:LOGIN:PASSWORD [--tls CA_FILE]
//
// The floor: how fast the second account can be filled by a client that does nothing else. It reads the first
// account over one connection, all commands sent at once, and keeps it in memory. Then it fills the second
// over one connection: CREATE, SUBSCRIBE and MULTIAPPEND commands (RFC 3502) of up to 8 MiB with
// non-synchronising literals (RFC 7888), sent as fast as the server takes them, while answers are read and
// nothing is waited for. Prints what both halves took, connecting and logging in included:
//
//   {"messages": 2000, "bytes": 62000000, "read_seconds": 0.7, "write_seconds": 2.5}
//
// A copier with one connection a side cannot be faster than the slower half. It knows as much IMAP as Dovecot
// speaks.

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t append_bytes_max = std::size_t{8} << 20U;
// How much is read at a time, and up to which size pieces are joined before they are sent.
constexpr std::size_t buffer_bytes = std::size_t{256} << 10U;
constexpr int socket_buffer_bytes = 4 << 20;

[[noreturn]] void fail(std::string_view what) {
    std::fprintf(stderr, "bench_floor: %.*s\n", static_cast<int>(what.size()), what.data());
    std::exit(1);
}

struct Account {
    std::string host, port, login, password;
};

Account parse_account(std::string_view text) {
    std::array<std::string, 3> words;
    for (auto& word : words) {
        auto const colon = text.find(':');
        if (colon == std::string_view::npos) fail("an account is HOST:PORT:LOGIN:PASSWORD");
        word = text.substr(0, colon);
        text.remove_prefix(colon + 1);
    }
    return {words[0], words[1], words[2], std::string(text)};
}

int connect_to(Account const& account) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(account.host.c_str(), account.port.c_str(), &hints, &found) != 0)
        fail("no such host: " + account.host);
    auto const handle = socket(found->ai_family, found->ai_socktype, 0);
    int const one = 1;
    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(handle, SOL_SOCKET, SO_SNDBUF, &socket_buffer_bytes, sizeof socket_buffer_bytes);
    setsockopt(handle, SOL_SOCKET, SO_RCVBUF, &socket_buffer_bytes, sizeof socket_buffer_bytes);
    if (connect(handle, found->ai_addr, found->ai_addrlen) < 0)
        fail("cannot connect to port " + account.port);
    freeaddrinfo(found);
    return handle;
}

// A logged-in connection, with or without TLS, that reads while it sends.
class Connection {
 public:
    // `tls` may be null.
    Connection(Account const& account, SSL_CTX* tls) : handle_(connect_to(account)) {
        if (tls != nullptr) {
            tls_ = SSL_new(tls);
            SSL_set1_host(tls_, account.host.c_str());
            SSL_set_fd(tls_, handle_);
            if (SSL_connect(tls_) != 1) fail("TLS failed");
        }
        fcntl(handle_, F_SETFL, O_NONBLOCK);
        (void)line();  // The greeting.
        auto const login = "l LOGIN \"" + account.login + "\" \"" + account.password + "\"\r\n";
        send({login});
        while (!line().starts_with("l OK")) {
        }
    }
    Connection(Connection const&) = delete;
    Connection& operator=(Connection const&) = delete;
    ~Connection() {
        SSL_free(tls_);
        close(handle_);
    }

    // Sends all of `pieces` and keeps what comes meanwhile: a server whose answers nobody reads stops
    // reading.
    void send(std::vector<std::string_view> const& pieces) {
        std::string joined;
        for (auto const piece : pieces) {
            if (joined.size() + piece.size() > buffer_bytes) {
                send_now(joined);
                joined.clear();
            }
            if (piece.size() > buffer_bytes) {
                send_now(piece);
            } else {
                joined += piece;
            }
        }
        send_now(joined);
    }

    // The next line, without its end; valid until the next call of anything here.
    std::string_view line() {
        for (auto from = at_;;) {
            auto const end = input_.find('\n', from);
            if (end != std::string::npos) {
                auto const text = std::string_view(input_).substr(at_, end - at_);
                at_ = end + 1;
                return text.ends_with('\r') ? text.substr(0, text.size() - 1) : text;
            }
            input_.erase(0, at_);
            at_ = 0;
            from = input_.size();
            while (!receive_some()) wait_for(POLLIN);
        }
    }

    std::string bytes(std::size_t count) {
        auto const held = std::min(count, input_.size() - at_);
        std::string out(count, '\0');
        std::copy_n(input_.data() + at_, held, out.data());
        at_ += held;
        for (auto done = held; done < count;) {
            auto const got = receive(out.data() + done, count - done);
            if (got == 0) wait_for(POLLIN);
            done += got;
        }
        return out;
    }

 private:
    void send_now(std::string_view data) {
        while (!data.empty()) {
            auto const sent = try_send(data);
            data.remove_prefix(sent);
            if (sent == 0 && !receive_some()) wait_for(POLLIN | POLLOUT);
        }
    }

    bool receive_some() {
        auto const got = receive(buffer_.data(), buffer_.size());
        input_.append(buffer_.data(), got);
        return got > 0;
    }

    void wait_for(short events) const {
        pollfd what{handle_, events, 0};
        poll(&what, 1, -1);
    }

    std::size_t try_send(std::string_view data) const {
        if (tls_ != nullptr) {
            std::size_t sent = 0;
            return SSL_write_ex(tls_, data.data(), data.size(), &sent) == 1 ? sent : must_wait(0);
        }
        auto const sent = ::send(handle_, data.data(), data.size(), MSG_NOSIGNAL);
        return sent > 0 ? static_cast<std::size_t>(sent) : must_wait(sent);
    }

    std::size_t receive(char* to, std::size_t size) const {
        if (tls_ != nullptr) {
            std::size_t got = 0;
            return SSL_read_ex(tls_, to, size, &got) == 1 ? got : must_wait(0);
        }
        auto const got = recv(handle_, to, size, 0);
        return got > 0 ? static_cast<std::size_t>(got) : must_wait(got);
    }

    // Zero, if what has just failed only has to wait.
    std::size_t must_wait(ssize_t result) const {
        auto const error = tls_ != nullptr ? SSL_get_error(tls_, 0) : SSL_ERROR_NONE;
        auto const waits = tls_ != nullptr ? error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE
                                           : result < 0 && errno == EAGAIN;
        if (!waits) fail("the server hung up");
        return 0;
    }

    int handle_;
    SSL* tls_ = nullptr;
    std::vector<char> buffer_ = std::vector<char>(buffer_bytes);
    std::string input_;
    std::size_t at_ = 0;
};

struct Message {
    std::string head;  // What APPEND says of it, in front of its bytes.
    std::string bytes;
};

struct Folder {
    std::string name;  // As it stands on the wire, quoted where it has to be.
    bool subscribed = false;
    std::vector<Message> messages{};
};

std::string_view between(std::string_view text, std::string_view begin, char end) {
    auto const at = text.find(begin);
    if (at == std::string_view::npos) fail("an answer lacks " + std::string(begin));
    text.remove_prefix(at + begin.size());
    return text.substr(0, text.find(end));
}

std::string settable_flags(std::string_view listed) {
    std::string flags;
    while (!listed.empty()) {
        auto const flag = listed.substr(0, listed.find(' '));
        listed.remove_prefix(std::min(flag.size() + 1, listed.size()));
        if (flag == "\\Recent") continue;
        flags += (flags.empty() ? "" : " ") + std::string(flag);
    }
    return flags;
}

std::vector<Folder> list_folders(Connection& connection) {
    connection.send({"l LIST \"\" *\r\ns LSUB \"\" *\r\n"});
    std::vector<Folder> folders;
    std::set<std::string, std::less<>> subscribed;
    for (auto line = connection.line(); !line.starts_with("s "); line = connection.line()) {
        auto const separator = line.find(") \"");
        if (separator == std::string_view::npos) continue;
        auto const name = line.substr(line.find(' ', separator + 2) + 1);
        if (line.starts_with("* LSUB")) {
            subscribed.emplace(name);
        } else if (auto const attributes = line.substr(0, separator);
                   attributes.find("\\Noselect") == std::string_view::npos &&
                   attributes.find("\\NonExistent") == std::string_view::npos) {
            folders.push_back({std::string(name)});
        }
    }
    for (auto& folder : folders) folder.subscribed = subscribed.contains(folder.name);
    return folders;
}

std::vector<Folder> read_all(Account const& account, SSL_CTX* tls) {
    Connection connection(account, tls);
    auto folders = list_folders(connection);
    std::string commands;
    for (auto const& folder : folders) {
        commands += "e EXAMINE " + folder.name + "\r\nf UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])\r\n";
    }
    connection.send({commands});
    for (auto& folder : folders) {
        for (auto line = connection.line(); !line.starts_with("f "); line = connection.line()) {
            if (!line.starts_with("* ") || !line.ends_with('}')) continue;
            auto const size = line.substr(line.rfind('{') + 1);
            std::size_t count = 0;
            std::from_chars(size.data(), size.data() + size.size(), count);
            auto head = " (" + settable_flags(between(line, "FLAGS (", ')')) + ") \"" +
                        std::string(between(line, "INTERNALDATE \"", '"')) + "\" {" + std::to_string(count) +
                        "+}\r\n";
            folder.messages.push_back({std::move(head), connection.bytes(count)});
        }
    }
    return folders;
}

// What fills an account, in pieces that others own.
struct Script {
    std::vector<std::string_view> pieces;
    std::size_t commands = 0;
};

void add_appends(Script& script, std::string_view append, Folder const& folder) {
    std::size_t bytes = 0;
    auto begins = true;
    for (auto const& message : folder.messages) {
        if (begins) script.pieces.push_back(append);
        script.pieces.push_back(message.head);
        script.pieces.push_back(message.bytes);
        bytes += message.bytes.size();
        begins = bytes >= append_bytes_max || &message == &folder.messages.back();
        if (!begins) continue;
        script.pieces.push_back("\r\n");
        ++script.commands;
        bytes = 0;
    }
}

void write_all(Account const& account, SSL_CTX* tls, std::vector<Folder> const& folders) {
    std::vector<std::string> openings;
    std::vector<std::string> appends;
    Script script;
    for (auto const& folder : folders) {
        openings.push_back(folder.name == "INBOX" ? "n NOOP\r\n" : "n CREATE " + folder.name + "\r\n");
        if (folder.subscribed) openings.back() += "n SUBSCRIBE " + folder.name + "\r\n";
        script.commands += folder.subscribed ? 2 : 1;
        appends.push_back("n APPEND " + folder.name);
    }
    for (std::size_t i = 0; i < folders.size(); ++i) {
        script.pieces.push_back(openings[i]);
        add_appends(script, appends[i], folders[i]);
    }
    Connection connection(account, tls);
    connection.send(script.pieces);
    for (std::size_t answers = 0; answers < script.commands;) {
        auto const line = connection.line();
        if (!line.starts_with("n ")) continue;
        if (!line.starts_with("n OK")) fail(line);
        ++answers;
    }
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

SSL_CTX* tls_context(char const* ca_file) {
    auto* const context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_load_verify_locations(context, ca_file, nullptr) != 1) fail("cannot read the certificates");
    return context;
}

}  // namespace

int main(int argc, char** argv) {
    auto const with_tls = argc == 5 && std::string_view(argv[3]) == "--tls";
    if (argc != 3 && !with_tls) fail("usage: bench_floor SOURCE DESTINATION [--tls CA_FILE]");
    auto* const tls = with_tls ? tls_context(argv[4]) : nullptr;
    auto const read_begin = std::chrono::steady_clock::now();
    auto const folders = read_all(parse_account(argv[1]), tls);
    auto const read_seconds = seconds_since(read_begin);
    auto const write_begin = std::chrono::steady_clock::now();
    write_all(parse_account(argv[2]), tls, folders);
    auto const write_seconds = seconds_since(write_begin);
    std::size_t messages = 0;
    std::size_t bytes = 0;
    for (auto const& folder : folders) {
        messages += folder.messages.size();
        for (auto const& message : folder.messages) bytes += message.bytes.size();
    }
    std::printf("{\"messages\": %zu, \"bytes\": %zu, \"read_seconds\": %.6f, \"write_seconds\": %.6f}\n",
                messages, bytes, read_seconds, write_seconds);
    SSL_CTX_free(tls);
}
