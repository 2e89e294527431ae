#include "daemon/jobs/run_job.hpp"

#include <utility>

#include "common/outcome.hpp"
#include "daemon/jobs/completion_mail.hpp"
#include "daemon/jobs/deliver.hpp"

namespace imapcopy::jobs {
namespace {

Task<Access> open_access(AttemptParts parts, JobId id, AccountSpec const& account, Side side) {
    auto opening = as_result(parts.jobs.secret(id, side));
    auto secret = co_await std::move(opening);
    if (secret.has_error()) {
        auto error = secret.error();
        error.side = side;
        throw Failure(std::move(error));
    }
    co_return Access{account, std::move(secret.value())};
}

/// A pass that changed nothing sends no mail. The first pass of a job may have done its work in attempts that
/// a crash or a lost connection ended.
bool wants_mail(Attempt const& attempt, copy::PassResult const& result) {
    auto const& view = attempt.row.view;
    if (!view.spec.completion_mail || !attempt.config.completion_mail) return false;
    bool const earlier_attempt_copied =
        attempt.row.pass == 0 && view.attempt > 1 && view.progress.bytes_done > 0;
    return result.changed || earlier_attempt_copied;
}

Delivery delivery_of(Attempt const& attempt, copy::PassResult const& result, WallTime now) {
    ReportInput input;
    input.job = attempt.row.view;
    input.job.ended = now;
    input.folders = result.folders;
    input.exceptions = result.exceptions;
    input.exceptions_total = result.exceptions.size() + result.exceptions_unlisted;
    Delivery delivery;
    delivery.job = attempt.row.view.id;
    delivery.pass = attempt.row.pass + 1;
    delivery.mail = build_completion_mail(input, delivery.pass, now);
    return delivery;
}

copy::Exception undelivered(Error const& error) {
    copy::Exception exception;
    exception.folder = "INBOX";
    exception.code = info(error.code).name;
    exception.text = "the report could not be delivered to the destination: " + to_string(error);
    return exception;
}

/// Connections that tell when they have reached a server. What a pass gives back serves the completion mail.
class ToldConnections final : public copy::Connections {
 public:
    /// `observer` outlives them.
    ToldConnections(std::unique_ptr<copy::Connections> connections, AttemptObserver& observer)
        : connections_(std::move(connections)), observer_(observer) {}
    ~ToldConnections() override {
        if (idle_) idle_->leave();
    }
    ToldConnections(ToldConnections const&) = delete;
    ToldConnections& operator=(ToldConnections const&) = delete;

    Task<std::unique_ptr<copy::Endpoint>> connect(Side side) override {
        if (side == Side::destination && idle_) co_return std::exchange(idle_, nullptr);
        auto connecting = connections_->connect(side);
        auto endpoint = co_await std::move(connecting);
        observer_.reached(side);
        co_return endpoint;
    }
    void take_back(std::unique_ptr<copy::Endpoint> destination) override { idle_ = std::move(destination); }

 private:
    std::unique_ptr<copy::Connections> connections_;
    std::unique_ptr<copy::Endpoint> idle_;  ///< To the destination, logged in.
    AttemptObserver& observer_;
};

Task<AttemptEnd> run(Context context, AttemptParts parts, Attempt const& attempt, copy::Abort& abort,
                     AttemptObserver& observer) {
    auto const& view = attempt.row.view;
    auto source = co_await open_access(parts, view.id, view.spec.source, Side::source);
    auto destination = co_await open_access(parts, view.id, view.spec.destination, Side::destination);
    ToldConnections told(
        parts.runner.connections(context, std::move(source), std::move(destination), attempt.config),
        observer);
    copy::AbortableConnections connections(told, abort);
    auto const journal = parts.runner.journal(attempt.row.pair);
    auto options = pass_options(view.spec.folders, attempt.config);
    options.lanes_max = attempt.lanes_max;
    // Later ones often have nothing to do.
    options.connects_ahead = attempt.alone && attempt.row.pass == 0 && view.attempt == 1;
    auto pass = parts.runner.run(context, connections, *journal, std::move(options), observer);
    auto result = co_await std::move(pass);
    AttemptEnd end;
    end.kind = AttemptEnd::Kind::stopped;
    if (result.stopped) co_return end;
    if (wants_mail(attempt, result)) {
        auto delivery = delivery_of(attempt, result, context.clock.wall_now());
        auto delivering = deliver(context, connections, parts.reports, std::move(delivery));
        auto const error = co_await std::move(delivering);
        if (error) result.exceptions.push_back(undelivered(*error));
    }
    end.kind = AttemptEnd::Kind::complete;
    end.exceptions = result.exceptions.size() + result.exceptions_unlisted;
    auto completing = parts.jobs.complete_pass(view.id, std::move(result));
    end.pass = co_await std::move(completing);
    co_return end;
}

}  // namespace

Task<AttemptEnd> run_job(Context context, AttemptParts parts, Attempt attempt, copy::Abort& abort,
                         AttemptObserver& observer) {
    auto running = as_result(run(context, parts, attempt, abort, observer));
    auto const outcome = co_await std::move(running);
    if (!outcome.has_error()) co_return outcome.value();
    AttemptEnd end;
    // Whoever asks for a stop gets it: an error on the way out would only hide the hold or the cancel.
    end.kind = context.stop.requested() ? AttemptEnd::Kind::stopped : AttemptEnd::Kind::failed;
    end.error = outcome.error();
    co_return end;
}

}  // namespace imapcopy::jobs
