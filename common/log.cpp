#include "common/log.hpp"

#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "common/text.hpp"

namespace imapcopy {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

int to_syslog_priority(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return 3;
    if (level == spdlog::level::warn) return 4;
    return level == spdlog::level::info ? 6 : 7;
}

/// systemd sets JOURNAL_STREAM to the device and inode of the stream it connected to stderr.
bool stderr_is_the_journal() {
    auto const* const stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return std::string_view(stream) == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

/// `job` is JOB_ID in the journal, other keys are their upper case behind the project's prefix.
std::string journal_name(std::string_view key) {
    if (key == "job") return "JOB_ID";
    std::string name = "IMAPCOPY_";
    for (auto const c : key) name += ascii_upper(c);
    return name;
}

/// Sends each line with its fields to the journal. spdlog 1.10's own systemd sink knows no fields.
class JournalSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
    std::vector<std::string> fields;  ///< "NAME=value", set just before the line that they belong to.

 private:
    void sink_it_(spdlog::details::log_msg const& message) override {
        std::vector<std::string> lines = {
            "MESSAGE=" + std::string(message.payload.data(), message.payload.size()),
            "PRIORITY=" + std::to_string(to_syslog_priority(message.level)), "SYSLOG_IDENTIFIER=imapcopyd"};
        lines.insert(lines.end(), fields.begin(), fields.end());
        std::vector<iovec> parts;
        parts.reserve(lines.size());
        for (auto& line : lines) parts.push_back({line.data(), line.size()});
        (void)::sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));  // Nowhere to report it.
    }
    void flush_() override {}
};

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) {
    if (text == "debug") return LogLevel::debug;
    if (text == "info") return LogLevel::info;
    if (text == "warning") return LogLevel::warning;
    if (text == "error") return LogLevel::error;
    return std::nullopt;
}

class ProcessLog::Sink {
 public:
    Sink()
        : journal_(stderr_is_the_journal() ? std::make_shared<JournalSink>() : nullptr),
          logger_(make_logger()) {
        if (!journal_) logger_.set_pattern("%Y-%m-%dT%H:%M:%S.%e %l: %v");
    }

    void set_level(LogLevel level) { logger_.set_level(to_spdlog(level)); }

    void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
        if (!logger_.should_log(to_spdlog(level))) return;
        auto line = printable(message, line_bytes_max);
        if (journal_) journal_->fields.clear();
        for (auto const& field : fields) {
            auto const value = printable(field.value, line_bytes_max);
            line += " " + std::string(field.key) + "=" + quoted_if_needed(value);
            if (journal_) journal_->fields.push_back(journal_name(field.key) + "=" + value);
        }
        logger_.log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
        logger_.flush();
    }

 private:
    static constexpr std::size_t line_bytes_max = 2048;

    static std::string quoted_if_needed(std::string const& value) {
        if (!value.empty() && value.find_first_of(" \"=") == std::string::npos) return value;
        std::string quoted = "\"";
        for (auto const c : value) quoted += c == '"' ? std::string("\\\"") : std::string(1, c);
        return quoted + "\"";
    }

    spdlog::logger make_logger() {
        if (journal_) return {"imapcopyd", journal_};
        return {"imapcopyd", std::make_shared<spdlog::sinks::stderr_sink_st>()};
    }

    std::shared_ptr<JournalSink> journal_;
    spdlog::logger logger_;
};

ProcessLog::ProcessLog(LogLevel level) : sink_(std::make_unique<Sink>()) {
    sink_->set_level(level);
}
ProcessLog::~ProcessLog() = default;
void ProcessLog::set_level(LogLevel level) {
    sink_->set_level(level);
}
void ProcessLog::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    sink_->write(level, message, fields);
}

}  // namespace imapcopy
