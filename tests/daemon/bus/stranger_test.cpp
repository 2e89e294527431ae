// What a user gets who is neither root nor in the group: nothing, from the bus and, should its policy be too
// open, from the daemon.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sdbus-c++/sdbus-c++.h>
#include <sys/mman.h>

#include "common/bus_value.hpp"
#include "ctl/client.hpp"
#include "daemon/bus/bus.hpp"
#include "tests/daemon/bus/bus_server.hpp"
#include "tests/daemon/bus/interface_xml.hpp"
#include "tests/support/private_bus.hpp"

using namespace imapcopy;
using namespace imapcopy::bus;
using test::PrivateBus;
using test::Stranger;

namespace {

void append_argument(sdbus::MethodCall& call, std::string const& type) {
    if (type == "s") call << std::string("x");
    if (type == "u") call << std::uint32_t{1};
    if (type == "a{sv}") call << BusDict{};
    if (type == "h") call << sdbus::UnixFd(::memfd_create("x", MFD_CLOEXEC), sdbus::adopt_fd);
}

std::string answer_to(sdbus::IProxy& proxy, sdbus::MethodCall const& call) {
    try {
        (void)proxy.callMethod(call, std::uint64_t{5'000'000});
        return "allowed";
    } catch (sdbus::Error const& error) {
        return error.getName();
    }
}

std::string path_of(XmlMember const& member) {
    return member.interface == job_interface ? job_path(JobId{1}) : manager_path;
}

sdbus::MethodCall call_of(sdbus::IProxy& proxy, XmlMember const& member) {
    if (member.kind == XmlMember::Kind::property) {
        auto call = proxy.createMethodCall("org.freedesktop.DBus.Properties", "Get");
        call << member.interface << member.name;
        return call;
    }
    auto call = proxy.createMethodCall(member.interface, member.name);
    for (auto const& type : member.inputs) append_argument(call, type);
    return call;
}

/// What can be called or read.
std::vector<XmlMember> asked_members() {
    auto members = declared_members();
    std::erase_if(members, [](XmlMember const& each) { return each.kind == XmlMember::Kind::signal; });
    return members;
}

/// What the stranger does: "calls" tries every member and the ways to read all at once; "listen" subscribes
/// to everything; "heard" tells what arrived.
class Visitor {
 public:
    /// Reads what there is to ask at once: a stranger may not be allowed to.
    explicit Visitor(std::string address) : address_(std::move(address)), members_(asked_members()) {}

    std::string operator()(std::string const& command) {
        if (!bus_) bus_ = sdbus::createSessionBusConnectionWithAddress(address_);
        if (command == "calls") return call_everything();
        if (command == "listen") return listen();
        return heard();
    }

 private:
    std::string call_everything() {
        std::string text;
        for (auto const& member : members_) {
            auto const proxy = sdbus::createProxy(*bus_, bus_name, path_of(member));
            text += member.interface + "." + member.name + " " + answer_to(*proxy, call_of(*proxy, member)) +
                    "\n";
        }
        auto const manager = sdbus::createProxy(*bus_, bus_name, manager_path);
        auto const all = manager->createMethodCall("org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
        text += "GetManagedObjects " + answer_to(*manager, all) + "\n";
        auto get_all = manager->createMethodCall("org.freedesktop.DBus.Properties", "GetAll");
        get_all << std::string(manager_interface);
        return text + "GetAll " + answer_to(*manager, get_all) + "\n";
    }

    std::string listen() {
        auto const note = [this](sdbus::Message& message) { heard_ += message.getMemberName() + "\n"; };
        slot_ = bus_->addMatch(std::string("type='signal',path_namespace='") + manager_path + "'", note);
        return "listening";
    }

    std::string heard() {
        // A call to the bus driver and back: whatever the bus had for us before has arrived then.
        auto const driver = sdbus::createProxy(*bus_, "org.freedesktop.DBus", "/org/freedesktop/DBus");
        (void)answer_to(*driver, driver->createMethodCall("org.freedesktop.DBus", "GetId"));
        while (bus_->processPendingRequest()) {
        }
        return heard_;
    }

    std::string address_;
    std::vector<XmlMember> members_;
    std::unique_ptr<sdbus::IConnection> bus_;
    sdbus::Slot slot_;
    std::string heard_;
};

std::string expected_answers(std::string const& error) {
    std::string text;
    for (auto const& member : asked_members())
        text += member.interface + "." + member.name + " " + error + "\n";
    return text + "GetManagedObjects " + error + "\nGetAll " + error + "\n";
}

Stranger make_stranger(PrivateBus const& bus) {
    auto const visitor = std::make_shared<Visitor>(bus.address());
    return Stranger([visitor](std::string const& command) { return (*visitor)(command); });
}

}  // namespace

TEST(Stranger, IsRefusedByThePolicyAndHearsNothing) {
    if (!Stranger::possible()) GTEST_SKIP() << "only root can become somebody else";
    PrivateBus private_bus(PrivateBus::Policy::shipped);
    auto stranger = make_stranger(private_bus);
    BusServer server(private_bus.address(), 1);
    ASSERT_EQ(stranger.ask("listen"), "listening");
    EXPECT_EQ(stranger.ask("calls"), expected_answers("org.freedesktop.DBus.Error.AccessDenied"));
    // Signals of every kind; what our own client sees, the stranger could have seen.
    ctl::Client client(private_bus.address());
    client.follow();
    JobSpec spec;
    spec.source.login = "anna@old.example";
    spec.destination.login = "anna";
    auto const id = client.submit(spec, Secret("a"), Secret("b"));
    server.on_loop([&] {
        auto view = server.service.views.at(id);
        view.phase = Phase::complete;
        server.listener().job_ended(view);
    });
    bool changed = false;
    for (int turn = 0; turn < 50 && !changed; ++turn) {
        for (auto const& event : client.wait_for_change(std::chrono::milliseconds(100))) {
            changed = changed || event.kind == ctl::Event::Kind::job_changed;
        }
    }
    EXPECT_TRUE(changed);
    EXPECT_EQ(stranger.ask("heard"), "");
    EXPECT_TRUE(server.on_loop([&] { return server.service.asked.size() == 1; }));
}

TEST(Stranger, IsRefusedByTheDaemonWhereThePolicyIsOpen) {
    if (!Stranger::possible()) GTEST_SKIP() << "only root can become somebody else";
    PrivateBus private_bus(PrivateBus::Policy::permissive);
    auto stranger = make_stranger(private_bus);
    BusServer server(private_bus.address(), 1);
    EXPECT_EQ(stranger.ask("calls"), expected_answers("org.imapcopyd1.Error.NotAuthorized"));
    EXPECT_TRUE(server.on_loop([&] { return server.service.asked.empty(); }));
    // The test would prove little if nobody were let in.
    ctl::Client client(private_bus.address());
    EXPECT_EQ(client.jobs().size(), 1U);
    EXPECT_EQ(client.status().state, "running");
}
