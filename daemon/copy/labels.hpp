#pragma once

// Folders that are labels (Gmail): one message stands in several of them, under a UID of each. Which of them
// it is copied from. Pure.

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/job.hpp"
#include "daemon/copy/mailbox_map.hpp"

namespace imapcopy::copy {

/// The selected folders of one source, in the order in which they come: that of the mailbox map, and \All
/// last. A label without a folder among them counts for nothing: what is left out, views, and \Muted. \Trash
/// and \Junk stand for themselves: what lies there is in no other folder, whatever labels it still has. A
/// folder of exactly as many messages as Gmail can be set to show at most may not show all of them; its label
/// does not count either: a duplicate can be removed, a lost message cannot be brought back.
class LabelFolders {
 public:
    /// Of a source that knows no labels.
    LabelFolders() = default;
    LabelFolders(std::vector<MappedFolder> const& folders, LabelPolicy policy);

    /// Nothing comes from this folder, whatever bears its label.
    void give_up(MailboxName const& folder);
    bool empty() const { return ranks_.empty(); }
    /// True if a message of `folder` that bears `labels` (X-GM-LABELS; that of `folder` is never among them)
    /// is to be copied from another folder.
    bool stands_elsewhere(MailboxName const& folder, std::vector<std::string> const& labels) const;

 private:
    std::map<std::string, std::size_t> ranks_;        ///< By the name on the wire; of folders that may yield.
    std::map<std::string, std::size_t> label_ranks_;  ///< By label, folders as UTF-8.
};

}  // namespace imapcopy::copy
