#include "daemon/copy/destination_half.hpp"

#include <boost/asio/this_coro.hpp>

#include "common/attempt.hpp"
#include "common/text.hpp"

namespace imapcopy::copy {
namespace {

/// True if the refusal is about the messages themselves, so that others may go through.
bool is_about_the_message(ErrorCode code) {
    return code == ErrorCode::append_rejected || code == ErrorCode::message_too_large ||
           code == ErrorCode::message_limit;
}

/// True for an error by which a connection ends, and which says no more than that.
bool is_end_of_connection(ErrorCode code) {
    return code == ErrorCode::connection_lost || code == ErrorCode::timed_out ||
           code == ErrorCode::server_bug || code == ErrorCode::cancelled;
}

/// The UIDs of an APPENDUID that can be true; empty where they contradict what we know.
std::vector<Uid> believable_uids(FolderWork const& folder, AppendOutcome const& outcome, std::size_t count) {
    if (outcome.uids.size() != count || outcome.uid_validity != folder.destination.uid_validity) return {};
    for (auto const uid : outcome.uids) {
        if (uid < folder.destination.uid_next) return {};
    }
    return outcome.uids;
}

/// With the flags that the folder keeps.
MessageMeta permitted(FolderWork const& folder, MessageMeta meta) {
    meta.flags = folder.permanent_flags.allowed(meta.flags);
    return meta;
}

/// What every report says of a copy; the journal keeps it from before the copy is made.
struct Remark {
    std::string code;  ///< Empty: nothing.
    std::string text;
};

Remark remark_on(FolderWork const& folder, MessageMeta const& meta, Reduction const& reduction) {
    Remark remark;
    if (reduction.kept != Kept::everything) {
        remark.code = info(ErrorCode::attribute_refused).name;
        remark.text = "stored " + lost_text(permitted(folder, meta), reduction.kept) +
                      ", which the destination refused: " + reduction.refusal;
    }
    if (!meta.internal_date.is_told()) {
        if (!remark.text.empty()) remark.text += "; ";
        remark.code = info(ErrorCode::attribute_refused).name;
        remark.text += "stored with the date of its upload: the source tells none that can be read";
    }
    if (!folder.doubtful.contains(meta.uid)) return remark;
    if (!remark.text.empty()) remark.text += "; ";
    remark.code = info(ErrorCode::message_unreadable).name;
    remark.text +=
        "copied, although the destination may hold it already: a message with the same headers could not be "
        "read for comparison";
    return remark;
}

}  // namespace

Task<> DestinationHalf::run() {
    TaskGroup halves(co_await boost::asio::this_coro::executor);
    tasks_ = &halves;
    growth_end_ = parts_.context.clock.make_alarm([this] { queue_.wake(); });
    halves.spawn(write());
    halves.spawn(collect());
    auto const ended = co_await attempt(halves.join());
    if (fatal_) throw Failure(*fatal_);
    ended.rethrow();
}

Task<> DestinationHalf::write() {
    struct Ending {
        DestinationHalf& half;
        ~Ending() {
            half.writing_over_ = true;
            half.changed_.set();
        }
    } const ending{*this};
    while (!fatal_ && !collecting_failed_) {
        auto piece = co_await next_piece();
        if (!piece) break;
        if (auto* const begin = std::get_if<BodyBegin>(&*piece)) {
            bool const whole = co_await stream_body(std::move(*begin));
            if (whole) continue;
            queue_.abandon();  // What other fetches put behind it has no place to go.
            co_return drop_batch();
        } else if (auto* const body = std::get_if<WholeBody>(&*piece)) {
            co_await take_whole_body(std::move(*body));
        } else if (auto const* const folder = std::get_if<FolderBegin>(&*piece)) {
            co_await end_batch();
            end_folder();
            folder_ = folder->folder;
            reduction_ = folder->reduction;
        } else if (std::holds_alternative<BatchEnd>(*piece)) {
            co_await end_batch();
        }
    }
    if (fatal_ || collecting_failed_) queue_.abandon();
    if (collecting_failed_) co_return drop_batch();
    // Also where the server has said something fatal of an earlier one: what is half sent is best sent whole.
    co_await end_batch();
    end_folder();
    // What is left are answers.
    pace_.turn_to(Doing::busy_with_destination);
}

Task<std::optional<Piece>> DestinationHalf::next_piece() {
    if (!queue_.is_readable()) parts_.load.starves(parts_.context.clock.now());
    while (batch_ && !queue_.is_readable() && may_grow()) {
        if (!destination_is_busy()) growth_end_->set(batch_->since + grows_min);
        co_await queue_.wait();
    }
    if (batch_ && !queue_.is_readable()) co_await end_batch();
    co_return co_await queue_.pop();
}

bool DestinationHalf::may_grow() const {
    // As Nagle's algorithm: as long as the server has something to do …
    if (destination_is_busy()) return true;
    // … or for a moment: what is sent is being stored all the same, and a source as fast as the destination
    // would otherwise end a batch at every second message.
    return parts_.context.clock.now() < batch_->since + grows_min;
}

void DestinationHalf::end_folder() {
    if (folder_ == nullptr || collecting_failed_) return;
    sent({}, nullptr);
    tasks_->spawn(ask_status(*folder_));
}

Task<> DestinationHalf::ask_status(FolderWork& folder) {
    std::vector<MailboxName> names(1, folder.mapped.destination);
    auto const asked = co_await attempt(parts_.destination.status(std::move(names)));
    auto const error = error_of(asked.exception);
    if (!error) folder.destination_after = asked.value->front();
    // Whoever copies over a connection that has ended says why; and if this answer is all that is missing,
    // conclude() asks again. Anything else is the server's own word, or the folder has become another one.
    if (error && !is_end_of_connection(error->code)) asked.rethrow();
}

Task<> DestinationHalf::take_whole_body(WholeBody body) {
    if (body.bytes.size() != body.size_bytes)
        throw Failure(ErrorCode::internal, "a body has another size than was announced");
    co_await begin_message(body.meta, body.size_bytes);
    BodyObserver observer;
    observer.add(body.bytes);
    if (batch_->accepted) co_await batch_->append->write(body.bytes);
    Message message{std::move(body.meta), observer.finish(), body.size_bytes};
    co_await end_message(std::move(message));
}

Task<bool> DestinationHalf::stream_body(BodyBegin begin) {
    co_await begin_message(begin.meta, begin.size_bytes);
    BodyObserver observer;
    std::uint64_t left = begin.size_bytes;
    for (;;) {
        auto piece = co_await queue_.pop();
        if (piece && std::holds_alternative<BodyEnd>(*piece)) break;
        auto* const data = piece ? std::get_if<BodyData>(&*piece) : nullptr;
        if (data == nullptr || data->bytes.size() > left) {
            // The source broke off. What was sent before is answered first: dropping this APPEND ends the
            // connection.
            co_await wait_before_dropping();
            co_return false;
        }
        left -= data->bytes.size();
        observer.add(data->bytes);
        if (batch_->accepted) co_await batch_->append->write(data->bytes);
    }
    Message message{std::move(begin.meta), observer.finish(), begin.size_bytes};
    co_await end_message(std::move(message));
    co_return true;
}

Task<> DestinationHalf::begin_message(MessageMeta const& meta, std::uint64_t size_bytes) {
    auto const& limits = parts_.options.batch;
    if (batch_ && !fits(limits, batch_->messages.size(), batch_->size_bytes, size_bytes))
        co_await end_batch();
    if (!batch_) co_await begin_batch();
    pace_.turn_to(Doing::busy_with_destination);
    auto announced = append_message(meta, size_bytes);
    batch_->accepted = co_await batch_->append->message(std::move(announced));
}

Task<> DestinationHalf::end_message(Message message) {
    pace_.turn_to(Doing::our_work);
    batch_->size_bytes += message.size_bytes;
    batch_->messages.push_back(std::move(message));
    parts_.load.passed_on(parts_.context.clock.now());
    bool const full = !fits(parts_.options.batch, batch_->messages.size(), batch_->size_bytes, 0);
    if (full || !batch_->accepted) co_await end_batch();
}

bool DestinationHalf::may_append() const {
    std::size_t appends = 0;
    std::uint64_t bytes = 0;
    for (auto const& each : sent_) {
        appends += each.append != nullptr ? 1 : 0;
        for (auto const& message : each.messages) bytes += message.size_bytes;
    }
    return may_begin(parts_.options.appends, appends, bytes);
}

Task<> DestinationHalf::begin_batch() {
    pace_.turn_to(Doing::busy_with_destination);
    while (!may_append()) {
        changed_.clear();
        co_await changed_.wait();
    }
    Batch batch;
    batch.append = co_await parts_.destination.append(folder_->mapped.destination);
    batch.since = parts_.context.clock.now();
    batch_ = std::move(batch);
}

Task<> DestinationHalf::end_batch() {
    if (!batch_) co_return;
    auto batch = *std::exchange(batch_, std::nullopt);
    if (batch.accepted) {
        co_await announce(batch.messages);
        pace_.turn_to(Doing::busy_with_destination);
        co_await batch.append->commit();
        pace_.turn_to(Doing::our_work);
    }
    sent(std::move(batch.messages), std::move(batch.append));
}

void DestinationHalf::drop_batch() {
    batch_.reset();
}

Task<> DestinationHalf::announce(std::vector<Message> const& messages) {
    std::vector<Intent> intents;
    for (auto const& message : messages) {
        auto const kept_flags = permitted(*folder_, message.meta).flags;
        auto remark = remark_on(*folder_, message.meta, reduction_);
        intents.push_back({message.meta.uid, message.identity, message.size_bytes, message.meta.internal_date,
                           kept_flags, message.meta.flags.without(kept_flags),
                           folder_->destination.uid_validity, folder_->destination.uid_next,
                           std::move(remark.code), std::move(remark.text)});
    }
    co_await parts_.journal.begin(folder_->record.id, std::move(intents));
}

AppendMessage DestinationHalf::append_message(MessageMeta const& meta, std::uint64_t size_bytes) const {
    auto reduced = reduce(permitted(*folder_, meta), reduction_.kept);
    return {std::move(reduced.flags), reduced.internal_date, size_bytes};
}

void DestinationHalf::sent(std::vector<Message> messages, std::unique_ptr<Append> append) {
    if (collecting_failed_) return;
    sent_.push_back(
        {folder_, reduction_, std::move(messages), std::move(append), parts_.context.clock.now()});
    changed_.set();
}

Task<> DestinationHalf::wait_before_dropping() {
    while (!sent_.empty() && !asking_) {
        changed_.clear();
        co_await changed_.wait();
    }
}

DestinationHalf::Asking::Asking(DestinationHalf& half) : half_(half) {
    half_.asking_ = true;
    half_.changed_.set();
    half_.queue_.wake();
}

DestinationHalf::Asking::~Asking() {
    half_.asking_ = false;
}

Task<> DestinationHalf::collect() {
    struct Ending {
        DestinationHalf& half;
        bool regular = false;
        ~Ending() {
            if (regular) return;
            // No answer will come any more: nothing may wait for one, and nothing needs to be read.
            half.collecting_failed_ = true;
            half.sent_.clear();
            half.changed_.set();
            half.queue_.abandon();
            half.queue_.close();
        }
    } ending{*this};
    for (;;) {
        while (sent_.empty() && !writing_over_) {
            changed_.clear();
            co_await changed_.wait();
        }
        if (sent_.empty()) break;
        auto& next = sent_.front();  // A deque's front stays where it is while others are added behind it.
        if (next.append == nullptr) {
            parts_.state.leave_folder(*next.folder);
        } else {
            auto outcome = co_await next.append->outcome();
            parts_.state.slowest_append =
                std::max(parts_.state.slowest_append, parts_.context.clock.now() - next.since);
            co_await record(next, std::move(outcome));
        }
        sent_.pop_front();
        changed_.set();
        queue_.wake();
    }
    ending.regular = true;
}

Task<> DestinationHalf::record(Sent& answered, AppendOutcome outcome) {
    switch (outcome.kind) {
        case AppendOutcome::Kind::stored: co_await record_stored(answered, outcome); break;
        case AppendOutcome::Kind::refused: co_await record_refused(answered, std::move(outcome.error)); break;
        case AppendOutcome::Kind::missing_mailbox:
            co_await retry_in_new_folder(answered, std::move(outcome.error));
            break;
    }
    parts_.state.report();
}

Task<> DestinationHalf::record_stored(Sent& answered, AppendOutcome const& outcome) {
    auto& folder = *answered.folder;
    auto const uids = believable_uids(folder, outcome, answered.messages.size());
    auto const forgotten = co_await find_forgotten(answered, uids);
    if (!forgotten.empty()) co_await admit_forgotten_flags(parts_.journal, folder.record.id, forgotten);
    std::vector<Outcome> outcomes;
    for (std::size_t i = 0; i < answered.messages.size(); ++i) {
        auto const& message = answered.messages[i];
        auto remark = remark_on(folder, message.meta, answered.reduction);
        outcomes.push_back({message.meta.uid, MessageState::done, uids.empty() ? Uid() : uids[i],
                            folder.destination.uid_validity, message.identity, message.size_bytes,
                            message.meta.flags, std::move(remark.code), std::move(remark.text)});
    }
    folder.has_unknown_uids |= uids.empty();
    if (!parts_.destination.traits().uid_plus) {
        auto& unnamed = parts_.state.stored_unnamed[folder.record.id];
        for (auto const& message : answered.messages) unnamed.add(message.meta.uid);
    }
    auto recorded = co_await attempt(parts_.journal.finish(folder.record.id, outcomes));
    if (!recorded.ok()) {
        // The server named a UID that another message has claimed. It is stored all the same: the listing at
        // the end finds out where.
        if (uids.empty() || error_of(recorded.exception)->code != ErrorCode::internal) recorded.rethrow();
        for (auto& each : outcomes) each.destination_uid = Uid();
        folder.has_unknown_uids = true;
        co_await parts_.journal.finish(folder.record.id, std::move(outcomes));
    } else if (!forgotten.empty()) {
        Asking const asking(*this);
        co_await set_forgotten_flags(parts_.destination, parts_.journal, folder.mapped.destination,
                                     folder.record.id, folder.destination.uid_validity, forgotten);
    }
    count_stored(answered);
}

Task<std::vector<AppendedFlags>> DestinationHalf::find_forgotten(Sent const& answered,
                                                                 std::vector<Uid> uids) {
    auto& keeping = parts_.state.flag_keeping;
    std::vector<AppendedFlags> copies;
    if (uids.empty() || keeping == FlagKeeping::keeps) co_return copies;
    auto const& folder = *answered.folder;
    for (std::size_t i = 0; i < uids.size(); ++i) {
        auto const meta = permitted(folder, answered.messages[i].meta);
        auto given = reduce(meta, answered.reduction.kept).flags;
        if (!given.empty()) copies.push_back({meta.uid, uids[i], meta.flags, std::move(given), {}});
    }
    if (copies.empty() || keeping == FlagKeeping::forgets) co_return copies;
    bool seen = false;
    std::function<void(MessageMeta)> const sink = [&](MessageMeta const& meta) {
        auto const copy = std::ranges::find(copies, meta.uid, &AppendedFlags::destination_uid);
        if (copy == copies.end()) return;
        copy->found = meta.flags;
        seen = true;
    };
    auto const [least, greatest] = std::ranges::minmax(uids);
    UidRange const range{least, greatest};
    Asking const asking(*this);
    co_await parts_.destination.list_messages(folder.mapped.destination, range, Listing::flags, sink);
    // A server that does not show what it has just stored tells nothing; it is not asked again.
    keeping = seen ? judge_flags(copies) : FlagKeeping::keeps;
    if (keeping == FlagKeeping::keeps) copies.clear();
    co_return copies;
}

void DestinationHalf::count_stored(Sent const& answered) {
    std::uint64_t bytes = 0;
    for (auto const& message : answered.messages) bytes += message.size_bytes;
    auto& folder = *answered.folder;
    auto& state = parts_.state;
    folder.result.copied += answered.messages.size();
    folder.result.bytes += bytes;
    state.messages_copied += answered.messages.size();
    state.bytes_copied += bytes;
    state.progress.messages_done += answered.messages.size();
    state.progress.bytes_done += bytes;
    state.changed = true;
    state.on_stored();
}

Task<> DestinationHalf::record_refused(Sent& answered, Error error) {
    auto& folder = *answered.folder;
    if (!is_about_the_message(error.code)) {
        folder.complete = false;
        if (!fatal_)
            fatal_ = within("append to \"" + folder.mapped.destination.utf8 + "\"", std::move(error));
        queue_.abandon();
        queue_.close();
        parts_.source.abort();
        co_return;
    }
    if (answered.messages.size() > 1) co_return retry(answered);
    auto const& message = answered.messages.front();
    auto text = to_string(error);
    auto const kept = next_reduction(answered.reduction.kept, permitted(folder, message.meta));
    if (kept && error.code == ErrorCode::append_rejected) {
        bool const first = answered.reduction.kept == Kept::everything;
        Reduction reduction{*kept, first ? std::move(text) : answered.reduction.refusal};
        parts_.retries.push_back({&folder, {message.meta}, std::move(reduction)});
        co_return;
    }
    std::string const code(info(error.code).name);
    std::vector<Outcome> outcomes = {{message.meta.uid, MessageState::refused, Uid(), UidValidity(),
                                      message.identity, message.size_bytes, message.meta.flags, code, text}};
    co_await parts_.journal.finish(folder.record.id, std::move(outcomes));
    parts_.state.count_refused(folder);
}

Task<> DestinationHalf::retry_in_new_folder(Sent& answered, Error error) {
    auto& folder = *answered.folder;
    if (folder.given_up) co_return;
    bool const sent_before = folder.recreated && answered.since <= *folder.recreated;
    if (!sent_before && folder.recreated) co_return give_up(folder, std::move(error));
    if (!sent_before) {
        Asking const asking(*this);
        auto const created =
            co_await parts_.destination.create(folder.mapped.destination, folder.mapped.source.role);
        if (created.outcome == CreateOutcome::refused) co_return give_up(folder, created.error);
        auto const opened = co_await parts_.destination.open(folder.mapped.destination, Access::read_write);
        folder.destination = opened.status;
        parts_.state.found.add(folder.mapped.destination, opened.status);
        folder.recreated = parts_.context.clock.now();
        co_await parts_.journal.set_destination_epoch(folder.record.id, opened.status.uid_validity);
    }
    retry(answered);
}

void DestinationHalf::give_up(FolderWork& folder, Error error) {
    folder.given_up = true;
    folder.complete = false;
    parts_.state.labels.give_up(folder.mapped.source.name);
    parts_.state.add_exception(folder, Uid(), std::string(info(error.code).name), 0, to_string(error));
}

void DestinationHalf::retry(Sent& answered) {
    auto& folder = *answered.folder;
    auto const& reduction = answered.reduction;
    std::vector<MessageMeta> metas;
    for (auto& message : answered.messages) metas.push_back(std::move(message.meta));
    if (metas.size() == 1) {
        parts_.retries.push_back({&folder, std::move(metas), reduction});
        return;
    }
    for (auto& half : halve(std::move(metas)))
        parts_.retries.push_back({&folder, std::move(half), reduction});
}

}  // namespace imapcopy::copy
