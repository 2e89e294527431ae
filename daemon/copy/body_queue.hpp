#pragma once

// BodyQueue: the bounded pipe between the two halves of a lane.

#include <deque>
#include <optional>
#include <string>
#include <variant>

#include "common/event.hpp"
#include "daemon/copy/lane_load.hpp"
#include "daemon/copy/reduction.hpp"
#include "daemon/copy/view.hpp"

namespace imapcopy::copy {

struct FolderWork;
class LanePace;

/// What follows belongs to this folder, and is appended as `reduction` says.
struct FolderBegin {
    FolderWork* folder = nullptr;
    Reduction reduction;
};
/// A body of exactly `size_bytes` follows as BodyData, then BodyEnd.
struct BodyBegin {
    MessageMeta meta;
    LaneLoad::Token token;
    std::uint64_t size_bytes = 0;
};
struct BodyData {
    std::string bytes;
};
struct BodyEnd {};
/// A small body at once. `size_bytes` was announced; `bytes` must be as many.
struct WholeBody {
    MessageMeta meta;
    LaneLoad::Token token;
    std::uint64_t size_bytes = 0;
    std::string bytes;
};
/// What was gathered so far goes out as a batch of its own.
struct BatchEnd {};

using Piece = std::variant<FolderBegin, BodyBegin, BodyData, BodyEnd, WholeBody, BatchEnd>;

/// One coroutine pushes, one pops. Holds about `bytes_max` bytes of bodies at most.
class BodyQueue {
 public:
    /// `pace` of whoever pops outlives the queue.
    BodyQueue(std::size_t bytes_max, LanePace& pace) : bytes_max_(bytes_max), pace_(pace) {}

    /// Waits while the queue is full. Throws Failure(cancelled) once the reader has gone (abandon).
    Task<> push(Piece piece);
    /// The next piece; nothing after close() when all is read.
    Task<std::optional<Piece>> pop();
    /// True if pop() would not wait.
    bool is_readable() const { return !pieces_.empty() || closed_; }
    /// Waits until pop() would not wait, or wake() is called.
    Task<> wait();
    void wake() { readable_.set(); }
    bool is_abandoned() const { return abandoned_; }
    /// No more pieces will come.
    void close();
    /// The reader has failed: what is queued is dropped, the writer is told at its next push.
    void abandon();

 private:
    std::size_t bytes_max_;
    LanePace& pace_;
    std::size_t bytes_ = 0;
    std::deque<Piece> pieces_;
    bool closed_ = false;
    bool abandoned_ = false;
    Event readable_;
    Event writable_;
};

}  // namespace imapcopy::copy
