#pragma once

// Which bus properties differ between two views of a job; pure.

#include <string>
#include <vector>

#include "common/job.hpp"

namespace imapcopy::bus {

/// Names of org.imapcopyd1.Job properties, in no particular order. The two views are of the same job.
std::vector<std::string> changed_properties(JobView const& before, JobView const& after);

/// Short error name and sentence; two empty strings where there is no error.
struct ErrorWords {
    std::string name;
    std::string sentence;
};
ErrorWords error_words(JobView const& job);

}  // namespace imapcopy::bus
