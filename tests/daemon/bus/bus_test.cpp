#include "daemon/bus/bus.hpp"

#include <gtest/gtest.h>
#include <sdbus-c++/sdbus-c++.h>

#include <set>

#include "common/bus_value.hpp"
#include "tests/daemon/bus/bus_fixture.hpp"
#include "tests/daemon/bus/interface_xml.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;

namespace {

class BusTest : public BusFixture {};

}  // namespace

TEST_F(BusTest, ExportsExactlyTheDeclaredInterface) {
    (void)submit();
    auto const bus = sdbus::createSessionBusConnectionWithAddress(private_bus.address());
    auto const names = [](std::vector<XmlMember> const& members) {
        std::set<std::string> all;
        for (auto const& member : members) {
            auto text = member.interface + "." + member.name;
            for (auto const& type : member.inputs) text += " " + type;
            all.insert(std::move(text));
        }
        return all;
    };
    std::vector<XmlMember> exported;
    for (auto const& path : {std::string(manager_path), job_path(JobId{1})}) {
        auto const proxy = sdbus::createProxy(*bus, bus_name, path);
        std::string xml;
        proxy->callMethod("Introspect")
            .onInterface("org.freedesktop.DBus.Introspectable")
            .storeResultsTo(xml);
        auto const members = parse_members(xml, "org.imapcopyd1.");
        exported.insert(exported.end(), members.begin(), members.end());
    }
    EXPECT_EQ(names(exported), names(declared_members()));
}
