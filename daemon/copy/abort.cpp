#include "daemon/copy/abort.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "common/result.hpp"

namespace imapcopy::copy {

/// An endpoint that is known to an Abort for as long as it lives.
class AbortableEndpoint final : public Endpoint {
 public:
    AbortableEndpoint(std::unique_ptr<Endpoint> endpoint, Abort& abort)
        : endpoint_(std::move(endpoint)),
          abort_(abort),
          place_(abort.open_.insert(abort.open_.end(), endpoint_.get())) {}
    ~AbortableEndpoint() override { abort_.open_.erase(place_); }
    AbortableEndpoint(AbortableEndpoint const&) = delete;
    AbortableEndpoint& operator=(AbortableEndpoint const&) = delete;

    EndpointTraits traits() const override { return endpoint_->traits(); }
    Task<AccountView> list() override { return endpoint_->list(); }
    Task<std::vector<std::optional<MailboxStatus>>> status(std::vector<MailboxName> mailboxes) override {
        return endpoint_->status(std::move(mailboxes));
    }
    Task<Opened> open(MailboxName mailbox, Access access) override {
        return endpoint_->open(std::move(mailbox), access);
    }
    void expect(MailboxName const& mailbox, UidValidity uid_validity) override {
        endpoint_->expect(mailbox, uid_validity);
    }
    void reopen_at_next_use() override { endpoint_->reopen_at_next_use(); }
    Task<> list_messages(MailboxName mailbox, UidRange range, Listing listing,
                         std::function<void(MessageMeta)> sink) override {
        return endpoint_->list_messages(std::move(mailbox), range, listing, std::move(sink));
    }
    Task<> list_changes(MailboxName mailbox, UidRange range, ModSeq since,
                        std::function<void(MessageMeta)> sink) override {
        return endpoint_->list_changes(std::move(mailbox), range, since, std::move(sink));
    }
    Task<> fetch_bodies(MailboxName mailbox, std::vector<Uid> uids, BodySink& sink) override {
        return endpoint_->fetch_bodies(std::move(mailbox), std::move(uids), sink);
    }
    Task<CreateResult> create(MailboxName mailbox, Role role) override {
        return endpoint_->create(std::move(mailbox), role);
    }
    Task<bool> subscribe(MailboxName mailbox) override { return endpoint_->subscribe(std::move(mailbox)); }
    Task<std::unique_ptr<Append>> append(MailboxName mailbox) override {
        return endpoint_->append(std::move(mailbox));
    }
    Task<bool> store_flags(MailboxName mailbox, UidSet uids, Flags add, Flags remove) override {
        return endpoint_->store_flags(std::move(mailbox), std::move(uids), std::move(add), std::move(remove));
    }
    Task<> close() override { return endpoint_->close(); }
    void leave() override { endpoint_->leave(); }
    void abort() noexcept override { endpoint_->abort(); }
    std::uint64_t bytes_transferred() const override { return endpoint_->bytes_transferred(); }
    Duration round_trip() const override { return endpoint_->round_trip(); }
    Duration line_wait() const override { return endpoint_->line_wait(); }

 private:
    std::unique_ptr<Endpoint> endpoint_;
    Abort& abort_;
    std::list<Endpoint*>::iterator place_;
};

void Abort::request() noexcept {
    requested_ = true;
    for (auto* const endpoint : open_) endpoint->abort();
    for (auto& signal : opening_) signal.emit(boost::asio::cancellation_type::terminal);
}

Task<std::unique_ptr<Endpoint>> AbortableConnections::connect(Side side) {
    auto const fail_if_requested = [&] {
        if (!abort_.requested()) return;
        throw Failure(
            {.code = ErrorCode::cancelled, .message = "connect: the pass was aborted", .side = side});
    };
    fail_if_requested();
    struct Opening {
        std::list<boost::asio::cancellation_signal>& list;
        std::list<boost::asio::cancellation_signal>::iterator place = list.emplace(list.end());
        ~Opening() { list.erase(place); }
    } const opening{abort_.opening_};
    auto const executor = co_await boost::asio::this_coro::executor;
    // Spawned on its own, so that it hears the signal in whatever coroutine somebody waits for it.
    auto token = boost::asio::bind_cancellation_slot(opening.place->slot(), boost::asio::use_awaitable);
    auto spawned = boost::asio::co_spawn(executor, connections_.connect(side), std::move(token));
    auto const state = co_await boost::asio::this_coro::cancellation_state;
    // Who waits may be cancelled alone. (The wait ends with the slot cleared.)
    auto const pass_on = [signal = &*opening.place](boost::asio::cancellation_type type) {
        signal->emit(type);
    };
    if (state.slot().is_connected()) state.slot().assign(pass_on);
    auto endpoint = co_await std::move(spawned);
    fail_if_requested();
    co_return std::make_unique<AbortableEndpoint>(std::move(endpoint), abort_);
}

}  // namespace imapcopy::copy
