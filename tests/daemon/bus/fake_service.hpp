#pragma once

// A service without a copier behind it: keeps jobs in a map and remembers what it was asked.

#include <map>
#include <string>
#include <vector>

#include "daemon/jobs/service.hpp"

namespace imapcopy::bus {

class FakeService final : public jobs::Service {
 public:
    void set_listener(jobs::JobListener* listener) override { listener_ = listener; }

    Task<jobs::TestResult> test(AccountSpec account, Side side, Secret secret) override {
        asked.push_back("test " + std::string(to_string(side)) + " " + std::string(secret.reveal()));
        if (secret.reveal() == "hang") co_await clock->sleep_for(std::chrono::hours(1));
        if (secret.reveal() != "right") {
            throw Failure(Error{ErrorCode::auth_rejected, "login refused", "no such user", side});
        }
        account.host = "imap.example.org";
        account.port = 993;
        co_return jobs::TestResult{account, "ready", {"IMAP4rev1", "UIDPLUS"}, 7};
    }

    Task<JobId> submit(jobs::Caller caller, JobSpec spec, Secret source, Secret destination) override {
        asked.push_back("submit by " + std::to_string(caller.uid) + " " + std::string(source.reveal()) + "/" +
                        std::string(destination.reveal()));
        if (spec.label == "again") throw Failure(ErrorCode::job_exists, "Todo for sync this account exists.");
        JobView view;
        view.id = JobId{++last_id};
        view.owner_uid = caller.uid;
        view.spec = std::move(spec);
        view.created = WallTime(std::chrono::microseconds(1'700'000'000'000'000));
        views[view.id] = view;
        if (listener_ != nullptr) listener_->job_added(view);
        co_return view.id;
    }

    Task<jobs::PlanResult> plan(JobSpec spec, Secret, Secret) override {
        asked.emplace_back("plan");
        jobs::PlanResult result;
        result.source = spec.source;
        result.destination = spec.destination;
        result.summary.folders.push_back({"Sent", "Gesendet", true, 12, 10, 4096});
        result.summary.exceptions.push_back({"Odd", {}, "FolderNameCollision", 0, "two folders, one name"});
        co_return result;
    }

    std::vector<JobView> jobs() const override {
        std::vector<JobView> list;
        for (auto const& [id, view] : views) list.push_back(view);
        return list;
    }
    std::optional<JobView> job(JobId id) const override {
        auto const found = views.find(id);
        if (found == views.end()) return std::nullopt;
        return found->second;
    }
    std::vector<JobId> find(std::string_view source_address) const override {
        std::vector<JobId> ids;
        for (auto const& [id, view] : views) {
            if (view.spec.source.address == source_address) ids.push_back(id);
        }
        return ids;
    }

    Task<> hold(JobId id) override { return note("hold", id); }
    Task<> release(JobId id) override { return note("release", id); }
    Task<> cancel(JobId) override { throw Failure(ErrorCode::wrong_state, "the job has ended"); }
    Task<> retry(JobId id, Secret source, Secret destination) override {
        return note("retry " + std::string(source.reveal()) + "/" + std::string(destination.reveal()), id);
    }
    Task<> resync(JobId id, Secret source, Secret destination) override {
        return note("resync " + std::string(source.reveal()) + "/" + std::string(destination.reveal()), id);
    }
    Task<copy::VerifyResult> verify(JobId id, VerifyLevel level, Secret source, Secret destination) override {
        asked.push_back("verify " + std::string(to_string(level)) + " " + std::string(source.reveal()) + "/" +
                        std::string(destination.reveal()) + " " + to_string(id));
        copy::VerifyResult result;
        result.folders = 3;
        result.messages = 40;
        result.totals.at(static_cast<std::size_t>(copy::DifferenceKind::missing)) = 150;
        result.totals.at(static_cast<std::size_t>(copy::DifferenceKind::moved)) = 1;
        result.listed.push_back({copy::DifferenceKind::missing, "INBOX", "INBOX", copy::Uid(7), copy::Uid(),
                                 "bad bytes \xff here"});
        result.listed.push_back({copy::DifferenceKind::moved, "Sent", "Gesendet", copy::Uid(8), copy::Uid(9),
                                 "it stands elsewhere"});
        co_return result;
    }
    Task<> set_secret(JobId id, Side side, Secret secret) override {
        return note("secret " + std::string(to_string(side)) + " " + std::string(secret.reveal()), id);
    }
    Task<> forget(JobId id, bool ledger) override {
        asked.push_back(ledger ? "forget all" : "forget");
        views.erase(id);
        if (listener_ != nullptr) listener_->job_removed(id);
        co_return;
    }
    Task<std::vector<store::Item>> items(JobId, std::string kind, std::uint32_t offset,
                                         std::uint32_t count) override {
        if (kind != "exceptions") throw Failure(ErrorCode::invalid_argument, "unknown kind");
        store::Item item;
        item.source_uid = offset;
        item.folder = "INBOX";
        item.code = "AppendRejected";
        item.size_bytes = count;
        item.text = "bad bytes \xff here";
        co_return std::vector<store::Item>{item};
    }
    Task<std::string> report(JobId, std::string format, std::string language) override {
        co_return "report in " + format + ", " + language + "\n" + std::string(200'000, 'x');
    }

    Task<> hold_all() override { return note("hold all", JobId{}); }
    Task<> release_all() override { return note("release all", JobId{}); }
    Task<> reload() override { return note("reload", JobId{}); }
    jobs::ServiceStatus status() const override { return current_status; }
    config::Providers const& providers() const override { return no_providers; }

    jobs::JobListener* listener() { return listener_; }

    Clock* clock = nullptr;
    std::uint32_t last_id = 0;
    std::map<JobId, JobView> views;
    std::vector<std::string> asked;
    jobs::ServiceStatus current_status{"running", {{JobState::not_started, 2}}, 1, 5000};
    config::Providers no_providers;

 private:
    Task<> note(std::string what, JobId id) {
        asked.push_back(what + " " + to_string(id));
        co_return;
    }

    jobs::JobListener* listener_ = nullptr;
};

}  // namespace imapcopy::bus
