#include "daemon/copy/imap_endpoint.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "common/attempt.hpp"
#include "common/event.hpp"
#include "common/text.hpp"
#include "daemon/copy/body_relay.hpp"
#include "daemon/copy/identity.hpp"
#include "daemon/copy/imap_reading.hpp"
#include "daemon/copy/imap_transfer.hpp"
#include "daemon/copy/line_watch.hpp"
#include "daemon/imap/classify.hpp"

namespace imapcopy::copy {
namespace {

namespace command = imap::command;
namespace response = imap::response;
using imap::Occasion;
using imap::Reply;
using imap::Session;
using Ticket = std::unique_ptr<Session::Ticket>;

/// RFC 7162 §4 allows lines of 8192 bytes; the command's own words need some.
constexpr std::size_t uid_bytes_max = 8000;
constexpr std::size_t fetch_messages_max = 200;
constexpr std::uint64_t fetch_bytes_wanted = 1024 * 1024;
/// Before any body was seen.
constexpr std::uint64_t message_bytes_guess = 16 * 1024;
constexpr std::size_t commands_under_way_max = 8;
/// FETCHes of one message each are small; more of them hide the round trip.
constexpr std::size_t single_fetches_under_way_max = 64;
constexpr std::size_t status_under_way_max = 64;

// ---- The open folder
// -----------------------------------------------------------------------------------------------

/// One SELECT or EXAMINE and what came of it; shared by the calls that use the folder.
struct Opening {
    MailboxName mailbox;
    Access access = Access::read_only;
    Ticket ticket;
    OpenReader reader;
    Event settled;
    std::optional<Error> refused;
};

class ImapEndpoint final : public Endpoint {
 public:
    ImapEndpoint(Context context, std::unique_ptr<Session> session, Side side, ImapOptions const& options);

    EndpointTraits traits() const override { return traits_; }
    Task<AccountView> list() override;
    Task<std::vector<std::optional<MailboxStatus>>> status(std::vector<MailboxName> mailboxes) override;
    Task<Opened> open(MailboxName mailbox, Access access) override;
    void expect(MailboxName const& mailbox, UidValidity uid_validity) override {
        validities_.insert_or_assign(mailbox.wire, uid_validity);
    }
    void reopen_at_next_use() override { reopens_ = true; }
    Task<> list_messages(MailboxName mailbox, UidRange range, Listing listing,
                         std::function<void(MessageMeta)> sink) override;
    Task<> list_changes(MailboxName mailbox, UidRange range, ModSeq since,
                        std::function<void(MessageMeta)> sink) override;
    Task<> fetch_bodies(MailboxName mailbox, std::vector<Uid> uids, BodySink& sink) override;
    Task<CreateResult> create(MailboxName mailbox, Role role) override;
    Task<bool> subscribe(MailboxName mailbox) override;
    Task<std::unique_ptr<Append>> append(MailboxName mailbox) override;
    Task<bool> store_flags(MailboxName mailbox, UidSet uids, Flags add, Flags remove) override;
    Task<> close() override { return session_->close(); }
    void leave() override { session_->leave(); }
    void abort() noexcept override { session_->abort(); }
    std::uint64_t bytes_transferred() const override { return session_->bytes_transferred(); }
    Duration round_trip() const override { return session_->round_trip(); }
    Duration line_wait() const override { return session_->line_wait(); }

 private:
    /// The right to use the open folder; it stays open as long as somebody holds one.
    class Lease {
     public:
        Lease(ImapEndpoint& endpoint, std::shared_ptr<Opening> opening, bool opens)
            : endpoint_(endpoint), opening_(std::move(opening)), opens_(opens) {
            ++endpoint_.folder_users_;
        }
        ~Lease();
        Lease(Lease const&) = delete;
        Lease& operator=(Lease const&) = delete;
        /// Waits until the server has opened the folder; throws Failure if it refuses.
        Task<> confirm();
        /// Nothing more will be sent that needs the folder: others may open theirs behind what was sent.
        void let_go();
        Opening& opening() const { return *opening_; }

