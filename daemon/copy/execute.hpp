#pragma once

// Executes one pass over connected endpoints: view, plan, execute. The only code that changes a destination.

#include "daemon/copy/endpoint.hpp"
#include "daemon/copy/folder_work.hpp"
#include "daemon/copy/lanes.hpp"

namespace imapcopy::copy {

/// Lists both sides at the same time and maps their folders; fills state.folders and the totals of progress.
/// Destination folders are neither created nor opened yet.
Task<> view_accounts(LaneParts& parts, FolderOptions const& folders, LabelPolicy labels);

/// How many lanes are worth their connections for what was viewed.
std::uint32_t lanes_for(PassState& state, LaneLimits const& limits);

/// Creates and subscribes what is missing, opens what will be written to, and copies everything that is
/// planned, over so many lanes; batches that are refused in smaller and smaller pieces. Folders that the
/// server refuses are given up, with an exception. False: stopped.
Task<bool> copy_all(LaneParts& parts, Connections& connections, std::uint32_t lanes);

/// How the copying ended. Only after a whole one a folder may be called complete: what a stop left out is not
/// known.
enum class Ending : std::uint8_t { whole, stopped };

/// Finds the UIDs of copies that the server did not name, lists the messages that were refused or lost
/// something, and marks the folders that are wholly dealt with.
Task<> conclude(LaneParts& parts, Ending ending);

}  // namespace imapcopy::copy
