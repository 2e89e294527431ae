#include "common/account_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "common/text.hpp"

namespace imapcopy {
namespace {

/// An account file has a dozen lines.
constexpr std::size_t account_file_bytes_max = 65536;

/// 1-based, as editors count; 0 where a node has no place of its own.
struct Place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    auto operator<=>(Place const&) const = default;
};

Place place_of(toml::source_region const& region) {
    return {region.begin.line, region.begin.column};
}

}  // namespace

class TomlFile::Impl {
 public:
    Impl(std::string_view text, std::string name) : name_(std::move(name)) {
        auto result = toml::parse(text, name_);
        if (result.succeeded()) {
            root_ = std::move(result).table();
        } else {
            note(place_of(result.error().source()), std::string(result.error().description()));
        }
    }

    toml::table const& root() const { return root_; }

    void note(Place place, std::string what) { mistakes_.emplace(place, std::move(what)); }

    void know(toml::table const& table, std::string_view key) { known_[&table].emplace(key); }

    /// Every key of `table`, and of the tables that were opened below it, that nobody asked for.
    void note_unknown(toml::table const& table, std::string const& path) {
        auto const known = known_.find(&table);
        for (auto const& [key, node] : table) {
            if (known != known_.end() && known->second.contains(key.str())) {
                note_unknown_below(node, path + std::string(key.str()));
                continue;
            }
            auto const others = known_keys(table);
            auto const hint = others.empty() ? others : "; known here: " + others;
            note(place_of(key.source()), "unknown key " + path + printable(key.str(), 64) + hint);
        }
    }

    std::string report() const {
        std::string out;
        for (auto const& [place, what] : mistakes_) {
            if (!out.empty()) out += '\n';
            out +=
                name_ + ':' + std::to_string(place.line) + ':' + std::to_string(place.column) + ": " + what;
        }
        return out;
    }

 private:
    std::string known_keys(toml::table const& table) const {
        auto const known = known_.find(&table);
        if (known == known_.end()) return "none";
        std::string out;
        for (auto const& key : known->second) {
            if (!key.empty()) out += (out.empty() ? "" : ", ") + key;
        }
        return out;
    }

    /// Tables that were only ignored, or were no tables to their reader, have no entry in `known_`.
    void note_unknown_below(toml::node const& node, std::string const& path) {
        if (auto const* const table = node.as_table(); table != nullptr && known_.contains(table)) {
            note_unknown(*table, path + ".");
        }
        if (auto const* const array = node.as_array()) {
            for (auto const& element : *array) note_unknown_below(element, path);
        }
    }

    std::string name_;
    toml::table root_;
    std::map<toml::table const*, std::set<std::string, std::less<>>> known_;
    std::multimap<Place, std::string> mistakes_;
};

namespace {

toml::table const& as_table(void const* table) {
    return *static_cast<toml::table const*>(table);
}

}  // namespace

TomlFile::TomlFile(std::string_view text, std::string name)
    : impl_(std::make_unique<Impl>(text, std::move(name))) {}
TomlFile::~TomlFile() = default;

TomlTable TomlFile::root() {
    return {*impl_, &impl_->root(), ""};
}

Result<> TomlFile::finish() {
    impl_->note_unknown(impl_->root(), "");
    auto report = impl_->report();
    if (report.empty()) return {};
    return Error{ErrorCode::invalid_argument, std::move(report)};
}

std::string TomlTable::path_of(std::string_view key) const {
    return path_ + std::string(key);
}

std::optional<std::string> TomlTable::string(std::string_view key) {
    ignore(key);
    auto const* const node = as_table(table_).get(key);
    if (node == nullptr) return std::nullopt;
    auto value = node->value_exact<std::string>();
    if (!value) must_be(key, "a string in quotation marks");
    return value;
}

std::optional<bool> TomlTable::boolean(std::string_view key) {
    ignore(key);
    auto const* const node = as_table(table_).get(key);
    if (node == nullptr) return std::nullopt;
    auto value = node->value_exact<bool>();
    if (!value) must_be(key, "true or false");
    return value;
}

