#include "daemon/jobs/deliver.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "common/outcome.hpp"
#include "daemon/copy/identity.hpp"
#include "daemon/jobs/completion_mail.hpp"

namespace imapcopy::jobs {
namespace {

using copy::Uid;

copy::MailboxName inbox() {
    return copy::MailboxName::from_wire("INBOX");
}

/// A fresh listing of INBOX from `base` on; the UID of the mail with this fingerprint, if it is there.
Task<std::optional<Uid>> look_for(copy::Endpoint& endpoint, Uid base, copy::Digest fingerprint) {
    co_await endpoint.open(inbox(), copy::Access::read_write);
    std::optional<Uid> found;
    std::function<void(copy::MessageMeta)> sink = [&](copy::MessageMeta meta) {
        if (meta.uid >= base && meta.identity && meta.identity->fingerprint == fingerprint) found = meta.uid;
    };
    auto const range = copy::UidRange{std::max(base, Uid(1)), Uid(std::numeric_limits<std::uint32_t>::max())};
    auto listing = endpoint.list_messages(inbox(), range, copy::Listing::identity, std::move(sink));
    co_await std::move(listing);
    co_return found;
}

/// Did the append without an answer happen after all? It may become visible late, so it is looked for twice.
Task<std::optional<Uid>> settle(Context context, copy::Endpoint& endpoint, store::ReportRecord record,
                                copy::UidValidity uid_validity, Duration wait) {
    // Another UIDVALIDITY voids the base.
    auto const base = record.destination_uid_validity == uid_validity ? record.base_uid_next : Uid(1);
    for (auto const pause : {wait, wait / 2}) {
        co_await context.clock.sleep_for(pause);
        auto const found = co_await look_for(endpoint, base, record.fingerprint);
        if (found) co_return found;
    }
    co_return std::nullopt;
}

Task<copy::AppendOutcome> append(copy::Endpoint& endpoint, std::string const& mail) {
    copy::AppendMessage message;  // Without a date: it arrives now.
    message.size_bytes = mail.size();
    auto command = co_await endpoint.append(inbox());
    auto const wanted = co_await command->message(message);
    if (wanted) {
        co_await command->write(mail);
        co_await command->commit();
    }
    auto outcome = co_await command->outcome();
    co_return outcome;
}

Task<> deliver_once(Context context, copy::Connections& connections, store::Reports& reports,
                    Delivery const& delivery) {
    auto const record = co_await reports.find(delivery.job, delivery.pass);
    if (record && record->state == store::ReportState::done) co_return;
    auto const endpoint = co_await connections.connect(Side::destination);
    // Courier appends nothing to a folder that is open for reading only.
    auto const opened = co_await endpoint->open(inbox(), copy::Access::read_write);
    auto const uid_validity = opened.status.uid_validity;
    if (record && record->state == store::ReportState::intent) {
        auto const found = co_await settle(context, *endpoint, *record, uid_validity, delivery.settle);
        if (found) {
            co_await reports.finish(delivery.job, delivery.pass, store::ReportState::done, *found);
            endpoint->leave();
            co_return;
        }
    }
    auto const identity = copy::identity_of_headers(header_block(delivery.mail));
    co_await reports.begin(delivery.job, delivery.pass, identity.fingerprint, uid_validity,
                           opened.status.uid_next);
    auto const outcome = co_await append(*endpoint, delivery.mail);
    bool const stored = outcome.kind == copy::AppendOutcome::Kind::stored;
    auto const state = stored ? store::ReportState::done : store::ReportState::failed;
    auto const uid = outcome.uids.empty() ? Uid() : outcome.uids.front();
    co_await reports.finish(delivery.job, delivery.pass, state, uid);
    endpoint->leave();
    if (!stored) throw Failure(within("completion mail", outcome.error));
}

bool is_transient(Error const& error) {
    return info(error.code).retry == RetryClass::backoff;
}

}  // namespace

Task<std::optional<Error>> deliver(Context context, copy::Connections& connections, store::Reports& reports,
                                   Delivery delivery) {
    constexpr int connections_max = 2;
    for (int i = 1;; ++i) {
        auto once = as_result(deliver_once(context, connections, reports, delivery));
        auto const result = co_await std::move(once);
        if (!result.has_error()) co_return std::nullopt;
        if (i == connections_max || !is_transient(result.error())) co_return result.error();
    }
}

}  // namespace imapcopy::jobs
