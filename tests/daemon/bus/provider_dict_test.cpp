#include "daemon/bus/provider_dict.hpp"

#include <gtest/gtest.h>

using namespace imapcopy;
using namespace imapcopy::bus;

namespace {

config::Provider sample() {
    config::Provider provider;
    provider.id = "sample";
    provider.name = {{"en", "Sample mail"}, {"fi", "Esimerkkiposti"}};
    provider.domains = {"sample.example"};
    provider.host = "imap.sample.example";
    provider.login = config::LoginForm::local_part;
    provider.destination = false;
    return provider;
}

}  // namespace

TEST(ProviderDict, SpeaksTheLanguageOrEnglish) {
    EXPECT_EQ(to_dict(sample(), "fi").at("name"), Value{"Esimerkkiposti"});
    EXPECT_EQ(to_dict(sample(), "lt").at("name"), Value{"Sample mail"});
}

TEST(ProviderDict, HoldsWhatAClientNeeds) {
    auto const dict = to_dict(sample(), "en");
    EXPECT_EQ(dict.at("host"), Value{"imap.sample.example"});
    EXPECT_EQ(dict.at("port"), Value{std::uint32_t{993}});
    EXPECT_EQ(dict.at("login"), Value{"local-part"});
    EXPECT_EQ(dict.at("domains"), Value{std::vector<std::string>{"sample.example"}});
}

TEST(ProviderDict, ServesOnlyTheSidesOfThePreset) {
    EXPECT_TRUE(serves(sample(), Side::source));
    EXPECT_FALSE(serves(sample(), Side::destination));
    EXPECT_TRUE(serves(sample(), std::nullopt));
}
