#include "daemon/options.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

using namespace imapcopy;

namespace {

Result<Options> parse(std::vector<char const*> words, std::string const& folder = "") {
    words.insert(words.begin(), "imapcopyd");
    return parse_options(words, folder);
}

}  // namespace

TEST(Options, HaveDefaults) {
    auto const options = parse({}).value();
    EXPECT_EQ(options.config_file, "/etc/imapcopyd/imapcopyd.toml");
    EXPECT_EQ(options.bus, "system");
    EXPECT_EQ(options.state_dir, "/var/lib/imapcopyd");
    EXPECT_EQ(options.action, Options::Action::run);
}

TEST(Options, TakeTheFolderOfTheServiceManager) {
    EXPECT_EQ(parse({}, "/srv/state").value().state_dir, "/srv/state");
    EXPECT_EQ(parse({}, "/srv/state:/srv/other").value().state_dir, "/srv/state");
    EXPECT_EQ(parse({"--state-dir", "/tmp/x"}, "/srv/state").value().state_dir, "/tmp/x");
}

TEST(Options, TakeValuesInBothForms) {
    auto const options = parse({"--config", "a.toml", "--bus=unix:path=/tmp/bus"}).value();
    EXPECT_EQ(options.config_file, "a.toml");
    EXPECT_EQ(options.bus, "unix:path=/tmp/bus");
}

TEST(Options, NameTheAction) {
    EXPECT_EQ(parse({"--check-config"}).value().action, Options::Action::check_config);
    EXPECT_EQ(parse({"--version"}).value().action, Options::Action::show_version);
    EXPECT_EQ(parse({"-h"}).value().action, Options::Action::show_help);
}

TEST(Options, RefuseWhatTheyDoNotKnow) {
    EXPECT_EQ(parse({"--bus"}).error().message, "value missing after --bus; see imapcopyd --help");
    EXPECT_EQ(parse({"--bus="}).error().message, "empty value of --bus; see imapcopyd --help");
    EXPECT_EQ(parse({"--fork"}).error().message, "unknown argument \"--fork\"; see imapcopyd --help");
    EXPECT_FALSE(parse({"start"}));
    EXPECT_FALSE(parse({"--version=1"}));
}

TEST(Options, TellEveryExitStatusInTheHelp) {
    std::string_view const help = options_help;
    for (auto const* const status : {"0 stopped", "1 failed", "2 wrong command line", "3 database"})
        EXPECT_NE(help.find(status), std::string_view::npos) << status;
}
