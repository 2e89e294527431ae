#pragma once

// A daemon and a terminal that tests own. The daemon keeps jobs in a map; the terminal records and answers
// from a list.

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/result.hpp"
#include "common/text.hpp"
#include "ctl/service_proxy.hpp"
#include "ctl/terminal.hpp"

namespace imapcopy::ctl::test {

class FakeTerminal final : public Terminal {
 public:
    void out(std::string_view text) override { output += text; }
    void err(std::string_view text) override { errors += text; }
    bool out_is_terminal() const override { return is_terminal; }
    Size size() const override { return {100, 24}; }
    bool can_ask() override { return asks; }
    std::optional<std::string> ask(std::string_view question) override {
        questions.emplace_back(question);
        if (answers.empty()) return std::nullopt;
        auto answer = answers.front();
        answers.pop_front();
        return answer;
    }
    Secret ask_secret(std::string_view question) override {
        questions.emplace_back(question);
        unanswered = secrets.empty();
        if (unanswered) throw Failure(ErrorCode::cancelled, "no password was given");
        Secret secret(secrets.front());
        secrets.pop_front();
        return secret;
    }
    bool left_unanswered() const override { return unanswered; }
    void catch_interrupts() override {}
    bool interrupted() override { return interrupt; }
    TimePoint now() const override { return time; }
    WallTime wall_now() const override {
        return WallTime{std::chrono::seconds(1'795'248'900)} +
               std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
    }

    std::string output;
    std::string errors;
    bool is_terminal = false;
    bool asks = true;
    bool interrupt = false;
    bool unanswered = false;
    TimePoint time;
    std::deque<std::string> answers;
    std::deque<std::string> secrets;
    std::vector<std::string> questions;
};

class FakeDaemon final : public DaemonClient {
 public:
    explicit FakeDaemon(FakeTerminal& terminal) : terminal_(terminal) {}

    bool daemon_running() override { return running; }
    bool start() override {
        calls.emplace_back("start");
        return running = running || startable;
    }

    void begin_test(AccountSpec const& account, Side side, Secret const& secret) override {
        calls.push_back("test " + std::string(to_string(side)) + " " + account.login + " " +
                        std::string(secret.reveal()));
        tested_accounts_[side] = account;
    }
    TestView finish_test(Side side) override {
        fail_if_told("test");
        TestView view;
        view.account = tested_accounts_.at(side);
        view.greeting = "ready\x1b[31m";
        view.folders = 7;
        return view;
    }
    JobId submit(JobSpec const& spec, Secret const& source, Secret const& destination) override {
        call("submit " + std::string(source.reveal()) + " " + std::string(destination.reveal()));
        JobView job;
        job.id = JobId{118};
        job.spec = spec;
        jobs_by_id[job.id] = job;
        return job.id;
    }
    PlanView plan(JobSpec const& spec, Secret const& /*source*/, Secret const& /*destination*/) override {
        call("plan");
        PlanView view;
        view.source = spec.source;
        view.destination = spec.destination;
        view.folders.push_back({.source = "INBOX",
                                .destination = "INBOX",
                                .create = false,
                                .messages = 10,
                                .to_copy = 4,
                                .bytes = 2000});
        view.folders.push_back({.source = "Gel\xc3\xb6scht\x07",
                                .destination = "Trash",
                                .create = true,
                                .messages = 1,
                                .to_copy = 1,
                                .bytes = 100});
        view.exceptions.push_back(
            {.folder = "bad", .code = "FolderNameCollision", .text = "two folders, one name"});
        return view;
    }

    std::vector<JobView> jobs() override {
        std::vector<JobView> out;
        for (auto const& [id, job] : jobs_by_id) out.push_back(job);
        return out;
    }
    std::optional<JobView> job(JobId id) override {
        auto const found = jobs_by_id.find(id);
        return found == jobs_by_id.end() ? std::nullopt : std::optional(found->second);
    }
    std::vector<JobId> find(std::string_view source_address) override {
        std::vector<JobId> out;
        for (auto const& [id, job] : jobs_by_id) {
            if (ascii_iequals(job.spec.source.address, source_address)) out.push_back(id);
        }
        return out;
    }

    void hold(JobId id) override { call("hold " + to_string(id)); }
    void release(JobId id) override { call("release " + to_string(id)); }
    void cancel(JobId id) override { call("cancel " + to_string(id)); }
    void retry(JobId id, Secret const& source, Secret const& destination) override {
        call("retry " + to_string(id) + " " + std::string(source.reveal()) + " " +
             std::string(destination.reveal()));
    }
    void resync(JobId id, Secret const& source, Secret const& destination) override {
        call("resync " + to_string(id) + " " + std::string(source.reveal()) + " " +
             std::string(destination.reveal()));
    }
    VerificationView verify(JobId id, VerifyLevel level, Secret const& source,
                            Secret const& destination) override {
        call("verify " + to_string(id) + " " + std::string(to_string(level)) + " " +
             std::string(source.reveal()) + " " + std::string(destination.reveal()));
        return verification;
    }
    void set_secret(JobId id, Side side, Secret const& secret) override {
        call("set_secret " + to_string(id) + " " + std::string(to_string(side)) + " " +
             std::string(secret.reveal()));
    }
    void forget(JobId id, Ledger ledger) override {
        call("forget " + to_string(id) + (ledger == Ledger::forget ? " ledger" : ""));
    }
    std::vector<ItemView> items(JobId id, std::string_view kind, std::uint32_t offset,
                                std::uint32_t count) override {
        call("items " + to_string(id) + " " + std::string(kind));
        if (kind != "exceptions") return {};
        std::vector<ItemView> out;
        for (auto i = offset; i < std::min(offset + count, items_total); ++i) {
            out.push_back({.source_uid = i + 1,
                           .folder = "INBOX",
                           .code = "AppendRejected",
                           .size_bytes = 10,
                           .text = "no, \"never\"",
                           .destination_uid = ""});
        }
        return out;
    }
    std::string report(JobId id, std::string_view format, std::string_view language) override {
        call("report " + to_string(id) + " " + std::string(format) + " " + std::string(language));
        return "line one\nline\x1btwo\n";
    }

    void hold_all() override { call("hold_all"); }
    void release_all() override { call("release_all"); }
    void reload() override { call("reload"); }
    StatusView status() override {
        return {.version = "1.2",
                .state = "running",
                .jobs_by_state = {{JobState::in_progress, 3}},
                .workers_busy = 2,
                .bytes_per_second = 1'500'000};
    }
    std::vector<Dict> list_providers(std::string_view side, std::string_view /*language*/) override {
        call("list_providers " + std::string(side));
        return {{{"id", std::string("gmail")},
                 {"name", std::string("Gmail")},
                 {"login", std::string(login_form)},
                 {"host", std::string("imap.gmail.com")},
                 {"port", std::uint32_t{993}},
                 {"retired", false},
                 {"source", true}},
                {{"id", std::string("old")}, {"name", std::string("Old")}, {"retired", true}}};
    }
    Dict detect_provider(std::string_view address) override {
        call("detect " + std::string(address));
        return list_providers("", "en").front();
    }

    std::string login_form = "address";  ///< Of Gmail.
    void follow() override { calls.emplace_back("follow"); }
    /// Plays one step of `script` a call; time goes on by `timeout`.
    std::vector<Event> wait_for_change(std::chrono::milliseconds timeout) override {
        terminal_.time += timeout;
        if (script.empty()) return {};
        auto const step = script.front();
        script.pop_front();
        return step();
    }

    /// Changes a job and tells of it.
    std::vector<Event> change(JobId id, std::function<void(JobView&)> const& edit) {
        auto& job = jobs_by_id.at(id);
        edit(job);
        auto const ended =
            state_of(job.phase) == JobState::finished || state_of(job.phase) == JobState::error;
        return {{.kind = ended ? Event::Kind::job_ended : Event::Kind::job_changed, .id = id, .job = job}};
    }

    bool running = true;
    bool startable = true;
    bool dies_on_failure = false;
    std::uint32_t items_total = 1;
    VerificationView verification{.level = "index",
                                  .folders = 2,
                                  .messages = 30,
                                  .differences = 0,
                                  .explained = 0,
                                  .totals = {},
                                  .listed = {}};
    std::map<JobId, JobView> jobs_by_id;
    std::vector<std::string> calls;
    std::map<std::string, std::deque<Error>>
        failures;  ///< By the first word of the call; each is thrown once.
    std::deque<std::function<std::vector<Event>()>> script;

 private:
    void call(std::string text) {
        auto const word = text.substr(0, text.find(' '));
        calls.push_back(std::move(text));
        fail_if_told(word);
    }
    void fail_if_told(std::string const& word) {
        auto const found = failures.find(word);
        if (found == failures.end() || found->second.empty()) return;
        auto error = found->second.front();
        found->second.pop_front();
        if (dies_on_failure) running = false;
        throw Failure(std::move(error));
    }

    std::map<Side, AccountSpec> tested_accounts_;
    FakeTerminal& terminal_;
};

}  // namespace imapcopy::ctl::test
