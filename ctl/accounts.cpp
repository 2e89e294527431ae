#include "ctl/accounts.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "common/account_address.hpp"
#include "common/account_file.hpp"
#include "common/messages.hpp"
#include "common/text.hpp"

namespace imapcopy::ctl {
namespace {

/// A secret while it is read; wiped when it goes.
struct SecretBuffer {
    std::array<char, Secret::bytes_max + 2> bytes{};
    std::size_t size = 0;

    SecretBuffer() = default;
    ~SecretBuffer() { wipe(bytes); }
    SecretBuffer(SecretBuffer const&) = delete;
    SecretBuffer& operator=(SecretBuffer const&) = delete;

    /// Without the end of the line.
    std::string_view text() const {
        std::string_view view(bytes.data(), size);
        if (view.ends_with('\n')) view.remove_suffix(1);
        if (view.ends_with('\r')) view.remove_suffix(1);
        return view;
    }
};

class Descriptor {
 public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) (void)::close(fd_);  // It was only read.
    }
    Descriptor(Descriptor const&) = delete;
    Descriptor& operator=(Descriptor const&) = delete;
    int fd() const { return fd_; }

 private:
    int fd_;
};

Failure cannot_read(std::string const& what, std::string const& why) {
    return {ErrorCode::invalid_argument, "read the password from " + what + ": " + why};
}

/// Reads up to the first end of line, a byte at a time: what follows belongs to somebody else, for instance
/// to the other side where both share one descriptor.
Secret read_line(int fd, std::string const& what, std::string const& language) {
    SecretBuffer buffer;
    for (;;) {
        if (buffer.size == buffer.bytes.size())
            throw cannot_read(what, message(Message::ctl_password_too_long, language));
        auto const count = ::read(fd, &buffer.bytes.at(buffer.size), 1);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) throw cannot_read(what, std::generic_category().message(errno));
        if (count == 0) break;
        if (buffer.bytes.at(buffer.size++) == '\n') break;
    }
    if (buffer.text().empty()) throw cannot_read(what, message(Message::ctl_password_empty, language));
    return Secret(buffer.text());
}

Secret read_password_file(std::string const& path, std::string const& language) {
    auto const shown = printable(path);
    Descriptor const file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (file.fd() < 0) throw cannot_read(shown, std::generic_category().message(errno));
    struct stat status {};
    if (::fstat(file.fd(), &status) != 0) throw cannot_read(shown, std::generic_category().message(errno));
    if ((status.st_mode & 077U) != 0)
        throw cannot_read(shown, message(Message::ctl_password_file_is_open, language, {shown}));
    return read_line(file.fd(), shown, language);
}

std::optional<Secret> secret_by_option(std::optional<int> fd, std::string const& file, Side side,
                                       std::string const& language) {
    if (fd) {
        auto const what = "descriptor " + std::to_string(*fd) + " (" + std::string(to_string(side)) + ")";
        return read_line(*fd, what, language);
    }
    if (!file.empty()) return read_password_file(file, language);
    return std::nullopt;
}

Result<AccountRequest> base_request(std::string const& address) {
    AccountRequest request;
    if (address.empty()) return request;
    if (address.starts_with('@')) {
        auto const file = read_account_file(address.substr(1));
        if (file.has_error()) return file.error();
        request.account = file->account;
        request.password_file = file->password_file;
        return request;
    }
    auto const account = parse_account_address(address);
    if (account.has_error()) return account.error();
    request.account = *account;
    return request;
}

/// A host that is named needs a port, and so has a kind of TLS that is; a port that belonged to another kind
/// is replaced. Without any of them the port is the preset's.
void settle_port(AccountSpec& account, TlsMode before, AccountArguments const& arguments) {
    if (arguments.port) {
        account.port = *arguments.port;
    } else if (account.port == 0 ? !account.host.empty() || arguments.tls.has_value()
                                 : account.port == default_port(before)) {
        account.port = default_port(account.tls);
    }
}

}  // namespace

Result<AccountRequest> with_options(AccountRequest request, AccountArguments const& options) {
    auto& account = request.account;
    auto const tls_before = account.tls;
    if (!options.login.empty()) {
        account.login = options.login;
        if (account.address.empty()) account.address = options.login;
    }
    if (!options.host.empty()) account.host = ascii_lower(options.host);
    if (options.tls) account.tls = *options.tls;
    settle_port(account, tls_before, options);
    if (!options.tls_pin.empty()) account.tls_pin = ascii_lower(options.tls_pin);
    if (options.auth) account.auth = *options.auth;
    if (!options.authorize_as.empty()) account.authorize_as = options.authorize_as;
    if (!options.password_file.empty()) request.password_file = options.password_file;
    request.password_fd = options.password_fd;
    auto const checked = account_from_dict(to_dict(account), "account");
    if (checked.has_error()) return checked.error();
    return request;
}

Result<AccountRequest> account_request(AccountArguments const& arguments) {
    auto base = base_request(arguments.address);
    if (base.has_error()) return base;
    return with_options(std::move(base.value()), arguments);
}

Result<RequestPair> account_requests(Arguments const& arguments) {
    auto source = account_request(arguments.source);
    auto destination = account_request(arguments.destination);
    if (source.has_value() && destination.has_value()) return RequestPair{*source, *destination};
    if (source.has_value()) return within("destination", destination.error());
    auto error = within("source", source.error());
    if (destination.has_error()) error.message += "\ndestination: " + destination.error().message;
    return error;
}

Secret given_secret(Arguments const& arguments, Side side) {
    auto const& account = side == Side::source ? arguments.source : arguments.destination;
    auto secret =
        secret_by_option(account.password_fd, account.password_file, side, arguments.style.language);
    return secret ? std::move(*secret) : Secret();
}

Secret asked_secret(AccountSpec const& account, Side side, Arguments const& arguments, Terminal& terminal) {
    auto const name = std::string(to_string(side));
    auto const& language = arguments.style.language;
    if (!arguments.ask_password || !terminal.can_ask())
        throw Failure(ErrorCode::invalid_argument, message(Message::ctl_no_password, language, {name}));
    auto const question =
        account.auth == AuthMethod::xoauth2 ? Message::ctl_ask_token : Message::ctl_ask_password;
    auto secret = terminal.ask_secret(message(question, language, {name, printable(to_string(account))}));
    if (secret.empty())
        throw Failure(ErrorCode::invalid_argument,
                      message(Message::ctl_password_not_given, language, {name}));
    return secret;
}

Secret obtain_secret(AccountRequest const& request, Side side, Arguments const& arguments,
                     Terminal& terminal) {
    auto secret =
        secret_by_option(request.password_fd, request.password_file, side, arguments.style.language);
    if (secret) return std::move(*secret);
    return asked_secret(request.account, side, arguments, terminal);
}

}  // namespace imapcopy::ctl