     private:
        ImapEndpoint& endpoint_;
        std::shared_ptr<Opening> opening_;
        bool opens_;
        bool uses_ = true;
    };
    /// A FETCH of bodies under way.
    struct Fetching {
        Ticket ticket;
        std::vector<Uid> uids;
    };
    /// A call of fetch_bodies.
    struct Fetches {
        BodyRelay& relay;
        BodyInlet& inlet;
        MailboxName mailbox;
        std::deque<Uid> waiting;
        bool one_by_one = false;
        std::vector<Uid> again = {};  ///< Not answered in company of others: asked for once more, alone.
        std::vector<Uid> empty = {};  ///< Came without a byte.
        std::deque<Fetching> under_way = {};
    };

    Task<std::unique_ptr<Lease>> use_folder(MailboxName mailbox, Access access);
    /// How a folder is opened to read from it. Courier refuses an APPEND to a folder that its connection has
    /// opened read-only, so at the destination none is.
    Access reading() const { return side_ == Side::source ? Access::read_only : Access::read_write; }
    Task<std::unique_ptr<Lease>> reopen(MailboxName mailbox);
    Task<> save_flags();
    std::shared_ptr<Opening> start_opening(MailboxName mailbox, Access access);
    Task<> await_opening(Opening& opening);
    void check_validity(Opening const& opening);
    Task<> run_listing(MailboxName mailbox, command::UidFetch fetch, UidRange range, Listing listing,
                       std::function<void(MessageMeta)> sink);
    void start_fetches(Fetches& fetches);
    Task<> finish_fetch(Fetches& fetches, BodySink& sink);
    Task<> report_empty(Uid uid, BodySink& sink);
    std::size_t messages_per_fetch() const;
    Task<Reply> run_create(MailboxName mailbox, std::string special_use);

    void compress_if_slow();

