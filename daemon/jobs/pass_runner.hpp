#pragma once

// PassRunner: what an attempt needs from the folders below. An interface, so that a test decides how a pass
// ends.

#include <memory>
#include <string>
#include <vector>

#include "common/context.hpp"
#include "common/job.hpp"
#include "common/secret.hpp"
#include "common/task.hpp"
#include "daemon/config/config.hpp"
#include "daemon/copy/pass.hpp"
#include "daemon/copy/verify.hpp"
#include "daemon/net/connector.hpp"
#include "daemon/store/ledger.hpp"

namespace imapcopy::jobs {

/// One account with the secret that opens it.
struct Access {
    AccountSpec account;
    Secret secret;
};

/// What a server said when somebody logged in to look.
struct Probe {
    std::string greeting;
    std::vector<std::string> capabilities;
    std::uint32_t folders = 0;
};

class PassRunner {
 public:
    virtual ~PassRunner() = default;
    /// Opens connections to both accounts for as long as it lives. What `context` refers to outlives it.
    virtual std::unique_ptr<copy::Connections> connections(Context context, Access source, Access destination,
                                                           config::Config const& config) = 0;
    virtual std::unique_ptr<copy::Journal> journal(store::PairId pair) = 0;
    /// As copy::run_pass.
    virtual Task<copy::PassResult> run(Context context, copy::Connections& connections,
                                       copy::Journal& journal, copy::PassOptions options,
                                       copy::Observer& observer) = 0;
    /// As copy::plan_pass.
    virtual Task<copy::PlanSummary> plan(Context context, copy::Connections& connections,
                                         copy::Journal& journal, copy::PassOptions options) = 0;
    /// As copy::verify_pass.
    virtual Task<copy::VerifyResult> verify(Context context, copy::Connections& connections,
                                            copy::Journal& journal, copy::VerifyOptions options) = 0;
    /// Logs in, counts the folders, logs out.
    virtual Task<Probe> probe(Context context, Access access, Side side,
                              config::Config::Timeouts timeouts) = 0;
};

/// The real one. `connector` and `writer` outlive it.
std::unique_ptr<PassRunner> make_pass_runner(net::Connector& connector, store::Writer& writer);

/// The options of a pass for a job under this configuration.
copy::PassOptions pass_options(FolderOptions const& folders, config::Config const& config);

}  // namespace imapcopy::jobs
