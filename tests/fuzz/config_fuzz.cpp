// Configuration and provider presets: any text is read or refused; a refusal names a place for each mistake,
// and what is accepted means the same when it is read again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/text.hpp"
#include "daemon/config/config.hpp"
#include "daemon/config/providers.hpp"

namespace {

void demand(bool holds) {
    if (!holds) std::abort();
}

/// Every line is "f:LINE:COLUMN: …". Descriptions of the TOML library may run over several lines.
void demand_places(imapcopy::Error const& error) {
    demand(error.code == imapcopy::ErrorCode::invalid_argument);
    demand(error.message.starts_with("f:"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text(reinterpret_cast<char const*>(data), size);
    auto const config = imapcopy::config::parse(text, "f");
    if (config.has_error()) {
        demand_places(config.error());
    } else {
        demand(config->limits.max_jobs > 0 && config->retry.delay_min <= config->retry.delay_max);
        demand(imapcopy::config::parse(text, "f").value() == *config);
    }
    auto const providers = imapcopy::config::parse_providers(text, "f");
    if (providers.has_error()) {
        demand_places(providers.error());
    } else {
        for (auto const& provider : *providers) demand(!provider.id.empty() && provider.name.contains("en"));
    }
    return 0;
}
