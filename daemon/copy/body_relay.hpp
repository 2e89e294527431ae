#pragma once

// BodyRelay: between the bodies that a server streams and the sink that asked for them.

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/copy/endpoint.hpp"
#include "daemon/imap/codec/response.hpp"

namespace imapcopy::copy {

/// Passes streamed bodies on to the sink, each message that was asked for once, and keeps account of them.
class BodyRelay {
 public:
    explicit BodyRelay(BodySink& sink) : sink_(sink) {}

    enum class Fate : std::uint8_t { waiting, empty, delivered };

    void expect(std::vector<Uid> const& uids) {
        for (auto const uid : uids) outstanding_.emplace(uid, Fate::waiting);
    }
    /// The one message of the command whose reply is awaited next: the only way to know whose body it is
    /// where the server names the UID after it.
    void set_only(std::optional<Uid> uid) { only_ = uid; }
    /// The server was seen to name UIDs after bodies.
    bool uid_comes_late() const { return uid_comes_late_; }

    /// A body of the stream; `uid` is 0 where the server names it later.
    Task<> begin(Uid uid, std::uint64_t size_bytes);
    Task<> data(std::string_view bytes);
    Task<> end();
    void on_fetch(imap::response::Response const& response);

    /// After the reply of a command: ends what waited for the UID, forgets `uids` and tells their fates.
    Task<std::vector<Fate>> settle(std::vector<Uid> uids);
    /// Of what was delivered since the last call.
    std::uint64_t take_bytes() { return std::exchange(bytes_, 0); }
    std::uint64_t take_messages() { return std::exchange(messages_, 0); }

 private:
    BodySink& sink_;
    std::map<Uid, Fate> outstanding_;
    std::optional<Uid> only_;
    std::optional<Uid> current_;  ///< Being passed on; nothing: being thrown away.
    std::optional<Uid>
        unproven_;  ///< Passed on but for its end: the server has not yet said that it is this one.
    bool proven_ = false;
    bool unnamed_ = false;
    bool uid_comes_late_ = false;
    std::uint64_t bytes_ = 0;
    std::uint64_t messages_ = 0;
};

}  // namespace imapcopy::copy
