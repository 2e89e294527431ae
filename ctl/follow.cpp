#include "ctl/follow.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>

#include "common/messages.hpp"
#include "ctl/caught.hpp"
#include "ctl/exit_status.hpp"
#include "ctl/job_text.hpp"

namespace imapcopy::ctl {
namespace {

using Jobs = std::map<JobId, JobView>;

/// How long Ctrl-C and the end of --wait may go unnoticed.
constexpr std::chrono::milliseconds wake_up{200};
/// Between two lines about one job that only got further.
constexpr std::chrono::seconds line_interval{5};

/// What becomes of changes on the way to the person.
class Display {
 public:
    virtual ~Display() = default;
    virtual void changed(JobView const& job) = 0;
    virtual void say(std::string const& line) = 0;
    /// After a round of changes, and at the end.
    virtual void refresh(Jobs const& jobs) = 0;
};

class NoDisplay final : public Display {
 public:
    void changed(JobView const& /*job*/) override {}
    void say(std::string const& /*line*/) override {}
    void refresh(Jobs const& /*jobs*/) override {}
};

/// Remarks are no part of the output.
class JsonDisplay final : public Display {
 public:
    JsonDisplay(Style const& style, Terminal& terminal) : style_(style), terminal_(terminal) {}

    void changed(JobView const& job) override {
        if (style_.format == Format::json) return;
        print_document(terminal_, style_, "job", job_fields(job, style_.language));
    }
    void say(std::string const& line) override { terminal_.err(line + "\n"); }
    void refresh(Jobs const& /*jobs*/) override {}

 private:
    Style const& style_;
    Terminal& terminal_;
};

/// A line per change of phase, and now and then one of progress.
class LineDisplay final : public Display {
 public:
    LineDisplay(Style const& style, Terminal& terminal) : style_(style), terminal_(terminal) {}

    void changed(JobView const& job) override {
        auto const now = terminal_.now();
        auto const text = text_style(style_, terminal_);
        auto const known = last_.find(job.id);
        bool const moved =
            known == last_.end() || known->second.phase != job.phase || known->second.note != note(job, text);
        if (!moved && now - known->second.when < line_interval) return;
        last_[job.id] = {job.phase, note(job, text), now};
        auto line = "job " + to_string(job.id) + ": " + progress_sentence(job, text);
        if (auto const why = note(job, text); !why.empty()) line += "; " + why;
        terminal_.out(line + "\n");
    }
    void say(std::string const& line) override { terminal_.out(line + "\n"); }
    void refresh(Jobs const& /*jobs*/) override {}

 private:
    struct Last {
        Phase phase;
        std::string note;
        TimePoint when;
    };
    Style const& style_;
    Terminal& terminal_;
    std::map<JobId, Last> last_;
};

/// Bars that are drawn over; unfinished jobs first, as many as fit.
class BarDisplay final : public Display {
 public:
    BarDisplay(Style const& style, Terminal& terminal) : style_(style), terminal_(terminal) {}

    void changed(JobView const& /*job*/) override {}
    void say(std::string const& line) override {
        terminal_.out(erased() + line + "\n");
        drawn_ = 0;
    }
    void refresh(Jobs const& jobs) override {
        auto const lines = rows(jobs);
        if (lines == shown_ && drawn_ > 0) return;
        auto out = erased();
        for (auto const& line : lines) out += line + "\n";
        terminal_.out(out);
        drawn_ = lines.size();
        shown_ = lines;
    }

 private:
    /// Moves up over what was drawn and clears it: CSI n F, CSI J.
    std::string erased() const { return drawn_ == 0 ? "" : "\x1b[" + std::to_string(drawn_) + "F\x1b[J"; }

    std::vector<std::string> rows(Jobs const& jobs) const {
        auto const size = terminal_.size();
        auto const columns = std::max<std::size_t>(size.columns, 20) - 1;
        auto const rows_max = std::max<std::size_t>(size.rows, 4) / 2 - 1;
        auto const text = text_style(style_, terminal_);
        std::vector<JobView const*> order;
        for (auto const& [id, job] : jobs) order.push_back(&job);
        std::ranges::stable_sort(order, [](auto const* a, auto const* b) { return rank(*a) < rank(*b); });
        std::vector<std::string> out;
        for (auto const* const job : order) {
            if (out.size() / 2 == rows_max) {
                out.push_back(message(Message::ctl_more_jobs, style_.language,
                                      {std::to_string(order.size() - rows_max)}));
                break;
            }
            auto title = "job " + to_string(job->id) + "  " + route(*job) + "  " +
                         std::string(to_string(state_of(job->phase)));
            if (auto const pace = pace_sentence(*job, text); !pace.empty()) title += "  " + pace;
            out.push_back(display_width(title) <= columns ? title : fitted(title, columns));
            out.push_back("  " + progress_bar(*job, text, columns - 2));
        }
        return out;
    }

    /// At work, then waiting, then ended.
    static int rank(JobView const& job) {
        if (holds_slot(job.phase)) return 0;
        return has_ended(job) ? 2 : 1;
    }

