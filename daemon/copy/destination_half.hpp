#pragma once

// The writing half of a lane: pieces from the queue → batches → APPEND commands, and the answers to them.

#include <deque>
#include <memory>
#include <optional>

#include "common/clock.hpp"
#include "common/event.hpp"
#include "common/task_group.hpp"
#include "daemon/copy/body_queue.hpp"
#include "daemon/copy/lane.hpp"
#include "daemon/copy/lane_pace.hpp"

namespace imapcopy::copy {

class DestinationHalf {
 public:
    /// All outlive the object.
    DestinationHalf(LaneParts& parts, BodyQueue& queue, LanePace& pace)
        : parts_(parts), queue_(queue), pace_(pace) {}

    /// Writes until the queue ends, and returns when every APPEND is answered and recorded. A body that the
    /// queue breaks off is never completed.
    Task<> run();

 private:
    struct Message {
        MessageMeta meta;
        Identity identity;
        std::uint64_t size_bytes = 0;
    };
    /// One APPEND that is being written.
    struct Batch {
        std::unique_ptr<Append> append;
        std::vector<Message> messages;  ///< Those that are written whole.
        std::uint64_t size_bytes = 0;
        TimePoint since;
        bool accepted = true;  ///< False: answered before all of it was sent.
    };
    /// An APPEND that waits for its answer; without one it marks the end of a folder.
    struct Sent {
        FolderWork* folder = nullptr;
        Reduction reduction;
        std::vector<Message> messages;
        std::unique_ptr<Append> append;  ///< Null: the end of the folder.
        TimePoint since;
    };

    Task<> write();
    Task<> collect();
    bool may_append() const;  ///< Else the next APPEND waits for an answer.
    /// Nothing more comes for folder_. Asks for its status right behind its last APPEND: so nobody has to
    /// wait for it at the end of the pass.
    void end_folder();
    Task<> ask_status(FolderWork& folder);
    /// The next piece of the queue. Ends the batch where there is none and it may not grow.
    Task<std::optional<Piece>> next_piece();
    /// Whether the batch is to wait for more messages.
    bool may_grow() const;
    /// It has something to store, and nobody waits behind the batch.
    bool destination_is_busy() const { return !sent_.empty() && !asking_; }
    Task<> take_whole_body(WholeBody body);
    /// A body from the queue. False: the queue, or that body, ended inside it.
    Task<bool> stream_body(BodyBegin begin);
    /// Announces a message to the batch, which is another one if this one is full.
    Task<> begin_message(MessageMeta const& meta, std::uint64_t size_bytes);
    Task<> end_message(Message message);
    Task<> begin_batch();
    /// Completes the APPEND once its intents are durable.
    Task<> end_batch();
    /// Leaves an APPEND unfinished, and with it the connection.
    void drop_batch();
    Task<> announce(std::vector<Message> const& messages);
    AppendMessage append_message(MessageMeta const& meta, std::uint64_t size_bytes) const;
    void sent(std::vector<Message> messages, std::unique_ptr<Append> append);
    /// Waits until every APPEND before the one that is to be dropped is answered. Does not wait for what an
    /// answer has made us ask: that comes behind this very APPEND. Answers that are still missing then are
    /// left to settle.
    Task<> wait_before_dropping();

    /// While it lives, the answer that is being recorded waits for other answers of the destination. They
    /// come behind the batch under way, which may not grow for long meanwhile.
    class Asking {
     public:
        explicit Asking(DestinationHalf& half);
        ~Asking();
        Asking(Asking const&) = delete;
        Asking& operator=(Asking const&) = delete;

     private:
        DestinationHalf& half_;
    };
    Task<> record(Sent& answered, AppendOutcome outcome);
    Task<> record_stored(Sent& answered, AppendOutcome const& outcome);
    void count_stored(Sent const& answered);
    /// Copies of known UIDs whose flags the server has forgotten. Looks once in a try, as soon as a copy was
    /// given flags.
    Task<std::vector<AppendedFlags>> find_forgotten(Sent const& answered, std::vector<Uid> uids);
    Task<> record_refused(Sent& answered, Error error);
    Task<> retry_in_new_folder(Sent& answered, Error error);
    void give_up(FolderWork& folder, Error error);
    void retry(Sent& answered);

    /// For so long a batch may grow although nothing else is under way, or a question waits behind it: a
    /// server needs 1 to 50 ms to complete an APPEND, whatever is in it.
    static constexpr std::chrono::milliseconds grows_min{50};

    LaneParts& parts_;
    BodyQueue& queue_;
    LanePace& pace_;
    std::unique_ptr<Alarm> growth_end_;
    TaskGroup* tasks_ = nullptr;  ///< Of run().
    FolderWork* folder_ = nullptr;
    Reduction reduction_;  ///< Of what folder_ is about.
    std::optional<Batch> batch_;
    std::deque<Sent> sent_;
    Event changed_;  ///< sent_, writing_over_ or asking_ changed.
    bool writing_over_ = false;
    bool asking_ = false;  ///< See Asking.
    bool collecting_failed_ = false;
    std::optional<Error> fatal_;  ///< An answer that ends the pass: over quota, throttled, …
};

}  // namespace imapcopy::copy
