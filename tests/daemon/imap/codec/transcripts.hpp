#pragma once

// Server transcripts below tests/corpus: what a server sent, with LF for CRLF, after a first line of comment.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/imap/codec/fragmenter.hpp"
#include "tests/support/places.hpp"

namespace imapcopy::test {

inline std::vector<std::filesystem::path> transcript_paths() {
    std::vector<std::filesystem::path> paths;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(in_source("tests/corpus"))) {
        if (entry.path().extension() == ".txt") paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    return paths;
}

/// The bytes as they were on the wire.
inline std::string read_transcript(std::filesystem::path const& path) {
    std::ifstream file(path, std::ios::binary);
    std::string wire;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) wire += line + "\r\n";
    return wire;
}

/// What a Fragmenter makes of `wire` when it comes in pieces of `chunk_bytes`.
struct Fragments {
    std::vector<imap::ResponseText> responses;
    std::vector<std::string> body_heads;  ///< BodyStart::text.
    std::vector<std::string> bodies;
    std::string error;  ///< Of the fragmenter, or empty.
    bool at_boundary = false;
};

inline Fragments fragment(std::string_view wire, std::size_t chunk_bytes,
                          imap::FragmenterLimits limits = {}) {
    imap::Fragmenter fragmenter(limits);
    Fragments fragments;
    for (;;) {
        auto const event = fragmenter.next();
        if (!event) {
            fragments.error = event.error().message;
            return fragments;
        }
        if (std::holds_alternative<imap::NeedInput>(*event)) {
            if (wire.empty()) break;
            auto const chunk = wire.substr(0, chunk_bytes);
            fragmenter.feed(chunk);
            wire.remove_prefix(chunk.size());
        } else if (auto const* response = std::get_if<imap::ResponseText>(&*event)) {
            fragments.responses.push_back(*response);
        } else if (auto const* start = std::get_if<imap::BodyStart>(&*event)) {
            fragments.body_heads.emplace_back(start->text);
            fragments.bodies.emplace_back();
        } else if (auto const* piece = std::get_if<imap::BodyPiece>(&*event)) {
            fragments.bodies.back() += piece->bytes;
        }
    }
    fragments.at_boundary = fragmenter.at_boundary();
    return fragments;
}

}  // namespace imapcopy::test