    Style const& style_;
    Terminal& terminal_;
    std::size_t drawn_ = 0;
    std::vector<std::string> shown_;
};

std::unique_ptr<Display> make_display(Style const& style, Terminal& terminal) {
    if (is_json(style)) return std::make_unique<JsonDisplay>(style, terminal);
    if (style.quiet) return std::make_unique<NoDisplay>();
    if (terminal.out_is_terminal()) return std::make_unique<BarDisplay>(style, terminal);
    return std::make_unique<LineDisplay>(style, terminal);
}

class Follower {
 public:
    Follower(FollowOptions const& options, Style const& style, DaemonClient& client, Terminal& terminal)
        : options_(options),
          style_(style),
          client_(client),
          terminal_(terminal),
          display_(make_display(style, terminal)) {}

    Followed run() {
        auto const status = follow();
        return {status, std::move(jobs_)};
    }

 private:
    int follow() {
        auto const end = options_.limit ? std::optional(terminal_.now() + *options_.limit) : std::nullopt;
        terminal_.catch_interrupts();
        client_.follow();
        read();
        for (;;) {
            display_->refresh(jobs_);
            if (std::ranges::all_of(jobs_, [this](auto const& item) { return is_done(item.second); }))
                return ended();
            if (terminal_.interrupted()) return stopped(Message::ctl_detached, exit_status::detached);
            if (end && terminal_.now() >= *end)
                return stopped(Message::ctl_wait_over, exit_status::wait_over);
            for (auto const& event : client_.wait_for_change(wake_up)) take(event);
        }
    }

    bool is_done(JobView const& job) const {
        return has_ended(job) || (options_.until_parked && is_parked(job));
    }

    void put(JobView const& job) {
        removed_.erase(job.id);
        auto const [place, is_new] = jobs_.try_emplace(job.id, job);
        if (!is_new && place->second == job) return;
        place->second = job;
        display_->changed(job);
    }

    /// The whole state, at the start and after the daemon was away.
    void read() {
        if (options_.every_unfinished) {
            for (auto const& job : client_.jobs()) {
                if (!has_ended(job) || jobs_.contains(job.id)) put(job);
            }
            return;
        }
        for (auto const id : options_.jobs) {
            if (auto const job = client_.job(id)) {
                put(*job);
            } else {
                remove(id);
            }
        }
    }

    void remove(JobId id) {
        auto const known = jobs_.find(id);
        bool const was_known = known != jobs_.end();
        if (std::ranges::find(options_.jobs, id) != options_.jobs.end()) {
            bool const end_seen = was_known && has_ended(known->second);
            removed_.try_emplace(id, end_seen ? exit_status_of(known->second) : exit_status::no_such);
        }
        if (!was_known) return;
        jobs_.erase(known);
        say(Message::ctl_removed, {to_string(id)});
    }

    void take(Event const& event) {
        switch (event.kind) {
            case Event::Kind::job_added:
                if (options_.every_unfinished && event.job) put(*event.job);
                return;
            case Event::Kind::job_changed:
            case Event::Kind::job_ended:
                if (event.job && jobs_.contains(event.id)) put(*event.job);
                return;
            case Event::Kind::job_removed: remove(event.id); return;
            case Event::Kind::status_changed: return;
            case Event::Kind::daemon_gone: say(Message::ctl_daemon_gone, {}); return;
            case Event::Kind::daemon_back:
                say(Message::ctl_daemon_back, {});
                (void)caught(
                    [this] { read(); });  // It may be gone again; the next time it is back we read anew.
                return;
        }
    }

    void say(Message id, std::initializer_list<std::string_view> arguments) {
        display_->say(message(id, style_.language, arguments));
    }

    int stopped(Message id, int status) {
        terminal_.err(message(id, style_.language) + "\n");
        return status;
    }

    int ended() {
        for (auto const& [id, status] : removed_) {
            if (status != exit_status::no_such) continue;
            terminal_.err(message(Message::ctl_end_unknown, style_.language, {to_string(id)}) + "\n");
        }
        return status();
    }

    int status() const {
        constexpr std::array gravest_first = {
            exit_status::no_such,        exit_status::job_failed,
            exit_status::source_refused, exit_status::destination_refused,
            exit_status::temporary,      exit_status::with_exceptions};
        std::set<int> statuses;
        for (auto const& [id, job] : jobs_) statuses.insert(exit_status_of(job));
        for (auto const& [id, status] : removed_) statuses.insert(status);
        for (auto const candidate : gravest_first) {
            if (statuses.contains(candidate)) return candidate;
        }
        return exit_status::done;
    }

    FollowOptions const& options_;
    Style const& style_;
    DaemonClient& client_;
    Terminal& terminal_;
    std::unique_ptr<Display> display_;
    Jobs jobs_;
    std::map<JobId, int> removed_;  ///< Of those asked for: the status of its end, no_such if nobody saw it.
};

}  // namespace

Followed follow_jobs(FollowOptions const& options, Style const& style, DaemonClient& client,
                     Terminal& terminal) {
    return Follower(options, style, client, terminal).run();
}

}  // namespace imapcopy::ctl
