#include <algorithm>
#include <limits>

#include "common/text.hpp"
#include "ctl/call.hpp"

namespace imapcopy::ctl {
namespace {

std::optional<JobId> number_of(std::string_view text) {
    auto const number = parse_number(text);
    if (!number || *number == 0 || *number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return JobId{static_cast<std::uint32_t>(*number)};
}

void add_once(std::vector<JobId>& ids, JobId id) {
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
}

}  // namespace

std::vector<JobId> selected_jobs(Call const& call) {
    std::vector<JobId> ids;
    for (auto const& word : call.arguments.jobs) {
        if (auto const id = number_of(word)) {
            if (!call.client.job(*id))
                throw Failure(ErrorCode::no_such_job, call.say(Message::ctl_no_job, {to_string(*id)}));
            add_once(ids, *id);
            continue;
        }
        auto const found = call.client.find(word);
        if (found.empty()) {
            throw Failure(ErrorCode::no_such_job, call.say(Message::ctl_no_job_of, {printable(word, 128)}));
        }
        for (auto const id : found) add_once(ids, id);
    }
    return ids;
}

std::vector<JobId> numbered_jobs(Call const& call) {
    std::vector<JobId> ids;
    for (auto const& word : call.arguments.jobs) {
        auto const id = number_of(word);
        if (!id) {
            throw Failure(ErrorCode::invalid_argument,
                          call.say(Message::ctl_not_a_job_number, {printable(word, 128)}));
        }
        add_once(ids, *id);
    }
    return ids;
}

}  // namespace imapcopy::ctl