    Context context_;
    std::unique_ptr<Session> session_;
    Side side_;
    EndpointTraits traits_;
    LineWatch line_;
    AsyncMutex folder_turn_;
    Event folder_free_;
    std::size_t folder_users_ = 0;
    std::shared_ptr<Opening> opening_;
    /// What is expected, or the first opening found: a folder that is opened again must still be the same.
    std::map<std::string, UidValidity> validities_;
    CompressionTrial own_trial_;
    CompressionTrial& trial_;
    Ticket compression_;              ///< Kept: a ticket that is dropped early withdraws its command.
    bool has_unsaved_flags_ = false;  ///< Were set in the open folder since it was opened.
    bool reopens_ = false;            ///< At the next use: opening_ does not show what has come since.
    AsyncMutex saving_;               ///< Held while they are saved: no folder is open then.
    bool uid_comes_late_ = false;
    std::uint64_t bytes_seen_ = 0;
    std::uint64_t messages_seen_ = 0;
};

EndpointTraits traits_of(imap::Capabilities const& capabilities) {
    EndpointTraits traits;
    traits.uid_plus = capabilities.contains("UIDPLUS");
    traits.multi_append = capabilities.contains("MULTIAPPEND");
    traits.condstore = capabilities.contains("CONDSTORE") || capabilities.contains("QRESYNC");
    traits.list_status = capabilities.contains("LIST-STATUS") && capabilities.contains("LIST-EXTENDED");
    traits.fast_literals = capabilities.contains("LITERAL+");
    traits.create_special_use = capabilities.contains("CREATE-SPECIAL-USE");
    constexpr std::string_view limit = "APPENDLIMIT=";
    auto const place = capabilities.lower_bound(limit);
    if (place != capabilities.end() && place->starts_with(limit)) {
        traits.append_limit_bytes = parse_number(place->substr(limit.size())).value_or(0);
    }
    return traits;
}

ImapEndpoint::ImapEndpoint(Context context, std::unique_ptr<Session> session, Side side,
                           ImapOptions const& options)
    : context_(context),
      session_(std::move(session)),
      side_(side),
      traits_(traits_of(session_->capabilities())),
      line_(options.compress_below),
      trial_(options.compression != nullptr ? *options.compression : own_trial_) {}

// ---- Folders
// -------------------------------------------------------------------------------------------------------

Task<AccountView> ImapEndpoint::list() {
    ListReader reader;
    imap::Handlers const handlers{[&reader](response::Response const& said) { reader.add(said); }};
    auto const extended = session_->has("LIST-EXTENDED");
    command::List list;
    list.return_special_use = extended && session_->has("SPECIAL-USE");
    list.return_subscribed = extended;
    list.return_status = traits_.list_status;
    list.condstore = traits_.condstore;

    Ticket const name_space =
        session_->has("NAMESPACE") ? session_->start(command::Namespace{}, handlers) : nullptr;
    Ticket const listing = session_->start(list, handlers);
    Ticket const subscribed = extended ? nullptr : session_->start(command::Lsub{}, handlers);
    if (name_space) (void)co_await name_space->reply();  // Refused: as if it were not offered.
    auto const reply = co_await listing->reply();
    if (!reply.ok()) throw Failure(classify(reply, "list folders", side_, Occasion::command));
    if (subscribed) (void)co_await subscribed->reply();  // Refused: nothing is subscribed.
    if (reader.too_many())
        throw Failure(Error{ErrorCode::server_bug,
                            "list folders: the server lists more than any account has",
                            {},
                            side_});
    auto view = reader.take();
    view.labels = session_->has("X-GM-EXT-1");
    view.utf8_names = imap::speaks_only_rev2(session_->capabilities());
    co_return view;
}

Task<std::vector<std::optional<MailboxStatus>>> ImapEndpoint::status(std::vector<MailboxName> mailboxes) {
    std::vector<std::optional<MailboxStatus>> answers(mailboxes.size());
    std::deque<Ticket> under_way;
    co_await save_flags();
    for (std::size_t started = 0; started < mailboxes.size() || !under_way.empty();) {
        while (started < mailboxes.size() && under_way.size() < status_under_way_max) {
            auto& answer = answers[started];
            imap::Handlers const handlers{[&answer](response::Response const& said) {
                if (auto const* const status = std::get_if<response::MailboxStatus>(&said))
                    answer = to_status(*status);
            }};
            under_way.push_back(
                session_->start(command::Status{mailboxes[started], traits_.condstore}, handlers));
            ++started;
        }
        auto const oldest = std::move(under_way.front());
        under_way.pop_front();
        (void)co_await oldest->reply();  // Refused: no status.
    }
    co_return answers;
}

/// GNU Mailutils reads a folder that is open anew when it is asked for its STATUS, and then writes the flags
/// that were set to where the messages had been before. It saves them in time where the folder is opened once
/// more.
Task<> ImapEndpoint::save_flags() {
    auto const turn = co_await saving_.lock();
    if (!has_unsaved_flags_) co_return;
    auto const mailbox = opening_->mailbox;
    opening_.reset();
    (void)co_await reopen(mailbox);
}

std::shared_ptr<Opening> ImapEndpoint::start_opening(MailboxName mailbox, Access access) {
    has_unsaved_flags_ = false;
    reopens_ = false;
    auto opening = std::make_shared<Opening>();
    opening->mailbox = mailbox;
    opening->access = access;
    auto* const reader = &opening->reader;  // The ticket goes with it, and takes the handler along.
    imap::Handlers const handlers{[reader](response::Response const& said) { reader->add(said); }};
    command::Command open = command::Examine{mailbox, traits_.condstore};
    if (access == Access::read_write) open = command::Select{mailbox, traits_.condstore};
    opening->ticket = session_->start(std::move(open), handlers);
    return opening;
}

Task<std::unique_ptr<ImapEndpoint::Lease>> ImapEndpoint::use_folder(MailboxName mailbox, Access access) {
    // First come, first served: who wants another folder is not overtaken by those who use this one.
    auto const turn = co_await folder_turn_.lock();
    auto const fits = opening_ && !reopens_ && !opening_->refused && opening_->mailbox == mailbox &&
                      (access == Access::read_only || opening_->access == Access::read_write);
    if (!fits) {
        while (folder_users_ > 0) {
            folder_free_.clear();
            co_await folder_free_.wait();
        }
        opening_ = start_opening(std::move(mailbox), access);
    }
    co_return std::make_unique<Lease>(*this, opening_, !fits);
}

ImapEndpoint::Lease::~Lease() {
    if (opens_ && !opening_->settled.is_set()) {
        opening_->refused = Error{ErrorCode::cancelled, "open " + in_quotes(opening_->mailbox)};
        opening_->settled.set();
    }
    let_go();
}

void ImapEndpoint::Lease::let_go() {
    if (std::exchange(uses_, false) && --endpoint_.folder_users_ == 0) endpoint_.folder_free_.set();
}

Task<> ImapEndpoint::Lease::confirm() {
    if (opens_ && !opening_->settled.is_set()) co_await endpoint_.await_opening(*opening_);
    co_await opening_->settled.wait();
    if (opening_->refused) throw Failure(*opening_->refused);
}

/// Whatever comes of it, all who share the opening learn the same.
Task<> ImapEndpoint::await_opening(Opening& opening) {
    auto const answered = co_await attempt(opening.ticket->reply());
    opening.refused = error_of(answered.exception);
    if (answered.ok() && !answered.value->ok()) {
        opening.refused =
            classify(*answered.value, "open " + in_quotes(opening.mailbox), side_, Occasion::open);
    }
    opening.settled.set();
}

/// A folder that was deleted and created again has other messages under the same UIDs.
void ImapEndpoint::check_validity(Opening const& opening) {
    auto const now = opening.reader.opened().status.uid_validity;
    if (now.value() == 0) return;  // RFC 3501 §6.3.1: then its UIDs never change.
    auto const expected = validities_.try_emplace(opening.mailbox.wire, now).first->second;
    if (expected == now) return;
    throw Failure({.code = ErrorCode::uid_validity_changed,
                   .message = "open " + in_quotes(opening.mailbox) + ": it has become another folder",
                   .side = side_});
}

Task<Opened> ImapEndpoint::open(MailboxName mailbox, Access access) {
    // Nobody needs the folder to stay open afterwards, so the next open() may leave right behind this one.
    std::shared_ptr<Opening> opening;
    {
        auto const turn = co_await folder_turn_.lock();
        while (folder_users_ > 0) {
            folder_free_.clear();
            co_await folder_free_.wait();
        }
        opening = start_opening(std::move(mailbox), access);
        opening_ = opening;
    }
    co_await await_opening(*opening);
    if (opening->refused) throw Failure(*opening->refused);
    auto const& opened = opening->reader.opened();
    validities_.insert_or_assign(opening->mailbox.wire, opened.status.uid_validity);
    co_return opened;
}

Task<Reply> ImapEndpoint::run_create(MailboxName mailbox, std::string special_use) {
    auto const ticket = session_->start(command::Create{std::move(mailbox), std::move(special_use)});
    co_return co_await ticket->reply();
}

Task<CreateResult> ImapEndpoint::create(MailboxName mailbox, Role role) {
    std::string const special_use(traits_.create_special_use ? special_use_of(role) : std::string_view());
    auto reply = co_await run_create(mailbox, special_use);
    // RFC 6154 §5.3: the folder is welcome, the role is not.
    auto const role_refused = !special_use.empty() && !reply.ok() && reply.code.name != "ALREADYEXISTS";
    if (role_refused) reply = co_await run_create(mailbox, "");
    if (reply.ok()) co_return CreateResult{};
    // Servers without RFC 5530 say it in words only.
    auto const existed = reply.code.name == "ALREADYEXISTS" ||
                         ascii_lower(reply.text).find("already exists") != std::string::npos;
    if (existed) co_return CreateResult{CreateOutcome::existed, {}};
    // Courier says no word about it.
    std::vector<MailboxName> const names(1, mailbox);
    auto const found = co_await status(names);
    if (found.front()) co_return CreateResult{CreateOutcome::existed, {}};
    co_return CreateResult{CreateOutcome::refused,
                           classify(reply, "create " + in_quotes(mailbox), side_, Occasion::create)};
}

Task<bool> ImapEndpoint::subscribe(MailboxName mailbox) {
    auto const ticket = session_->start(command::Subscribe{std::move(mailbox)});
    auto const reply = co_await ticket->reply();
    co_return reply.ok();
}

// ---- Messages
// ------------------------------------------------------------------------------------------------------

Task<> ImapEndpoint::run_listing(MailboxName mailbox, command::UidFetch fetch, UidRange range,
                                 Listing listing, std::function<void(MessageMeta)> sink) {
    auto const what = "list messages of " + in_quotes(mailbox);
    auto const lease = co_await use_folder(std::move(mailbox), reading());
    // Sent behind EXAMINE without waiting for it, so what comes is kept until the folder is known to be
    // right.
    std::vector<MessageMeta> listed;
    MetaReader reader({range, listing, fetch.labels},
                      [&listed](MessageMeta meta) { listed.push_back(std::move(meta)); });
    imap::Handlers const handlers{[&reader](response::Response const& said) { reader.add(said); }};
    auto const ticket = session_->start(std::move(fetch), handlers);
    lease->let_go();
    co_await lease->confirm();
    check_validity(lease->opening());
    auto const reply = co_await ticket->reply();
    if (!reply.ok()) throw Failure(classify(reply, what, side_, Occasion::command));
    if (!reader.finish())
        throw Failure(Error{ErrorCode::server_bug,
                            what + ": the server lists more at once than memory may hold; split the folder",
                            {},
                            side_});
    for (auto& meta : listed) sink(std::move(meta));
}

Task<> ImapEndpoint::list_messages(MailboxName mailbox, UidRange range, Listing listing,
                                   std::function<void(MessageMeta)> sink) {
    command::UidFetch fetch;
    fetch.uids = UidSet(range.first, range.last);
    fetch.flags = true;
    fetch.internal_date = listing != Listing::flags;
    fetch.size = listing != Listing::flags;
    fetch.labels = listing != Listing::flags && session_->has("X-GM-EXT-1") && side_ == Side::source;
    if (listing == Listing::identity)
        fetch.header_fields.assign(identity_headers.begin(), identity_headers.end());
    return run_listing(std::move(mailbox), std::move(fetch), range, listing, std::move(sink));
}

Task<> ImapEndpoint::list_changes(MailboxName mailbox, UidRange range, ModSeq since,
                                  std::function<void(MessageMeta)> sink) {
    command::UidFetch fetch;
    fetch.uids = UidSet(range.first, range.last);
    fetch.flags = true;
    fetch.changed_since = since;
    return run_listing(std::move(mailbox), std::move(fetch), range, Listing::flags, std::move(sink));
}

/// The folder once more, for questions that came up after it had been let go.
Task<std::unique_ptr<ImapEndpoint::Lease>> ImapEndpoint::reopen(MailboxName mailbox) {
    auto lease = co_await use_folder(std::move(mailbox), reading());
    co_await lease->confirm();
    check_validity(lease->opening());
    co_return lease;
}

Task<> ImapEndpoint::fetch_bodies(MailboxName mailbox, std::vector<Uid> uids, BodySink& sink) {
    auto lease = co_await use_folder(mailbox, reading());
    BodyRelay relay(sink);
    BodyInlet inlet(relay);
    Fetches fetches{relay, inlet, mailbox, {uids.begin(), uids.end()}, uid_comes_late_};
    // Sent behind EXAMINE without waiting for it. No body is looked at before it is known that the folder is
    // right: if EXAMINE fails no folder is open and every FETCH fails (RFC 9051 §6.3.3).
    start_fetches(fetches);
    if (fetches.waiting.empty()) lease->let_go();
    co_await lease->confirm();
    check_validity(lease->opening());
    while (!fetches.under_way.empty()) {
        if (fetches.waiting.empty()) lease->let_go();
        co_await finish_fetch(fetches, sink);
        if (!fetches.again.empty() && fetches.under_way.empty()) {
            lease->let_go();  // Whoever waits for another folder goes first, and holds the turn meanwhile.
            lease = co_await reopen(mailbox);
        }
        start_fetches(fetches);
    }
    if (!fetches.empty.empty()) lease = co_await reopen(mailbox);
    auto const empty = std::move(fetches.empty);
    for (auto const uid : empty) co_await report_empty(uid, sink);
}

/// Enough messages to fill about `fetch_bytes_wanted`, by the sizes seen so far.
std::size_t ImapEndpoint::messages_per_fetch() const {
    auto const average = messages_seen_ == 0 ? message_bytes_guess : bytes_seen_ / messages_seen_;
    auto const count = fetch_bytes_wanted / std::max<std::uint64_t>(average, 1);
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(count, 1, fetch_messages_max));
}

void ImapEndpoint::start_fetches(Fetches& fetches) {
    compress_if_slow();
    // Those to be asked again come before all that were not asked yet: the order of UIDs is kept.
    if (!fetches.again.empty()) {
        if (!fetches.under_way.empty()) return;
        fetches.waiting.insert(fetches.waiting.begin(), fetches.again.begin(), fetches.again.end());
        fetches.again.clear();
        fetches.one_by_one = true;
    }
    auto const most = fetches.one_by_one ? single_fetches_under_way_max : commands_under_way_max;
    auto const size = fetches.one_by_one ? 1 : messages_per_fetch();
    auto* const relay = &fetches.relay;
    while (!fetches.waiting.empty() && fetches.under_way.size() < most) {
        auto const end =
            fetches.waiting.begin() + static_cast<std::ptrdiff_t>(std::min(size, fetches.waiting.size()));
        Fetching fetching{nullptr, {fetches.waiting.begin(), end}};
        fetches.waiting.erase(fetches.waiting.begin(), end);
        relay->expect(fetching.uids);
        command::UidFetch fetch;
        fetch.uids = UidSet::of(fetching.uids);
        fetch.body = true;
        imap::Handlers handlers{[relay](response::Response const& said) { relay->on_fetch(said); },
                                &fetches.inlet};
        fetching.ticket = session_->start(std::move(fetch), std::move(handlers));
        fetches.under_way.push_back(std::move(fetching));
    }
}

Task<> ImapEndpoint::finish_fetch(Fetches& fetches, BodySink& sink) {
    auto const oldest = std::move(fetches.under_way.front());
    fetches.under_way.pop_front();
    auto const alone = oldest.uids.size() == 1;
    fetches.relay.set_only(alone ? std::optional(oldest.uids.front()) : std::nullopt);
    auto const reply = co_await oldest.ticket->reply();
    auto const fates = co_await fetches.relay.settle(oldest.uids);
    uid_comes_late_ = uid_comes_late_ || fetches.relay.uid_comes_late();
    bytes_seen_ += fetches.relay.take_bytes();
    messages_seen_ += fetches.relay.take_messages();
    if (!reply.ok()) {
        auto const error =
            classify(reply, "fetch from " + in_quotes(fetches.mailbox), side_, Occasion::command);
        // Any other refusal may be about one message only; it is found by asking for each.
        if (error.code != ErrorCode::server_bug && error.code != ErrorCode::folder_vanished)
            throw Failure(error);
    }
    auto const ask_again = !alone && (!reply.ok() || fetches.relay.uid_comes_late());
    for (std::size_t i = 0; i < fates.size(); ++i) {
        if (fates[i] == BodyRelay::Fate::delivered) continue;
        if (fates[i] == BodyRelay::Fate::empty) {
            fetches.empty.push_back(oldest.uids[i]);
        } else if (ask_again) {
            fetches.again.push_back(oldest.uids[i]);
        } else {
            co_await sink.missing(oldest.uids[i]);
        }
    }
}

/// An empty body is what some servers give for a message that they cannot read. A message may really be
/// empty; the server says so by its size. Asked when no body is under way.
Task<> ImapEndpoint::report_empty(Uid uid, BodySink& sink) {
    command::UidFetch fetch;
    fetch.uids = UidSet(uid, uid);
    fetch.size = true;
    auto empty = false;
    imap::Handlers const handlers{[uid, &empty](response::Response const& said) {
        auto const* const answer = std::get_if<response::Fetch>(&said);
        if (answer != nullptr && answer->uid == uid && answer->size_bytes == 0U) empty = true;
    }};
    auto const ticket = session_->start(std::move(fetch), handlers);
    (void)co_await ticket->reply();  // Refused: as good as gone.
    if (!empty) {
        co_await sink.missing(uid);
        co_return;
    }
    co_await sink.begin(uid, 0);
    co_await sink.end();
}

Task<std::unique_ptr<Append>> ImapEndpoint::append(MailboxName mailbox) {
    compress_if_slow();
    auto carrier = co_await session_->append(mailbox);
    co_return std::make_unique<ImapAppend>(std::move(carrier), std::move(mailbox), side_);
}

Task<bool> ImapEndpoint::store_flags(MailboxName mailbox, UidSet uids, Flags add, Flags remove) {
    auto const lease = co_await use_folder(std::move(mailbox), Access::read_write);
    co_await lease->confirm();
    check_validity(lease->opening());
    auto const longest = std::max(add.to_string().size(), remove.to_string().size());
    auto const parts = split_for_command(uids, uid_bytes_max - std::min(longest, uid_bytes_max / 2));
    std::deque<command::UidStore> commands;
    std::deque<Ticket> under_way;
    for (auto const& part : parts) {
        if (!add.empty()) commands.push_back({part, true, add});
        if (!remove.empty()) commands.push_back({part, false, remove});
    }
    auto taken = true;
    has_unsaved_flags_ = true;
    while (!commands.empty() || !under_way.empty()) {
        while (!commands.empty() && under_way.size() < commands_under_way_max) {
            under_way.push_back(session_->start(std::move(commands.front())));
            commands.pop_front();
        }
        auto const oldest = std::move(under_way.front());
        under_way.pop_front();
        auto const reply = co_await oldest->reply();
        taken = taken && reply.ok();
    }
    co_return taken;
}

void ImapEndpoint::compress_if_slow() {
    if (compression_) {
        trial_.proven |= session_->compression_proven();
        return;
    }
    bool const undecided = trial_.begun && !trial_.proven;
    LineUse const use{session_->line_wait(), session_->bytes_transferred()};
    bool const slow = line_.is_slow(context_.clock.now(), use);
    if (undecided || !slow || !session_->has("COMPRESS=DEFLATE")) return;
    trial_.begun = true;
    compression_ = session_->start(command::Compress{});
}

}  // namespace

Task<std::unique_ptr<Endpoint>> open_imap_endpoint(Context context, net::Connector& connector,
                                                   net::Target target, imap::Credentials credentials,
                                                   Side side, ImapOptions options) {
    auto opening =
        Session::open(context, connector, std::move(target), std::move(credentials), side, options.timeouts);
    auto session = co_await std::move(opening);
    co_return std::make_unique<ImapEndpoint>(context, std::move(session), side, options);
}

}  // namespace imapcopy::copy
