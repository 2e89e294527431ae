#pragma once

// Client: DaemonClient over D-Bus, with the generated proxies.

#include <memory>
#include <string>

#include "ctl/service_proxy.hpp"

namespace imapcopy::ctl {

class Client final : public DaemonClient {
 public:
    /// "system", or the address of a bus. Throws Failure(connection_refused) where there is no bus.
    explicit Client(std::string const& address);
    ~Client() override;
    Client(Client const&) = delete;
    Client& operator=(Client const&) = delete;

    bool daemon_running() override;
    bool start() override;

    void begin_test(AccountSpec const& account, Side side, Secret const& secret) override;
    TestView finish_test(Side side) override;
    JobId submit(JobSpec const& spec, Secret const& source, Secret const& destination) override;
    PlanView plan(JobSpec const& spec, Secret const& source, Secret const& destination) override;

    std::vector<JobView> jobs() override;
    std::optional<JobView> job(JobId id) override;
    std::vector<JobId> find(std::string_view source_address) override;

    void hold(JobId id) override;
    void release(JobId id) override;
    void cancel(JobId id) override;
    void retry(JobId id, Secret const& source, Secret const& destination) override;
    void resync(JobId id, Secret const& source, Secret const& destination) override;
    VerificationView verify(JobId id, VerifyLevel level, Secret const& source,
                            Secret const& destination) override;
    void set_secret(JobId id, Side side, Secret const& secret) override;
    void forget(JobId id, Ledger ledger) override;
    std::vector<ItemView> items(JobId id, std::string_view kind, std::uint32_t offset,
                                std::uint32_t count) override;
    std::string report(JobId id, std::string_view format, std::string_view language) override;

    void hold_all() override;
    void release_all() override;
    void reload() override;
    StatusView status() override;
    std::vector<Dict> list_providers(std::string_view side, std::string_view language) override;
    Dict detect_provider(std::string_view address) override;

    void follow() override;
    std::vector<Event> wait_for_change(std::chrono::milliseconds timeout) override;

 private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace imapcopy::ctl
