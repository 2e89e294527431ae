#pragma once

// The interactive form of `submit`: service, login, password, server and TLS for each side in turn, each
// tested.

#include <optional>

#include "ctl/call.hpp"

namespace imapcopy::ctl {

struct FilledForm {
    AccountSpec source;
    Secret source_secret;
    AccountSpec destination;
    Secret destination_secret;
};

/// Asks for what no option says until both sides passed their test, if there is one. Nothing if the person
/// gave up, or too many tests failed.
std::optional<FilledForm> ask_form(Call const& call);

}  // namespace imapcopy::ctl
