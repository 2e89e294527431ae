#include "tests/faults/fault_world.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cstdio>
#include <random>

#include "common/outcome.hpp"
#include "common/text.hpp"
#include "daemon/copy/imap_endpoint.hpp"

namespace imapcopy::test {
namespace {

/// However often a server falls silent, two minutes at a time, a pass gives up long before.
constexpr auto pass_time_max = std::chrono::hours(3);
/// From 128 KiB a message goes alone, piece by piece.
constexpr std::size_t streamed_bytes = 128 * 1024;
constexpr std::size_t passes_more = 5;  ///< Than there are faults.

std::string text_of(Flags const& flags, std::int64_t unix_seconds, std::string const& body) {
    return std::to_string(unix_seconds) + "|" + flags.to_string() + "|" + body;
}

/// Of `lines`, what the other does not hold.
template <class Line>
std::string first_surplus(std::vector<Line> const& lines, std::vector<Line> const& others) {
    std::vector<Line> surplus;
    std::ranges::set_difference(lines, others, std::back_inserter(surplus));
    if (surplus.empty()) return {};
    return surplus.front().folder + "|" + printable(surplus.front().text, 120);
}

template <class T>
Task<> keep_attempt(Task<T> task, Attempt<T>* result, bool* ended) {
    *result = co_await attempt(std::move(task));
    *ended = true;
}

}  // namespace

/// Connects the engine with the servers as the daemon does.
class FaultWorld::Wiring final : public Connections {
 public:
    explicit Wiring(FaultWorld& world) : world_(world) {}
    Task<std::unique_ptr<Endpoint>> connect(Side side) override {
        auto& server = side == Side::source ? world_.source_ : world_.destination_;
        net::Target target{"memory", 993, TlsMode::implicit, {}};
        imap::Credentials credentials;
        credentials.login = server.login;
        credentials.secret = Secret(server.password);
        auto opening = open_imap_endpoint({world_.clock_, world_.random_, world_.log_, world_.stop_}, server,
                                          std::move(target), std::move(credentials), side, {});
        auto endpoint = co_await std::move(opening);
        co_return endpoint;
    }

