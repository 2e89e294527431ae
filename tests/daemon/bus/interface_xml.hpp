#pragma once

// The interface descriptions, read plainly: enough for comparing and for calling every member.

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/places.hpp"

namespace imapcopy::bus {

struct XmlMember {
    enum class Kind { method, property, signal };
    Kind kind = Kind::method;
    std::string interface;
    std::string name;
    std::vector<std::string> inputs;  ///< Types of the arguments of a method.
};

inline std::string attribute(std::string const& tag, std::string const& name) {
    auto const begin = tag.find(" " + name + "=\"");
    if (begin == std::string::npos) return {};
    auto const from = begin + name.size() + 3;
    return tag.substr(from, tag.find('"', from) - from);
}

inline std::vector<XmlMember> parse_members(std::string const& xml, std::string const& wanted_prefix) {
    std::vector<XmlMember> members;
    std::string interface;
    for (auto at = xml.find('<'); at != std::string::npos; at = xml.find('<', at + 1)) {
        // A comment is one piece, whatever stands in it.
        if (xml.compare(at, 4, "<!--") == 0) at = xml.find("-->", at);
        auto const tag = xml.substr(at, xml.find('>', at) - at);
        auto const word = tag.substr(0, tag.find_first_of(" \n/"));
        if (word == "<interface") interface = attribute(tag, "name");
        if (!interface.starts_with(wanted_prefix)) continue;
        if (word == "<method")
            members.push_back({XmlMember::Kind::method, interface, attribute(tag, "name"), {}});
        if (word == "<property")
            members.push_back({XmlMember::Kind::property, interface, attribute(tag, "name"), {}});
        if (word == "<signal")
            members.push_back({XmlMember::Kind::signal, interface, attribute(tag, "name"), {}});
        if (word == "<arg" && members.back().kind == XmlMember::Kind::method &&
            attribute(tag, "direction") != "out") {
            members.back().inputs.push_back(attribute(tag, "type"));
        }
    }
    return members;
}

/// Everything that common/*.xml declares.
inline std::vector<XmlMember> declared_members() {
    std::vector<XmlMember> all;
    for (auto const* name : {"Manager", "Job"}) {
        std::ifstream file(test::in_source(std::string("common/org.imapcopyd1.") + name + ".xml"));
        std::string const xml(std::istreambuf_iterator<char>(file), {});
        auto const members = parse_members(xml, "org.imapcopyd1.");
        all.insert(all.end(), members.begin(), members.end());
    }
    return all;
}

}  // namespace imapcopy::bus
