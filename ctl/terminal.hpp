#pragma once

// Terminal: the person or program in front of us, and the time of day there. Commands print and ask through
// it, so that tests own both.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/clock_types.hpp"
#include "common/secret.hpp"

namespace imapcopy::ctl {

class Terminal {
 public:
    struct Size {
        std::size_t columns = 80;
        std::size_t rows = 24;
    };

    virtual ~Terminal() = default;
    /// Standard output and standard error; written at once. Text of others must be printable() already.
    virtual void out(std::string_view text) = 0;
    virtual void err(std::string_view text) = 0;
    virtual bool out_is_terminal() const = 0;
    virtual Size size() const = 0;

    /// Whether a person can be asked: there is a controlling terminal.
    virtual bool can_ask() = 0;
    /// One line without its end; nothing at the end of input.
    virtual std::optional<std::string> ask(std::string_view question) = 0;
    /// The same without echo. Empty where nothing was typed. Failure(cancelled) at the end of input.
    virtual Secret ask_secret(std::string_view question) = 0;
    /// Such a question has been left so, or by Ctrl-C.
    virtual bool left_unanswered() const = 0;

    /// From here on Ctrl-C does not end the program but is told by interrupted().
    virtual void catch_interrupts() = 0;
    virtual bool interrupted() = 0;

    virtual TimePoint now() const = 0;
    virtual WallTime wall_now() const = 0;
};

/// Standard output and error, and /dev/tty for questions.
class RealTerminal final : public Terminal {
 public:
    RealTerminal();
    ~RealTerminal() override;
    RealTerminal(RealTerminal const&) = delete;
    RealTerminal& operator=(RealTerminal const&) = delete;

    void out(std::string_view text) override;
    void err(std::string_view text) override;
    bool out_is_terminal() const override;
    Size size() const override;
    bool can_ask() override;
    std::optional<std::string> ask(std::string_view question) override;
    Secret ask_secret(std::string_view question) override;
    bool left_unanswered() const override { return left_unanswered_; }
    void catch_interrupts() override;
    bool interrupted() override;
    TimePoint now() const override;
    WallTime wall_now() const override;

 private:
    class Impl;
    std::unique_ptr<Impl> impl_;
    bool left_unanswered_ = false;
};

}  // namespace imapcopy::ctl
