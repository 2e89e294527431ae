#pragma once

// A provider preset as ListProviders shows it; pure.

#include <optional>
#include <string>

#include "common/dict.hpp"
#include "common/error.hpp"
#include "daemon/config/providers.hpp"

namespace imapcopy::bus {

/// True where the provider can be that side; any provider where no side is asked for.
bool serves(config::Provider const& provider, std::optional<Side> side);

/// The name in `language`, or in English where the preset has none.
Dict to_dict(config::Provider const& provider, std::string const& language);

}  // namespace imapcopy::bus
