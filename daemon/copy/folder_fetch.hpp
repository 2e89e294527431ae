#pragma once

// FolderFetch: one fetch of bodies on its way into the queue. Those of several folders may be under way one
// behind the other, so that no folder costs a round trip.

#include <functional>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "daemon/copy/body_queue.hpp"
#include "daemon/copy/lane.hpp"

namespace imapcopy::copy {

/// The mouth of the queue, shared by the fetches of a lane.
struct QueueMouth {
    BodyQueue& queue;
    AsyncMutex turn = {};          ///< Held from the beginning of a body to its end: bodies do not mix.
    FolderWork* folder = nullptr;  ///< That the reader of the queue has been told last.
    Reduction reduction = {};
    std::set<FolderWork const*> begun = {};  ///< Of which a body has come, and the reader says the end.
};

class FolderFetch final : BodySink {
 public:
    /// Of `messages`, to be appended reduced as `reduction` says. All outlive the object.
    FolderFetch(LaneParts& parts, QueueMouth& mouth, FolderWork& folder, Reduction reduction,
                std::vector<MessageMeta> messages);
    FolderFetch(FolderFetch const&) = delete;
    FolderFetch& operator=(FolderFetch const&) = delete;
    ~FolderFetch() = default;

    /// Returns when every body is in the queue. Throws what the source throws, and Failure(cancelled) between
    /// two messages where the pass is to stop.
    Task<> run();

 private:
    struct Wanted {
        MessageMeta meta;
        LaneLoad::Token token;
    };

    /// Remembers what was awaited when the source failed.
    void note_failure(Error const& error);
    /// Not delivered by the server: gone if it is not listed any more, else an exception.
    Task<> settle_missing();

    Task<> begin(Uid uid, std::uint64_t size_bytes) override;
    Task<> data(std::string_view bytes) override;
    Task<> end() override;
    Task<> missing(Uid uid) override;
    /// The message, if it is still wanted; it is not any more.
    std::optional<Wanted> take(Uid uid);

    LaneParts& parts_;
    QueueMouth& mouth_;
    FolderWork& folder_;
    Reduction reduction_;
    std::vector<Uid> uids_;
    std::unordered_map<Uid, Wanted> wanted_;
    std::vector<MessageMeta> missing_;
    std::optional<AsyncMutex::Lock> turn_;  ///< While a body that was asked for is under way.
    std::optional<WholeBody> gathered_;     ///< It, where it is small.
    std::optional<Uid> current_;            ///< The message of that body.
};

}  // namespace imapcopy::copy
