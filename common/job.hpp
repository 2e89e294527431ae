#pragma once

// What a job is: identifiers, the four states and their phases, the specification, progress. Crosses the bus.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/clock_types.hpp"
#include "common/dict.hpp"
#include "common/error.hpp"
#include "common/result.hpp"
#include "common/strong.hpp"

namespace imapcopy {

using JobId = Tagged<std::uint32_t, struct JobIdTag>;

/// The four public states. Their text forms are verbatim "not started", "in progress", "finished", "error".
enum class JobState : std::uint8_t { not_started, in_progress, finished, error };
std::string_view to_string(JobState state);
std::optional<JobState> parse_job_state(std::string_view text);  ///< Also accepts "-" or "_" for the blank.

/// Says more than the state. Which phases belong to which state: state_of.
enum class Phase : std::uint8_t {
    queued,
    held,
    scheduled,
    connecting,
    planning,
    copying,
    verifying,
    waiting,
    complete,
    complete_with_exceptions,
    failed,
    cancelled,
};
std::string_view to_string(Phase phase);  ///< "complete with exceptions"; the others as the enumerator.
std::optional<Phase> parse_phase(std::string_view text);
JobState state_of(Phase phase);
/// True for connecting … verifying: the phases that hold a slot of max_jobs.
bool holds_slot(Phase phase);

/// How closely a verification looks: at the number of messages of each folder, at what an index tells of each
/// message (headers, date, flags), or at every byte, too.
enum class VerifyLevel : std::uint8_t { counts, index, digest };
std::string_view to_string(VerifyLevel level);
std::optional<VerifyLevel> parse_verify_level(std::string_view text);

/// Where the folders of a source are labels (Gmail), a message with several of them is copied once, from the
/// first of its folders, or to every one; in either case from "All Mail" only if no other folder holds it.
enum class LabelPolicy : std::uint8_t { once, every };
std::string_view to_string(LabelPolicy policy);
std::optional<LabelPolicy> parse_label_policy(std::string_view text);

/// Why a job is in phase waiting.
enum class WaitReason : std::uint8_t {
    none,
    throttled,
    network,
    hours,
    credentials,
    quota,
    host,
    held,
    store
};
std::string_view to_string(WaitReason reason);  ///< "" for none.
std::optional<WaitReason> parse_wait_reason(std::string_view text);

enum class TlsMode : std::uint8_t {
    implicit,   ///< imaps://, port 993.
    starttls,   ///< imap://, port 143, STARTTLS required.
    cleartext,  ///< imap+cleartext://, refused unless the administrator lists the host.
};
std::string_view to_string(TlsMode mode);  ///< "implicit", "starttls", "cleartext".
std::optional<TlsMode> parse_tls_mode(std::string_view text);

enum class AuthMethod : std::uint8_t { password, xoauth2 };
std::string_view to_string(AuthMethod method);
std::optional<AuthMethod> parse_auth_method(std::string_view text);

/// One side of a job, without its secret. Before a provider preset is applied host may be empty and port 0.
struct AccountSpec {
    std::string provider;  ///< Preset id, or empty.
    std::string host;      ///< DNS name or address, lower case.
    std::uint16_t port = 0;
    TlsMode tls = TlsMode::implicit;
    std::string login;  ///< As sent to the server.
    std::string
        address;  ///< Mail address by which people look for the job; the login where nothing better is known.
    std::string authorize_as;  ///< SASL authorisation identity, or empty.
    AuthMethod auth = AuthMethod::password;
    std::string
        tls_pin;  ///< Hex SHA-256 of the SubjectPublicKeyInfo that is trusted instead of the store, or empty.

    bool operator==(AccountSpec const&) const = default;
};

struct RenameRule {
    std::string from;
    std::string to;
    bool operator==(RenameRule const&) const = default;
};

/// Which folders, and where to. Source names in UTF-8 with "/" between levels.
struct FolderOptions {
    std::vector<std::string> include;  ///< Glob patterns; empty: everything.
    std::vector<std::string> exclude;
    std::vector<RenameRule> rename;
    std::string below;  ///< Destination folder that receives the whole tree, or empty.
    bool operator==(FolderOptions const&) const = default;
};

struct JobSpec {
    AccountSpec source;
    AccountSpec destination;
    FolderOptions folders;
    std::string label;
    std::string language = {};  ///< Of the mail of the job; empty: the configuration's.
    bool completion_mail = true;
    bool hold = false;
    std::uint64_t keep_secrets_seconds = 0;
    WallTime not_before = {};  ///< 0: at once.
    bool operator==(JobSpec const&) const = default;
};

/// What a job at work waits for most, and would be faster without.
enum class Bound : std::uint8_t {
    unknown,      ///< Not seen for long enough, or nothing is being copied.
    source,       ///< The source server takes its time to answer.
    destination,  ///< The destination server does.
    line,         ///< Bytes come, or leave, no faster.
    limit,        ///< One of the servers, while more lanes are worth it than the job was given.
    us,           ///< The daemon: its processor, or its disk.
};
std::string_view to_string(Bound bound);  ///< As the enumerator; "" for unknown.
std::optional<Bound> parse_bound(std::string_view text);

/// Counts of one job, since its creation.
struct Progress {
    std::uint32_t folders_total = 0;
    std::uint32_t folders_done = 0;
    std::uint64_t messages_total = 0;
    std::uint64_t messages_done = 0;     ///< Copied or recognised at the destination.
    std::uint64_t messages_skipped = 0;  ///< Exceptions: listed, each with its reason.
    std::uint64_t bytes_total = 0;
    std::uint64_t bytes_done = 0;
    std::uint64_t bytes_per_second = 0;
    WallTime estimated_end = {};
    std::string current_folder;
    // Of a job at work; not stored.
    std::uint32_t lanes = 0;  ///< Pairs of connections at work now.
    /// The shortest time from a command to its answer; 0: unknown.
    std::chrono::microseconds source_round_trip{};
    std::chrono::microseconds destination_round_trip{};
    Bound bound = Bound::unknown;
    bool operator==(Progress const&) const = default;
};

/// Everything the bus shows of one job.
struct JobView {
    JobId id;
    std::uint32_t owner_uid = 0;
    JobSpec spec;
    Phase phase = Phase::queued;
    WaitReason wait_reason = WaitReason::none;
    std::string wait_text;  ///< "imap.example.org asks for a pause of 300 s"
    WallTime waiting_until = {};
    std::uint32_t attempt = 0;
    WallTime created = {};
    WallTime started = {};
    WallTime ended = {};
    WallTime last_activity = {};
    Progress progress;
    std::optional<Error> error;  ///< The last error, also while waiting to try again.
    bool operator==(JobView const&) const = default;
};

/// AccountSpec ↔ a{sv}: provider s, host s, port q→u, tls s, login s, address s, authorize_as s, auth s,
/// tls_pin s. Reading reports every unknown key and wrong type or value in one Error(invalid_argument);
/// `what` names the dict.
Dict to_dict(AccountSpec const& account);
Result<AccountSpec> account_from_dict(Dict const& dict, std::string_view what);
/// The options of Submit: include as, exclude as, rename as ("from=to"), below s, label s, language s,
/// completion_mail b, hold b, keep_secrets t (seconds), not_before t (microseconds since the epoch).
Dict options_to_dict(JobSpec const& spec);
/// Fills everything but the two accounts.
Result<JobSpec> job_from_options(Dict const& dict);

}  // namespace imapcopy