std::optional<std::uint64_t> TomlTable::number(std::string_view key, std::uint64_t least,
                                               std::uint64_t most) {
    ignore(key);
    auto const* const node = as_table(table_).get(key);
    if (node == nullptr) return std::nullopt;
    auto const value = node->value_exact<std::int64_t>();
    if (value && *value >= 0 && std::cmp_greater_equal(*value, least) && std::cmp_less_equal(*value, most)) {
        return static_cast<std::uint64_t>(*value);
    }
    must_be(key, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
}

std::optional<std::vector<std::string>> TomlTable::strings(std::string_view key) {
    ignore(key);
    auto const* const node = as_table(table_).get(key);
    if (node == nullptr) return std::nullopt;
    auto const* const array = node->as_array();
    if (array == nullptr) {
        must_be(key, "a list of strings");
        return std::nullopt;
    }
    std::vector<std::string> out;
    for (auto const& element : *array) {
        if (auto value = element.value_exact<std::string>()) {
            out.push_back(std::move(*value));
        } else {
            file_->note(place_of(element.source()), path_of(key) + " holds something that is not a string");
        }
    }
    return out;
}

std::optional<TomlTable> TomlTable::table(std::string_view key) {
    ignore(key);
    auto const* const node = as_table(table_).get(key);
    if (node == nullptr) return std::nullopt;
    auto const* const found = node->as_table();
    if (found == nullptr) {
        must_be(key, "a table, written [" + path_of(key) + "]");
        return std::nullopt;
    }
    file_->know(*found, "");
    return TomlTable(*file_, found, path_of(key) + ".");
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
    ignore(key);
    auto const* const node = as_table(table_).get(key);
    if (node == nullptr) return {};
    std::vector<TomlTable> out;
    auto const* const array = node->as_array();
    auto const all_tables =
        array != nullptr && std::ranges::all_of(*array, [](auto const& e) { return e.is_table(); });
    if (!all_tables) {
        must_be(key, "a list of tables, each written [[" + path_of(key) + "]]");
        return out;
    }
    for (auto const& element : *array) {
        file_->know(*element.as_table(), "");
        out.push_back(TomlTable(*file_, element.as_table(), path_of(key) + "."));
    }
    return out;
}

bool TomlTable::contains(std::string_view key) const {
    return as_table(table_).contains(key);
}

bool TomlTable::holds_number(std::string_view key) const {
    auto const* const node = as_table(table_).get(key);
    return node != nullptr && node->is_integer();
}

std::vector<std::string> TomlTable::keys() const {
    std::vector<std::string> out;
    for (auto const& [key, node] : as_table(table_)) out.emplace_back(key.str());
    return out;
}

void TomlTable::ignore(std::string_view key) {
    file_->know(as_table(table_), key);
}

void TomlTable::mistake(std::string_view key, std::string_view what) {
    auto const& table = as_table(table_);
    auto const* const node = table.get(key);
    auto const place = place_of(node == nullptr ? table.source() : node->source());
    file_->note(place, path_of(key) + " " + std::string(what));
}

void TomlTable::must_be(std::string_view key, std::string_view expected) {
    mistake(key, "must be " + std::string(expected));
}

namespace {

/// The keys of to_dict(AccountSpec); types and ranges are checked here, where line and column are known.
AccountSpec read_account(TomlTable& table) {
    AccountSpec account;
    account.provider = table.string("provider").value_or("");
    account.host = ascii_lower(table.string("host").value_or(""));
    account.port = static_cast<std::uint16_t>(table.number("port", 1, 65535).value_or(0));
    account.tls = table.word("tls", parse_tls_mode, "\"implicit\", \"starttls\" or \"cleartext\"")
                      .value_or(TlsMode::implicit);
    account.login = table.string("login").value_or("");
    account.address = table.string("address").value_or(account.login);
    account.authorize_as = table.string("authorize_as").value_or("");
    account.auth =
        table.word("auth", parse_auth_method, "\"password\" or \"xoauth2\"").value_or(AuthMethod::password);
    account.tls_pin = ascii_lower(table.string("tls_pin").value_or(""));
    if (account.login.empty()) table.mistake("login", "is missing");
    auto const checked = account_from_dict(to_dict(account), "account");
    if (checked.has_error() && !account.login.empty())
        table.mistake("login", "and the rest: " + checked.error().message);
    return account;
}

Result<AccountFile> parse(std::string_view text, std::string const& name, bool is_private) {
    TomlFile file(text, name);
    auto root = file.root();
    AccountFile result;
    result.account = read_account(root);
    result.password_file = root.string("password_file").value_or("");
    if (root.contains("password")) {
        root.ignore("password");
        root.mistake("password", "does not belong in this file; name a file of mode 0600 by password_file");
    }
    if (!result.password_file.empty() && !is_private) {
        root.mistake("password_file",
                     "is trusted only where nobody else can read or change this file: chmod 600 " + name);
    }
    auto const end = file.finish();
    if (end.has_error()) return end.error();
    return result;
}

/// Closes the descriptor when it goes.
class File {
 public:
    explicit File(std::string const& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)) {}
    ~File() {
        if (fd_ >= 0) (void)::close(fd_);  // Nothing was written.
    }
    File(File const&) = delete;
    File& operator=(File const&) = delete;
    int fd() const { return fd_; }

 private:
    int fd_;
};

Error cannot_read(std::string const& path, std::string_view why) {
    return {ErrorCode::invalid_argument, "read " + printable(path) + ": " + std::string(why)};
}

std::string reason(int error) {
    return std::generic_category().message(error);
}

Result<std::string> read_all(File const& file, std::string const& path, std::size_t bytes_max) {
    if (file.fd() < 0) return cannot_read(path, reason(errno));
    std::string content;
    std::array<char, 4096> buffer{};
    for (;;) {
        auto const count = ::read(file.fd(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return cannot_read(path, reason(errno));
        if (count == 0) return content;
        content.append(buffer.data(), static_cast<std::size_t>(count));
        if (content.size() > bytes_max)
            return cannot_read(path, "more than " + std::to_string(bytes_max) + " bytes");
    }
}

}  // namespace

Result<AccountFile> read_account_file(std::string const& path) {
    File const file(path);
    auto const text = read_all(file, path, account_file_bytes_max);
    if (text.has_error()) return text.error();
    struct stat status {};
    bool const is_private = ::fstat(file.fd(), &status) == 0 && (status.st_mode & 077U) == 0;
    return parse(*text, path, is_private);
}

Result<AccountFile> parse_account_file(std::string_view text, std::string const& name) {
    return parse(text, name, true);
}

Result<std::string> read_small_file(std::string const& path, std::size_t bytes_max) {
    return read_all(File(path), path, bytes_max);
}

}  // namespace imapcopy
