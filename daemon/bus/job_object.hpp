#pragma once

// /org/imapcopyd1/job/N: translates arguments, calls the service, answers.

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "Job_adaptor.hpp"
#include "common/bus_value.hpp"
#include "common/job.hpp"
#include "daemon/bus/calls.hpp"
#include "daemon/jobs/service.hpp"

namespace imapcopy::bus {

using JobAdaptors = sdbus::AdaptorInterfaces<org::imapcopyd1::Job_adaptor, sdbus::Properties_adaptor,
                                             sdbus::ManagedObject_adaptor>;

class JobObject;
/// What is exported, by id.
using JobObjects = std::map<JobId, std::unique_ptr<JobObject>>;

class JobObject final : public JobAdaptors {
 public:
    /// All references outlive it; `all` is where it will stand itself. Exported at once; announces nothing by
    /// itself.
    JobObject(sdbus::IConnection& bus, Calls& calls, jobs::Service& service, JobObjects const& all,
              JobView view);
    ~JobObject();
    JobObject(JobObject const&) = delete;
    JobObject& operator=(JobObject const&) = delete;

    JobView const& view() const { return view_; }
    /// All properties by name, as GetAll answers. For callers that were authorised: it must not be called
    /// while the bus library dispatches a call, or each property asks again who is calling.
    BusDict all_properties();
    /// What the properties say from now on. The names of those that changed are kept for publish().
    void set_view(JobView const& view);
    /// Emits PropertiesChanged for what changed since the last time, if anything did.
    void publish();

 private:
    using Reply = sdbus::Result<>&&;
    using Items = std::vector<
        sdbus::Struct<std::uint64_t, std::string, std::string, std::uint64_t, std::string, std::string>>;

    void Hold(Reply result) override;
    void Release(Reply result) override;
    void Cancel(Reply result) override;
    void Retry(Reply result, BusDict options) override;
    void Resync(Reply result, BusDict options) override;
    void Verify(sdbus::Result<BusDict>&& result, BusDict options) override;
    void SetSecret(Reply result, std::string side, sdbus::UnixFd secret) override;
    void Forget(Reply result, BusDict options) override;
    void GetItems(sdbus::Result<Items>&& result, std::string kind, std::uint32_t offset,
                  std::uint32_t count) override;
    void GetReport(Reply result, std::string format, std::string language, sdbus::UnixFd out) override;

    std::uint32_t Id() override;
    sdbus::ObjectPath Batch() override;
    std::uint32_t Owner() override;
    std::string Label() override;
    std::string Language() override;
    BusDict Source() override;
    BusDict Destination() override;
    std::string State() override;
    std::string Phase() override;
    sdbus::Struct<std::string, std::string> Reason() override;
    std::uint64_t WaitingUntil() override;
    std::uint32_t Attempt() override;
    std::uint64_t Created() override;
    std::uint64_t Started() override;
    std::uint64_t Ended() override;
    std::uint64_t LastActivity() override;
    std::uint32_t FoldersTotal() override;
    std::uint32_t FoldersDone() override;
    std::uint64_t MessagesTotal() override;
    std::uint64_t MessagesDone() override;
    std::uint64_t MessagesSkipped() override;
    std::uint64_t BytesTotal() override;
    std::uint64_t BytesDone() override;
    std::uint64_t BytesPerSecond() override;
    std::uint64_t EstimatedEnd() override;
    std::string CurrentFolder() override;
    std::uint32_t Lanes() override;
    std::uint64_t SourceRoundTrip() override;
    std::uint64_t DestinationRoundTrip() override;
    std::string Bound() override;
    sdbus::Struct<std::string, std::string> Error() override;

    /// For getters. Throws sdbus::Error where the caller may not read this, or not so much at once.
    JobView const& readable(std::string_view property) const;

    Calls& calls_;
    jobs::Service& service_;
    JobObjects const& all_;
    JobView view_;
    std::set<std::string> changed_;
};

}  // namespace imapcopy::bus