 private:
    FaultWorld& world_;
};

class FaultWorld::Quiet final : public Observer {
    void phase(Phase) override {}
    void progress(Progress const&) override {}
};

// ---- Before
// ------------------------------------------------------------------------------------------------------

FaultWorld::FaultWorld(WorldPlan const& plan)
    : source_(source_storage_, imap_dialect(plan.dialect)),
      destination_(destination_storage_, imap_dialect(plan.dialect)) {
    options_.batch_messages_max = 3;
    // What is streamed gets an APPEND of its own, behind one that may not be answered yet.
    if (plan.streams) options_.batch_bytes_max = streamed_bytes / 2;
    options_.buffer_bytes = 2000;
    options_.messages_per_lane = 1;
    options_.messages_per_share = 2;
    options_.work_per_share = 1;
    reflags_ = plan.reflags;
    options_.connects_ahead = plan.lanes;
    options_.lanes_max = plan.lanes ? 3 : static_cast<std::uint32_t>(1 + plan.seed % 3);
    source_storage_.add_mailbox("INBOX");
    destination_storage_.add_mailbox("INBOX");
    if (plan.seed == 0) {
        fill_small(plan.dialect == "uidplus", plan.streams);
    } else {
        fill_from(plan.seed);
    }
    source_at_first_ = source_storage_.contents();
    destination_.before_append = [this](StoredMailbox& mailbox) { deliver(mailbox); };
    for (auto* const server : {&source_, &destination_}) {
        server->on_crash = [this](Break kind) { crash(kind); };
        auto const side = server == &source_ ? Side::source : Side::destination;
        server->before_command = [this, side](std::size_t command) {
            if (std::erase(stops_, std::pair(side, command)) > 0) stop_.request();
        };
    }
    journal_.on_death = [this] {
        auto const kind = journal_faults_.front().kind;
        journal_faults_.erase(journal_faults_.begin());
        if (kind == JournalFault::Kind::crash_late) return crash(Break::crash_late);
        bool const whole =
            kind == JournalFault::Kind::crash_before || kind == JournalFault::Kind::crash_after;
        if (whole) crash(Break::crash);
        crashed_ = true;
    };
}

/// Three folders, one empty, one subscribed; equal messages; one without headers, one of three bytes; one
/// that is at the destination already with other flags; one that was always there.
FaultWorld::~FaultWorld() {
    (void)clock_.run(std::chrono::minutes(1));
}

void FaultWorld::fill_small(bool half_copied, bool streams) {
    auto& source = source_storage_;
    source.add_mailbox("Lists/Deep").mailbox.subscribed = true;
    source.add_mailbox("Empty");
    source.add_message("INBOX", sample_message(1), Flags::parse("\\Seen Label"), 1001);
    source.add_message("INBOX", sample_message(2), Flags::parse("\\Seen"), 1002);
    if (streams) source.add_message("INBOX", sample_message(3, streamed_bytes), {}, 1004);
    source.add_message("INBOX", "x\r\n", {}, 1003);
    source.add_message("Lists/Deep", sample_message(20), {}, 2000);
    source.add_message("Lists/Deep", sample_message(20), {}, 2000);
    source.add_message("Lists/Deep", "\r\nno header at all\r\n", Flags::parse("\\Flagged"), 2001);
    source.add_message("Lists/Deep", sample_message(22), {}, 2002);
    if (half_copied) {
        destination_storage_.add_mailbox("Lists/Deep");
        add_extra({"Lists/Deep", sample_message(20), {}, 2000, true});
    }
    add_extra({"INBOX", sample_message(2), Flags::parse("\\Flagged"), 1002, true});
    // As long as the source's first, with the same date, and yet another message.
    add_extra({"INBOX", sample_message(9), Flags::parse("\\Draft"), 1001, false});
}

void FaultWorld::fill_from(std::uint64_t seed) {
    std::mt19937_64 chance(seed);
    auto const below = [&](std::size_t bound) { return static_cast<std::size_t>(chance() % bound); };
    std::vector<std::string> folders = {"INBOX"};
    for (auto const* const name : {"Sent", "Lists/a", "Lists/b", "Größe", "Projects 2024"}) {
        if (below(3) == 0) continue;
        folders.emplace_back(name);
        source_storage_.add_mailbox(name).mailbox.subscribed = below(2) == 0;
        if (below(3) == 0) destination_storage_.add_mailbox(name);
    }
    for (auto const& folder : folders) {
        bool const exists = destination_storage_.find(MailboxName::from_utf8(folder).value()) != nullptr;
        for (auto count = below(14); count > 0; --count) {
            // Some differ in their bodies only; flags and date come with the headers.
            auto const number = static_cast<int>(below(12));
            auto const body = sample_message(number, below(4) == 0 ? 900 : static_cast<std::size_t>(number));
            auto const seconds = static_cast<std::int64_t>(5000 + number);
            auto const flags = Flags::parse(number % 3 == 0 ? "\\Seen $Forwarded" : "\\Flagged");
            bool const twin = exists && below(5) == 0;
            source_storage_.add_message(folder, body, flags, seconds);
            if (twin) add_extra({folder, body, flags, seconds, true});
        }
        if (exists && below(2) == 0) add_extra({folder, sample_message(77), {}, 7, false});
    }
    if (below(3) == 0) source_storage_.add_message("INBOX", sample_message(60, 140'000), {}, 6000);
    options_.batch_messages_max = static_cast<std::uint32_t>(1 + below(6));
    destination_.read_bytes_max = 1 + below(2000);
    destination_.late_delay = std::chrono::milliseconds(below(7000));
}

void FaultWorld::add_extra(Extra extra) {
    destination_storage_.add_message(extra.folder, extra.body, extra.flags, extra.unix_seconds);
    extras_.push_back(std::move(extra));
}

/// Somebody sends mail to the destination while the first message is on its way into INBOX.
void FaultWorld::deliver(StoredMailbox& mailbox) {
    if (!mailbox.mailbox.name.is_inbox() || std::exchange(delivered_, true)) return;
    add_extra({"INBOX", sample_message(98), {}, 9998, false});
}

void FaultWorld::add(FaultPoint const& fault) {
    ++faults_;
    auto& server = fault.side == Side::source ? source_ : destination_;
    only_stops_ = only_stops_ && std::holds_alternative<StopRequest>(fault.what);
    if (auto const* const byte = std::get_if<ByteFault>(&fault.what)) {
        server.byte_faults.push_back(*byte);
    } else if (auto const* const reply = std::get_if<ReplyFault>(&fault.what)) {
        server.reply_faults.push_back(*reply);
        bool const refuses = reply->change == ReplyChange::no || reply->change == ReplyChange::no_early ||
                             reply->change == ReplyChange::bad;
        refusals_allowed_ |= refuses && fault.side == Side::destination;
    } else if (auto const* const journal = std::get_if<JournalFault>(&fault.what)) {
        journal_faults_.push_back(*journal);
        if (journal_faults_.size() == 1) arm_journal();
    } else if (auto const* const stop = std::get_if<StopRequest>(&fault.what)) {
        stops_.emplace_back(fault.side, stop->command);
    } else if (std::holds_alternative<NewEpoch>(fault.what)) {
        epochs_.push_back(fault.side);
    } else {
        is_made_anew_ = true;
    }
}

void FaultWorld::trace_to_stdout() {
    for (auto* const server : {&source_, &destination_}) {
        server->trace = [this, server](std::string_view who, std::string_view line) {
            std::printf("%8.1f %s %.*s: %s\n",
                        std::chrono::duration<double>(clock_.now() - TimePoint{}).count() - 3600,
                        server == &source_ ? "source     " : "destination", static_cast<int>(who.size()),
                        who.data(), printable(line, 160).c_str());
        };
    }
}

// ---- Meanwhile
// ---------------------------------------------------------------------------------------------------

void FaultWorld::arm_journal() {
    if (journal_faults_.empty()) return;
    using Kind = JournalFault::Kind;
    auto const& fault = journal_faults_.front();
    auto death = MemoryJournal::Death::after;
    if (fault.kind == Kind::full) death = MemoryJournal::Death::full;
    if (fault.kind == Kind::dies_before || fault.kind == Kind::crash_before)
        death = MemoryJournal::Death::before;
    journal_.die_at(fault.write, death);
    if (fault.kind == Kind::full) journal_faults_.erase(journal_faults_.begin());
}

/// The process is dead: it writes nothing any more, neither to the journal nor to a server.
void FaultWorld::crash(Break kind) {
    crashed_ = true;
    journal_.die();
    auto const ending = kind == Break::crash_late ? Break::reset_late : Break::reset;
    for (auto* const server : {&source_, &destination_}) {
        server->unreachable = true;
        server->end_all(ending);
    }
}

void FaultWorld::revive() {
    stop_ = {};
    source_.unreachable = false;
    destination_.unreachable = false;
    if (!std::exchange(crashed_, false)) return;
    journal_.revive();
    arm_journal();
}

void FaultWorld::begin_epoch(Side side) {
    auto const headless = [](StoredMessage const& message) {
        return message.body.find(':') == std::string::npos;
    };
    auto& storage = side == Side::source ? source_storage_ : destination_storage_;
    for (auto const& mailbox : storage.mailboxes()) {
        mailbox->uid_validity += 5000;
        mailbox->uid_next += 100;
        for (auto& message : mailbox->messages) {
            message.uid = Uid(message.uid.value() + 100);
            if (side != Side::source || !headless(message)) continue;
            extras_.push_back({mailbox->mailbox.name.utf8, message.body, message.flags,
                               message.internal_date.unix_seconds, false});
        }
        if (side == Side::source) std::erase_if(mailbox->messages, headless);
    }
    source_at_first_ = source_storage_.contents();
}

void FaultWorld::make_anew() {
    for (auto const& mailbox : destination_storage_.mailboxes()) {
        mailbox->uid_validity += 5000;
        mailbox->uid_next = 1;
        mailbox->messages.clear();
    }
    extras_.clear();
    drafts_.clear();
    must_be_done_ = false;
}

/// At the source two messages lose and get flags; their copies, where there are any, get one from the user.
void FaultWorld::change_flags() {
    for (auto const& [folder, number, flags] :
         {std::tuple("INBOX", 1, "\\Answered Label New"), std::tuple("Lists/Deep", 22, "\\Flagged")}) {
        auto const body = sample_message(number);
        auto const& originals = source_storage_.at(folder).messages;
        auto const original = std::ranges::find(originals, body, &StoredMessage::body);
        source_storage_.set_flags(folder, original->uid, Flags::parse(flags));
        auto const* const place = destination_storage_.find(MailboxName::from_utf8(folder).value());
        if (place == nullptr) continue;
        auto const copy = std::ranges::find(place->messages, body, &StoredMessage::body);
        if (copy == place->messages.end()) continue;
        destination_storage_.set_flags(folder, copy->uid, copy->flags.with(Flags::parse("\\Draft")));
        drafts_.insert(body);
    }
    source_at_first_ = source_storage_.contents();
}

Attempt<PassResult> FaultWorld::run_pass_once() {
    Wiring wiring(*this);
    Quiet observer;
    Attempt<PassResult> result;
    bool ended = false;
    auto const end = clock_.now() + pass_time_max;
    auto pass = run_pass({clock_, random_, log_, stop_}, wiring, journal_, options_, observer);
    boost::asio::co_spawn(io_, keep_attempt(std::move(pass), &result, &ended), boost::asio::detached);
    while (!ended && (clock_.poll(), !ended) && clock_.now() < end && clock_.advance_to_next()) {
    }
    clock_.poll();
    stuck_ = !ended;
    return result;
}

std::optional<std::string> FaultWorld::run_to_the_end() {
    for (std::size_t pass = 0; pass < faults_ + passes_more; ++pass) {
        auto const appends_before = destination_.appends;
        auto const ran = run_pass_once();
        if (stuck_) return "a pass does not end";
        auto wrong = std::optional<std::string>();
        bool done = false;
        if (!ran.ok()) {
            wrong = judge_failure(*error_of(ran.exception));
        } else if (ran.value->stopped) {
            wrong = judge_stop();
        } else {
            wrong = judge_success(*ran.value);
            bool const appended = destination_.appends > appends_before;
            if (!wrong && appended && must_be_done_) wrong = "a second run appends again";
            bool const whole = std::ranges::all_of(
                ran.value->exceptions, [this](Exception const& each) { return stays_listed(each); });
            done = !appended && whole;
            must_be_done_ = whole;
        }
        if (wrong) return wrong;
        revive();
        if (pass == 0) {
            if (reflags_) change_flags();
            for (auto const side : epochs_) begin_epoch(side);
            if (is_made_anew_) make_anew();
        } else if (done) {
            return judge_end();
        }
    }
    return "something is left to do after many passes";
}

// ---- Afterwards
// --------------------------------------------------------------------------------------------------

std::optional<std::string> FaultWorld::judge_failure(Error const& error) {
    must_be_done_ = false;
    bool const of_store = error.code == ErrorCode::store_full || error.code == ErrorCode::store_corrupt;
    bool const aimless = error.code == ErrorCode::internal || error.code == ErrorCode::cancelled;
    if (crashed_ || stop_.requested() || of_store) return std::nullopt;
    if (aimless) return "a pass ends with " + std::string(info(error.code).name) + ": " + to_string(error);
    if (!error.side) return "a failure that names no side: " + to_string(error);
    return std::nullopt;
}

/// Who is asked to stop waits for the answers to what it sent.
std::optional<std::string> FaultWorld::judge_stop() {
    must_be_done_ = false;
    if (!only_stops_) return std::nullopt;
    if (journal_.open_count() > 0) return "a stop leaves messages whose fate is unknown";
    return std::nullopt;
}

/// What was refused, a message or the name of a folder, or not wholly kept stays in the report for ever.
bool FaultWorld::stays_listed(Exception const& exception) const {
    if (exception.uid.value() == 0) {
        return std::ranges::any_of(refuges_,
                                   [&](auto const& each) { return each.second == exception.folder; });
    }
    auto const listed = journal_.listed();
    return std::ranges::find(listed, std::pair(exception.folder, exception.uid)) != listed.end();
}

std::optional<std::string> FaultWorld::judge_success(PassResult const& result) {
    std::set<std::string> excused;
    for (auto const& folder : result.folders) {
        if (folder.destination != folder.source) refuges_[folder.destination] = folder.source;
    }
    reduced_.clear();  // Each report names them all.
    doubted_.clear();
    auto const reduced = info(ErrorCode::attribute_refused).name;
    for (auto const& exception : result.exceptions) {
        if (exception.code == reduced && exception.uid.value() != 0) {
            reduced_.emplace(exception.folder, exception.uid);
            continue;
        }
        bool const refused = exception.uid.value() != 0 && exception.code != "MessageUnreadable";
        if (refused && !refusals_allowed_)
            return "an exception without a cause: " + exception.code + " " + exception.text;
        if (exception.code == "MessageUnreadable") doubted_.emplace(exception.folder, exception.uid);
        if (!refused && !stays_listed(exception)) excused.insert(exception.folder);
    }
    return judge_messages(excused);
}

/// Without flags and date where the report says that a refusal has cost the message some of them.
std::string FaultWorld::text_of_stored(std::string const& folder, StoredMessage const& message) const {
    auto const body_only = [&](std::pair<std::string, Uid> const& reduced) {
        return reduced.first == folder && body_of(reduced) == message.body;
    };
    if (std::ranges::any_of(reduced_, body_only)) return message.body;
    return text_of(message.flags, message.internal_date.unix_seconds, message.body);
}

std::string FaultWorld::body_of(std::pair<std::string, Uid> const& source_message) const {
    for (auto const& mailbox : source_storage_.mailboxes()) {
        if (mailbox->mailbox.name.utf8 != source_message.first) continue;
        auto const found = std::ranges::find(mailbox->messages, source_message.second, &StoredMessage::uid);
        if (found != mailbox->messages.end()) return found->body;
    }
    return {};
}

FaultWorld::Line FaultWorld::line_of(Extra const& extra) const {
    StoredMessage const message{Uid(), extra.body, extra.flags, {extra.unix_seconds, 0}, {}};
    return {extra.folder, text_of_stored(extra.folder, message)};
}

std::vector<FaultWorld::Line> FaultWorld::messages_of(MemoryServer const& storage) const {
    std::vector<Line> lines;
    for (auto const& mailbox : storage.mailboxes()) {
        auto const refuge = refuges_.find(mailbox->mailbox.name.utf8);
        auto const& folder = refuge == refuges_.end() ? mailbox->mailbox.name.utf8 : refuge->second;
        for (auto const& message : mailbox->messages)
            lines.push_back({folder, text_of_stored(folder, message)});
    }
    std::ranges::sort(lines);
    return lines;
}

/// The source's messages, but those that the journal lists as refused; in place of a twin the one that was
/// there before; and whatever else the destination got from others. Where a twin could not be read, both may
/// be there.
std::vector<FaultWorld::Line> FaultWorld::expected_messages() const {
    std::vector<Line> lines;
    auto const refused = journal_.refused();
    auto const is_refused = [&](std::string const& folder, Uid uid) {
        return std::ranges::find(refused, std::pair(folder, uid)) != refused.end();
    };
    for (auto const& mailbox : source_storage_.mailboxes()) {
        auto const& folder = mailbox->mailbox.name.utf8;
        std::vector<std::string> twins;
        for (auto const& extra : extras_) {
            if (extra.twin && extra.folder == folder) twins.push_back(extra.body);
        }
        for (auto const& message : mailbox->messages) {
            auto const twin = std::ranges::find(twins, message.body);
            if (twin != twins.end() && !doubted_.contains({folder, message.uid})) {
                twins.erase(twin);
            } else if (!is_refused(folder, message.uid)) {
                auto copy = message;
                if (drafts_.contains(copy.body)) copy.flags.add(imap::SystemFlag::draft);
                lines.push_back({folder, text_of_stored(folder, copy)});
            }
        }
    }
    for (auto const& extra : extras_) lines.push_back(line_of(extra));
    std::ranges::sort(lines);
    return lines;
}

std::optional<std::string> FaultWorld::judge_messages(std::set<std::string> const& excused) {
    destination_.commit_due(true);
    auto found = messages_of(destination_storage_);
    auto expected = expected_messages();
    auto const is_excused = [&](Line const& line) { return excused.contains(line.folder); };
    std::erase_if(found, is_excused);
    std::erase_if(expected, is_excused);
    if (auto const lost = first_surplus(expected, found); !lost.empty()) return "missing: " + lost;
    if (auto const surplus = first_surplus(found, expected); !surplus.empty()) return "surplus: " + surplus;
    return std::nullopt;
}

std::optional<std::string> FaultWorld::judge_end() {
    if (auto wrong = judge_messages({})) return wrong;
    for (auto const& mailbox : source_storage_.mailboxes()) {
        auto const& name = mailbox->mailbox.name.utf8;
        auto const is_copy = [&](auto const& other) {
            auto const refuge = refuges_.find(other->mailbox.name.utf8);
            return other->mailbox.name.utf8 == name || (refuge != refuges_.end() && refuge->second == name);
        };
        auto const& copies = destination_storage_.mailboxes();
        if (std::ranges::none_of(copies, is_copy)) return "missing folder " + name;
        auto const subscribed = [&](auto const& other) {
            return is_copy(other) && other->mailbox.subscribed;
        };
        if (mailbox->mailbox.subscribed && std::ranges::none_of(copies, subscribed))
            return "not subscribed: " + mailbox->mailbox.name.utf8;
    }
    if (source_storage_.contents() != source_at_first_) return "the source is not what it was";
    for (auto const& verb : source_.verbs) {
        static std::set<std::string> const reading = {
            "CAPABILITY", "LOGIN",  "AUTHENTICATE", "ID",        "NAMESPACE", "LIST",
            "LSUB",       "STATUS", "EXAMINE",      "UID FETCH", "LOGOUT",    "UID SEARCH"};
        if (!reading.contains(verb)) return "the source is told to " + verb;
    }
    for (auto const* const server : {&source_, &destination_}) {
        if (!server->misuses.empty()) return "misuse: " + server->misuses.front();
    }
    return std::nullopt;
}

}  // namespace imapcopy::test
