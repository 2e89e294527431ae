#include "daemon/bus/job_properties.hpp"

#include "common/bus_value.hpp"

namespace imapcopy::bus {
namespace {

using Differs = bool (*)(JobView const&, JobView const&);

struct Property {
    char const* name;
    Differs differs;
};

template <auto member>
bool differs(JobView const& a, JobView const& b) {
    return !(a.*member == b.*member);
}

template <auto member>
bool spec_differs(JobView const& a, JobView const& b) {
    return !(a.spec.*member == b.spec.*member);
}

template <auto member>
bool progress_differs(JobView const& a, JobView const& b) {
    return !(a.progress.*member == b.progress.*member);
}

bool state_differs(JobView const& a, JobView const& b) {
    return state_of(a.phase) != state_of(b.phase);
}

bool reason_differs(JobView const& a, JobView const& b) {
    return a.wait_reason != b.wait_reason || a.wait_text != b.wait_text;
}

// Id, Batch, Owner and Created never change.
constexpr Property properties[] = {
    {"Label", spec_differs<&JobSpec::label>},
    {"Language", spec_differs<&JobSpec::language>},
    {"Source", spec_differs<&JobSpec::source>},
    {"Destination", spec_differs<&JobSpec::destination>},
    {"State", state_differs},
    {"Phase", differs<&JobView::phase>},
    {"Reason", reason_differs},
    {"WaitingUntil", differs<&JobView::waiting_until>},
    {"Attempt", differs<&JobView::attempt>},
    {"Started", differs<&JobView::started>},
    {"Ended", differs<&JobView::ended>},
    {"LastActivity", differs<&JobView::last_activity>},
    {"FoldersTotal", progress_differs<&Progress::folders_total>},
    {"FoldersDone", progress_differs<&Progress::folders_done>},
    {"MessagesTotal", progress_differs<&Progress::messages_total>},
    {"MessagesDone", progress_differs<&Progress::messages_done>},
    {"MessagesSkipped", progress_differs<&Progress::messages_skipped>},
    {"BytesTotal", progress_differs<&Progress::bytes_total>},
    {"BytesDone", progress_differs<&Progress::bytes_done>},
    {"BytesPerSecond", progress_differs<&Progress::bytes_per_second>},
    {"EstimatedEnd", progress_differs<&Progress::estimated_end>},
    {"CurrentFolder", progress_differs<&Progress::current_folder>},
    {"Lanes", progress_differs<&Progress::lanes>},
    {"SourceRoundTrip", progress_differs<&Progress::source_round_trip>},
    {"DestinationRoundTrip", progress_differs<&Progress::destination_round_trip>},
    {"Bound", progress_differs<&Progress::bound>},
    {"Error", differs<&JobView::error>},
};

}  // namespace

std::vector<std::string> changed_properties(JobView const& before, JobView const& after) {
    std::vector<std::string> names;
    for (auto const& property : properties) {
        if (property.differs(before, after)) names.emplace_back(property.name);
    }
    return names;
}

ErrorWords error_words(JobView const& job) {
    if (!job.error) return {};
    return {std::string(info(job.error->code).name), bus_error_text(*job.error)};
}

}  // namespace imapcopy::bus
