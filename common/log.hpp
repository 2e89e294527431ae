#pragma once

// Logging: one event, one line, key=value. To the journal with structured fields, else to stderr.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace imapcopy {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
/// "debug", "info", "warning", "error" → level.
std::optional<LogLevel> parse_log_level(std::string_view text);

/// A field beside the message: `job=17` for people, `JOB_ID=17` in the journal. Values are escaped by the
/// log.
struct LogField {
    std::string_view key;  ///< Lower case, a–z and _: job, side, mailbox, error, …
    std::string value;
};

class Log {
 public:
    virtual ~Log() = default;
    /// Never throws and never blocks for long. `message` is one line, without a full stop.
    virtual void write(LogLevel level, std::string_view message,
                       std::initializer_list<LogField> fields = {}) = 0;
};

/// Goes to the journal if stderr is connected to it (JOURNAL_STREAM), else to stderr by spdlog.
class ProcessLog final : public Log {
 public:
    explicit ProcessLog(LogLevel level);
    ~ProcessLog() override;
    ProcessLog(ProcessLog const&) = delete;
    ProcessLog& operator=(ProcessLog const&) = delete;

    void set_level(LogLevel level);
    void write(LogLevel level, std::string_view message,
               std::initializer_list<LogField> fields = {}) override;

 private:
    class Sink;
    std::unique_ptr<Sink> sink_;
};

/// Forgets everything.
class NullLog final : public Log {
 public:
    void write(LogLevel, std::string_view, std::initializer_list<LogField>) override {}
};

}  // namespace imapcopy
