#pragma once

// /org/imapcopyd1: creates jobs and answers for the daemon as a whole.

#include <sdbus-c++/sdbus-c++.h>

#include <map>
#include <string>
#include <vector>

#include "Manager_adaptor.hpp"
#include "common/bus_value.hpp"
#include "daemon/bus/calls.hpp"
#include "daemon/bus/job_object.hpp"
#include "daemon/jobs/service.hpp"

namespace imapcopy::bus {

using ManagerAdaptors = sdbus::AdaptorInterfaces<org::imapcopyd1::Manager_adaptor, sdbus::Properties_adaptor,
                                                 sdbus::ObjectManager_adaptor>;

class ManagerObject final : public ManagerAdaptors {
 public:
    /// All references outlive it, and `jobs` the calls too.
    ManagerObject(sdbus::IConnection& bus, Calls& calls, jobs::Service& service, JobObjects const& jobs);
    ~ManagerObject();
    ManagerObject(ManagerObject const&) = delete;
    ManagerObject& operator=(ManagerObject const&) = delete;

    /// Emits PropertiesChanged for what changed since the last time, if anything did.
    void publish();

 private:
    using Reply = sdbus::Result<>&&;
    using JobRow = sdbus::Struct<sdbus::ObjectPath, BusDict>;

    void Test(sdbus::Result<BusDict>&& result, BusDict account, sdbus::UnixFd secret,
              BusDict options) override;
    void Submit(sdbus::Result<std::uint32_t, sdbus::ObjectPath>&& result, BusDict source,
                sdbus::UnixFd source_secret, BusDict destination, sdbus::UnixFd destination_secret,
                BusDict options) override;
    void Plan(sdbus::Result<BusDict>&& result, BusDict source, sdbus::UnixFd source_secret,
              BusDict destination, sdbus::UnixFd destination_secret, BusDict options) override;
    void FindJobs(sdbus::Result<std::vector<sdbus::ObjectPath>>&& result, std::string source_address,
                  BusDict options) override;
    void ListJobs(sdbus::Result<std::vector<JobRow>>&& result, std::uint32_t after,
                  std::uint32_t count) override;
    void Hold(Reply result) override;
    void Release(Reply result) override;
    void Reload(Reply result) override;
    void ListProviders(sdbus::Result<std::vector<BusDict>>&& result, std::string side,
                       std::string language) override;
    void DetectProvider(sdbus::Result<BusDict>&& result, std::string address) override;

    std::string Version() override;
    std::string State() override;
    std::map<std::string, std::uint32_t> JobsByState() override;
    std::uint32_t WorkersBusy() override;
    std::uint64_t BytesPerSecond() override;

    Calls& calls_;
    jobs::Service& service_;
    JobObjects const& jobs_;
    jobs::ServiceStatus published_;
};

}  // namespace imapcopy::bus
