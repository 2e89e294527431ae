#pragma once

// Both sides read back and compared. Writes to neither: folders are only examined.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/context.hpp"
#include "common/job.hpp"
#include "daemon/copy/comparison.hpp"
#include "daemon/copy/journal.hpp"
#include "daemon/copy/pass.hpp"

namespace imapcopy::copy {

struct VerifyOptions {
    FolderOptions folders;
    LabelPolicy labels = LabelPolicy::once;
    VerifyLevel level = VerifyLevel::index;
    Duration time_max = std::chrono::hours(24);     ///< Then it ends with Failure(timed_out).
    std::uint32_t messages_per_window = 2000;       ///< Listed by one command.
    std::uint32_t bodies_per_window = 200;          ///< Read by one call; a stop is seen between two.
    std::uint64_t bytes_per_window = 16ULL << 20U;  ///< The same; a larger message is read alone.
    std::uint64_t folder_messages_max = 4'000'000;  ///< A larger folder is not compared, and that is said.
    std::uint32_t listed_per_kind_max = 100;        ///< More differences of one kind are only counted.
};

/// One line of what a verification found.
struct Difference {
    DifferenceKind kind = DifferenceKind::missing;
    std::string folder;       ///< Of the source, as MappedFolder::path; empty where there is none.
    std::string destination;  ///< Folder, UTF-8.
    Uid source_uid;           ///< 0: none, or the folder as a whole.
    Uid destination_uid;      ///< 0: none.
    std::string text;         ///< One sentence; a server's words are escaped.
    bool operator==(Difference const&) const = default;
};

/// How many there are of each kind, and the first ones.
struct VerifyResult {
    std::uint64_t folders = 0;   ///< Compared.
    std::uint64_t messages = 0;  ///< At the source.
    std::array<std::uint64_t, difference_kinds> totals{};
    std::vector<Difference> listed;

    std::uint64_t total(DifferenceKind kind) const { return totals.at(static_cast<std::size_t>(kind)); }
    std::uint64_t differences() const;  ///< Without those that are explained.
    std::uint64_t explained() const;
};

/// Compares what the job of `options.folders` copies. Believes only the two servers; the journal explains
/// what differs rightly (see DifferenceKind). Completion mails are left out on both sides. Connections lost
/// on the way are opened again a few times, and the folder is begun anew. Throws Failure(cancelled) once
/// `context.stop` is requested, and what the connections and the journal throw. All references outlive it.
///
/// `counts` compares numbers of messages alone, and lists folders that are labels. `index` compares headers,
/// dates, and flags; sizes only for information. `digest` reads every byte of every message on both sides,
/// too. Memory: about 100 bytes for each message of one folder, on each side, and 32 for those of all folders
/// that stand on one side only.
Task<VerifyResult> verify_pass(Context context, Connections& connections, Journal& journal,
                               VerifyOptions options);

}  // namespace imapcopy::copy
