#pragma once

// TOML files read strictly, all mistakes at once with line and column; and an account described in one
// ("@FILE.toml").

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/job.hpp"
#include "common/result.hpp"

namespace imapcopy {

class TomlTable;

/// A parsed file that collects what is wrong with it. Read every known key through its tables, then ask
/// finish(): keys that nobody asked for are mistakes too.
class TomlFile {
 public:
    /// Never fails: a syntax error is a mistake, and the root table is then empty. `name` stands for the file
    /// in messages.
    TomlFile(std::string_view text, std::string name);
    ~TomlFile();
    TomlFile(TomlFile const&) = delete;
    TomlFile& operator=(TomlFile const&) = delete;

    TomlTable root();
    /// One Error(invalid_argument) with a line per mistake, "NAME:LINE:COLUMN: what", in the order of the
    /// file.
    Result<> finish();

 private:
    friend class TomlTable;
    class Impl;
    std::unique_ptr<Impl> impl_;
};

/// One table of a file. A cheap handle, valid while the TomlFile lives. A reader answers nothing both for an
/// absent key and for a wrong value; the latter is noted as a mistake.
class TomlTable {
 public:
    std::optional<std::string> string(std::string_view key);
    std::optional<bool> boolean(std::string_view key);
    std::optional<std::uint64_t> number(std::string_view key, std::uint64_t least = 0,
                                        std::uint64_t most = std::numeric_limits<std::int64_t>::max());
    std::optional<std::vector<std::string>> strings(std::string_view key);
    std::optional<TomlTable> table(std::string_view key);
    /// The elements of an array of tables; empty where it is absent.
    std::vector<TomlTable> tables(std::string_view key);
    /// A string that `parse` understands; `expected` ends the sentence "… must be EXPECTED".
    template <class T>
    std::optional<T> word(std::string_view key, std::optional<T> (*parse)(std::string_view),
                          std::string_view expected) {
        auto const text = string(key);
        if (!text) return std::nullopt;
        auto value = parse(*text);
        if (!value) must_be(key, expected);
        return value;
    }

    bool contains(std::string_view key) const;
    /// True for a whole number; for keys that take a number or a string.
    bool holds_number(std::string_view key) const;
    std::vector<std::string> keys() const;
    /// Marks `key` as known without reading it.
    void ignore(std::string_view key);
    /// Notes a mistake at the value of `key`, or at the table where the key is absent.
    void mistake(std::string_view key, std::string_view what);
    /// Notes the mistake "KEY must be EXPECTED".
    void must_be(std::string_view key, std::string_view expected);

 private:
    friend class TomlFile;
    TomlTable(TomlFile::Impl& file, void const* table, std::string path)
        : file_(&file), table_(table), path_(std::move(path)) {}
    std::string path_of(std::string_view key) const;

    TomlFile::Impl* file_;
    void const* table_;  ///< A toml::table of the file; the library stays behind account_file.cpp.
    std::string path_;   ///< "limits." or empty, for messages.
};

/// What an account file says: the keys of to_dict(AccountSpec), and where the password lies.
struct AccountFile {
    AccountSpec account;
    std::string password_file;  ///< Path of a file of mode 0600, or empty.
    bool operator==(AccountFile const&) const = default;
};

/// Reads `path` (at most 64 KiB). A key `password` is refused with a hint; `password_file` only where nobody
/// but the owner can read or change the account file. Error(invalid_argument) lists every mistake.
Result<AccountFile> read_account_file(std::string const& path);
/// The same from text; `name` stands for the file in messages.
Result<AccountFile> parse_account_file(std::string_view text, std::string const& name);

/// The content of `path`, at most `bytes_max`. Error(invalid_argument) where it cannot be read or is longer.
Result<std::string> read_small_file(std::string const& path, std::size_t bytes_max);

}  // namespace imapcopy
