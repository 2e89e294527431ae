#pragma once

// A journal that remembers nothing: for a plan between two accounts that have no ledger.

#include <memory>

#include "daemon/copy/journal.hpp"

namespace imapcopy::jobs {

std::unique_ptr<copy::Journal> make_empty_journal();

}  // namespace imapcopy::jobs
