#include "daemon/copy/verify.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "common/attempt.hpp"
#include "daemon/copy/account_view.hpp"
#include "daemon/copy/folder_reading.hpp"
#include "daemon/copy/mailbox_map.hpp"
#include "daemon/copy/plan.hpp"

namespace imapcopy::copy {
namespace {

constexpr int reconnections_max = 5;                ///< Without a folder done in between.
constexpr std::uint32_t ledger_window_uids = 2000;  ///< Width of one look into the ledger.

std::vector<Uid> uids_of(Messages const& messages) {
    std::vector<Uid> uids;
    for (auto const& message : messages) uids.push_back(message.uid);
    return uids;
}

/// Of the messages of `messages` whose headers occur in `others`, too.
std::vector<Uid> uids_in_common(Messages const& messages, Messages const& others) {
    std::vector<Hash128> headers;
    for (auto const& other : others) headers.push_back(other.headers);
    std::ranges::sort(headers);
    std::vector<Uid> uids;
    for (auto const& message : messages) {
        if (std::ranges::binary_search(headers, message.headers)) uids.push_back(message.uid);
    }
    return uids;
}

/// What is kept of a destination folder for explain_lost.
struct Stand {
    Uid uid;
    Hash128 headers{};
};

std::vector<Stand> stands_of(Messages const& messages) {
    std::vector<Stand> stands;
    for (auto const& message : messages) stands.push_back({message.uid, message.headers});
    return stands;
}

Standing standing_of(std::vector<Stand> const& stands, Uid uid, Hash128 const& headers) {
    auto const stand = std::ranges::lower_bound(stands, uid, {}, &Stand::uid);
    if (stand == stands.end() || stand->uid != uid) return Standing::nothing;
    return stand->headers == headers ? Standing::equal : Standing::other;
}

/// A folder whose name the destination refused stands under another one.
void find_refuge(MappedFolder& folder, AccountView const& destination) {
    if (folder.destination_status) return;
    for (auto const& mailbox : destination.mailboxes) {
        if (mailbox.name.wire != folder.refuge.wire || !mailbox.selectable) continue;
        folder.destination = folder.refuge;
        folder.exists = true;
        folder.destination_selectable = true;
        folder.destination_status = mailbox.status;
    }
}

LedgerEntry const* find_entry(LedgerView const& entries, Uid uid) {
    auto const found = std::ranges::lower_bound(entries, uid, {}, &LedgerEntry::source_uid);
    return found != entries.end() && found->source_uid == uid ? &*found : nullptr;
}

/// A message of a destination folder that nothing at the source answers to.
struct Stray {
    Hash128 likeness{};
    std::uint32_t place = 0;  ///< Of its folder among the places.
    Uid uid;
    bool claimed = false;
};

/// A source message whose copy has left its folder.
struct Gone {
    Hash128 likeness{};
    std::uint32_t place = 0;
    Uid source_uid;
    Uid destination_uid;
};

/// A folder of the destination; one that something is copied into comes with its source.
struct Place {
    MappedFolder mapped;
    bool has_source = true;
};

/// What the comparison of one folder brings; thrown away whole where it must be begun anew.
struct FolderFindings {
    std::uint64_t messages = 0;
    std::array<std::uint64_t, difference_kinds> totals{};
    std::vector<Difference> listed;
    std::vector<Stray> strays;
    std::vector<Gone> gone;
};

/// Counts differences of one folder and keeps the first ones of each kind.
class Recorder {
 public:
    Recorder(FolderFindings& findings, MappedFolder const& folder, std::uint32_t listed_max)
        : findings_(findings), folder_(folder), listed_max_(listed_max) {}

    void add(Finding finding, Uid source_uid, Uid destination_uid, std::uint64_t count = 1) {
        auto& total = findings_.totals.at(static_cast<std::size_t>(finding.kind));
        if (total < listed_max_) {
            findings_.listed.push_back({finding.kind, folder_.path, folder_.destination.utf8, source_uid,
                                        destination_uid, std::move(finding.text)});
        }
        total += count;
    }
    void add_folder(DifferenceKind kind, std::string text) { add({kind, std::move(text)}, Uid(), Uid()); }

 private:
    FolderFindings& findings_;
    MappedFolder const& folder_;
    std::uint32_t listed_max_;
};

/// One verification from its first list to its result.
class Verifier {
 public:
    Verifier(Context context, Connections& connections, Journal& journal, VerifyOptions const& options)
        : connections_(connections),
          journal_(journal),
          options_(options),
          reading_{context, options, context.clock.now() + options.time_max, {}, {}} {}

    Task<VerifyResult> run() {
        connected_ = co_await connect_both(connections_);
        co_await view();
        for (std::uint32_t place = 0; place < places_.size(); ++place) {
            auto findings = co_await persist(place);
            take(std::move(findings));
        }
        leave_both(connected_);
        settle_strays();
        co_return std::move(result_);
    }

 private:
    Task<> view() {
        AccountView source;
        AccountView destination;
        co_await both(connected_, view_side(*connected_.source, source),
                      view_side(*connected_.destination, destination));
        auto const fingerprints = co_await journal_.report_fingerprints();
        reading_.reports.insert(fingerprints.begin(), fingerprints.end());
        std::set<std::string> mapped;
        auto map = map_mailboxes(source, destination, options_.folders);
        if (source.labels) reading_.labels = LabelFolders(map.folders, options_.labels);
        for (auto& folder : map.folders) {
            find_refuge(folder, destination);
            mapped.insert(folder.destination.wire);
            places_.push_back({std::move(folder), true});
        }
        result_.folders = places_.size();
        if (options_.level == VerifyLevel::counts) co_return;
        for (auto const& mailbox : destination.mailboxes) {
            if (!mailbox.selectable || !mailbox.status || mapped.contains(mailbox.name.wire)) continue;
            Place place{{}, false};
            place.mapped.destination = mailbox.name;
            place.mapped.destination_status = mailbox.status;
            places_.push_back(std::move(place));
        }
    }

    /// One folder, over new connections where the old ones are lost.
    Task<FolderFindings> persist(std::uint32_t place) {
        for (int failures = 1;; ++failures) {
            auto tried = co_await attempt(examine(place));
            if (tried.ok()) co_return std::move(*tried.value);
            connected_.source->abort();
            connected_.destination->abort();
            auto const error = *error_of(tried.exception);
            bool const vanished = error.code == ErrorCode::folder_vanished;
            if (!is_worth_reconnecting(error) || (failures > reconnections_max && !vanished)) tried.rethrow();
            connected_ = co_await connect_both(connections_);
            if (!vanished) continue;
            FolderFindings findings;
            Recorder(findings, places_[place].mapped, 1)
                .add_folder(DifferenceKind::unreadable, to_string(error));
            co_return findings;
        }
    }

    Task<FolderFindings> examine(std::uint32_t place) {
        check_limits(reading_);
        auto const& [folder, has_source] = places_[place];
        FolderFindings findings;
        if (!has_source) {
            co_await look_elsewhere(place, findings);
            co_return findings;
        }
        Recorder recorder(findings, folder, options_.listed_per_kind_max);
        auto const obstacle = obstacle_of(folder);
        if (!obstacle.empty()) {
            recorder.add_folder(DifferenceKind::unreadable, obstacle);
            co_return findings;
        }
        findings.messages = folder.source.status->messages;
        if (!folder.destination_status)
            recorder.add_folder(DifferenceKind::missing, "there is no such folder at the destination");
        FolderKey key{folder.source.name, folder.destination};
        auto const record = co_await journal_.folder(std::move(key));
        if (options_.level == VerifyLevel::counts) {
            co_await compare_counts(folder, record, recorder);
        } else {
            co_await compare_messages(place, record, recorder, findings);
        }
        co_return findings;
    }

    /// Why the folder cannot be compared; empty if it can.
    std::string obstacle_of(MappedFolder const& folder) const {
        if (!folder.source.status) return "the source lists this folder, but does not tell its status";
        if (folder.exists && folder.destination_selectable && !folder.destination_status)
            return "the destination lists this folder, but does not tell its status";
        auto const there = folder.destination_status.value_or(MailboxStatus{}).messages;
        if (std::max(folder.source.status->messages, there) <= options_.folder_messages_max) return {};
        return "more than " + std::to_string(options_.folder_messages_max) +
               " messages; compare it by counts";
    }

    // ---- Numbers ----

    Task<> compare_counts(MappedFolder const& folder, FolderRecord const& record, Recorder& recorder) {
        auto const source = co_await count_source(folder, record);
        std::uint64_t destination = 0;
        if (folder.destination_status)
            destination =
                co_await count(*connected_.destination, folder.destination, *folder.destination_status);
        auto const text = std::to_string(source) + " messages at the source, " + std::to_string(destination) +
                          " at the destination";
        if (destination > source)
            recorder.add({DifferenceKind::extra, text}, Uid(), Uid(), destination - source);
        if (destination >= source) co_return;
        auto const refused = co_await count_refused(record.id);
        bool const current = record.source_uid_validity == folder.source.status->uid_validity;
        auto const excepted = current ? std::min(refused, source - destination) : 0;
        if (excepted > 0)
            recorder.add({DifferenceKind::exception, "refused by the destination"}, Uid(), Uid(), excepted);
        auto const rest = source - destination - excepted;
        if (rest > 0) recorder.add({DifferenceKind::missing, text}, Uid(), Uid(), rest);
    }

    Task<std::uint64_t> count_refused(FolderId folder) {
        std::uint64_t refused = 0;
        LedgerView listed;
        do {
            auto const after = listed.empty() ? Uid() : listed.back().source_uid;
            listed = co_await journal_.exceptions(folder, after);
            refused += static_cast<std::uint64_t>(
                std::ranges::count(listed, MessageState::refused, &LedgerEntry::state));
        } while (listed.size() == exceptions_per_call);
        co_return refused;
    }

    /// Messages that are no completion mails. Those stand in an INBOX only, and have to be looked for.
    Task<std::uint64_t> count(Endpoint& endpoint, MailboxName mailbox, MailboxStatus status) {
        if (!mailbox.is_inbox() || reading_.reports.empty()) co_return status.messages;
        Listed listed;
        co_await list_side(reading_, endpoint, std::move(mailbox), status, listed);
        co_return listed.messages.size();
    }

    /// Those to be copied from this folder.
    Task<std::uint64_t> count_source(MappedFolder const& folder, FolderRecord const& record) {
        auto const status = *folder.source.status;
        if (reading_.labels.empty()) {
            auto const messages = co_await count(*connected_.source, folder.source.name, status);
            co_return messages;
        }
        Listed listed;
        co_await list_source(folder, record, listed);
        co_return listed.messages.size();
    }

    // ---- Messages ----

    /// What another folder holds, too, belongs here only if the ledger says that it was copied from here.
    Task<> list_source(MappedFolder const& folder, FolderRecord const& record, Listed& listed) {
        auto const status = *folder.source.status;
        co_await list_side(reading_, *connected_.source, folder.source.name, status, listed);
        if (record.source_uid_validity != status.uid_validity) co_return;
        auto next = listed.elsewhere.begin();
        while (next != listed.elsewhere.end()) {
            auto const room = UINT32_MAX - next->uid.value();
            UidRange const range{next->uid, Uid(next->uid.value() + std::min(ledger_window_uids, room))};
            auto const entries = co_await journal_.entries(record.id, range);
            for (; next != listed.elsewhere.end() && next->uid <= range.last; ++next) {
                if (find_entry(entries, next->uid) != nullptr) listed.messages.push_back(*next);
            }
        }
        std::ranges::sort(listed.messages, {}, &IndexedMessage::uid);
    }

    Task<> compare_messages(std::uint32_t place, FolderRecord const& record, Recorder& recorder,
                            FolderFindings& findings) {
        auto const& folder = places_[place].mapped;
        auto const here = *folder.source.status;
        auto const there = folder.destination_status.value_or(MailboxStatus{});
        Listed source;
        Listed destination;
        co_await both(connected_, list_source(folder, record, source),
                      list_side(reading_, *connected_.destination, folder.destination, there, destination));
        bool const incomplete =
            co_await is_incomplete(*connected_.source, folder.source.name, here, source.seen);
        if (incomplete)
            recorder.add_folder(DifferenceKind::unreadable,
                                "the source does not list all messages of this folder");
        auto const stands = stands_of(destination.messages);
        auto const claimed = co_await journal_.claimed(folder.destination, there.uid_validity);
        for (auto& message : destination.messages) message.claimed = claimed.contains(message.uid);
        if (options_.level == VerifyLevel::digest)
            co_await read_bodies(folder, source.messages, destination.messages, recorder);
        auto const match = match_messages(std::move(source.messages), std::move(destination.messages));
        co_await explain(place, record, match, stands, recorder, findings);
        for (auto const& message : match.doubled) {
            recorder.add({DifferenceKind::doubled, "more often at the destination than at the source"}, Uid(),
                         message.uid);
        }
        for (auto const& message : match.extra)
            findings.strays.push_back({likeness(message), place, message.uid, message.claimed});
    }

    Task<> read_bodies(MappedFolder const& folder, Messages& source, Messages& destination,
                       Recorder& recorder) {
        std::vector<Uid> source_unread;
        std::vector<Uid> destination_unread;
        co_await both(connected_,
                      digest_side(reading_, *connected_.source, folder.source.name, uids_of(source), source,
                                  source_unread),
                      digest_side(reading_, *connected_.destination, folder.destination,
                                  uids_in_common(destination, source), destination, destination_unread));
        for (auto const uid : source_unread)
            recorder.add({DifferenceKind::unreadable, "the source does not give this message"}, uid, Uid());
        for (auto const uid : destination_unread)
            recorder.add({DifferenceKind::unreadable, "the destination does not give this message"}, Uid(),
                         uid);
    }

    /// Asks the ledger about what differs, a window of UIDs at a time.
    Task<> explain(std::uint32_t place, FolderRecord const& record, FolderMatch const& match,
                   std::vector<Stand> const& stands, Recorder& recorder, FolderFindings& findings) {
        auto const& folder = places_[place].mapped;
        FolderFacts const facts{*folder.source.status, folder.destination_status, record.source_complete};
        auto lost = match.lost.begin();
        auto pair = match.unequal.begin();
        while (lost != match.lost.end() || pair != match.unequal.end()) {
            check_limits(reading_);
            auto first = lost == match.lost.end() ? Uid(UINT32_MAX) : lost->uid;
            if (pair != match.unequal.end()) first = std::min(first, pair->source.uid);
            auto const last = Uid(first.value() + std::min(ledger_window_uids, UINT32_MAX - first.value()));
            LedgerView entries;
            if (record.source_uid_validity == facts.source.uid_validity)
                entries = co_await journal_.entries(record.id, {first, last});
            for (; lost != match.lost.end() && lost->uid <= last; ++lost) {
                auto const* const entry = find_entry(entries, lost->uid);
                auto const copy = entry == nullptr ? Uid() : entry->destination_uid;
                auto finding =
                    explain_lost(lost->uid, entry, facts, standing_of(stands, copy, lost->headers));
                if (finding.kind == DifferenceKind::deleted) {
                    findings.gone.push_back({likeness(*lost), place, lost->uid, copy});
                } else {
                    recorder.add(std::move(finding), lost->uid, copy);
                }
            }
            for (; pair != match.unequal.end() && pair->source.uid <= last; ++pair) {
                for (auto& finding : explain_pair(*pair, find_entry(entries, pair->source.uid)))
                    recorder.add(std::move(finding), pair->source.uid, pair->destination.uid);
            }
        }
    }

    // ---- What left its folder ----

    /// A folder that nothing is copied into: only what is looked for is kept of it.
    Task<> look_elsewhere(std::uint32_t place, FolderFindings& findings) {
        if (gone_.empty()) co_return;
        auto const& folder = places_[place].mapped;
        std::set<Hash128> wanted;
        for (auto const& gone : gone_) wanted.insert(gone.likeness);
        std::function<void(MessageMeta)> const sink = [&](MessageMeta const& meta) {
            auto const message = index_message(meta);
            auto const alike = likeness(message);
            if (wanted.contains(alike)) findings.strays.push_back({alike, place, message.uid, false});
        };
        auto const windows = make_windows(Uid(1), *folder.destination_status, options_.messages_per_window);
        for (auto const window : windows) {
            check_limits(reading_);
            co_await connected_.destination->list_messages(folder.destination, window, Listing::identity,
                                                           sink);
        }
    }

    void take(FolderFindings findings) {
        result_.messages += findings.messages;
        for (auto& difference : findings.listed) list(std::move(difference));
        for (std::size_t kind = 0; kind < difference_kinds; ++kind)
            result_.totals.at(kind) += findings.totals.at(kind);
        strays_.insert(strays_.end(), findings.strays.begin(), findings.strays.end());
        gone_.insert(gone_.end(), findings.gone.begin(), findings.gone.end());
    }

    /// Keeps the first ones of each kind, over all folders.
    void list(Difference difference) {
        auto& listed = listed_.at(static_cast<std::size_t>(difference.kind));
        if (listed >= options_.listed_per_kind_max) return;
        ++listed;
        result_.listed.push_back(std::move(difference));
    }

    void add(DifferenceKind kind, std::uint32_t place, Uid source_uid, Uid destination_uid,
             std::string_view text) {
        auto const& folder = places_[place].mapped;
        ++result_.totals.at(static_cast<std::size_t>(kind));
        list({kind, folder.path, folder.destination.utf8, source_uid, destination_uid, std::string(text)});
    }

    /// Copies that left their folders meet the strays; what then is left of both is deleted, and extra.
    void settle_strays() {
        std::set<Hash128> wanted;
        for (auto const& gone : gone_) wanted.insert(gone.likeness);
        std::multimap<Hash128, Stray const*> found;
        for (auto const& stray : strays_) {
            if (!stray.claimed && wanted.contains(stray.likeness)) found.emplace(stray.likeness, &stray);
        }
        std::set<Stray const*> moved;
        for (auto const& gone : gone_) settle_gone(gone, found, moved);
        for (auto const& stray : strays_) {
            if (!places_[stray.place].has_source || moved.contains(&stray)) continue;
            add(DifferenceKind::extra, stray.place, Uid(), stray.uid,
                stray.claimed ? "the copy of a message that the source has no more, or of another source"
                              : "only at the destination");
        }
    }

    void settle_gone(Gone const& gone, std::multimap<Hash128, Stray const*>& found,
                     std::set<Stray const*>& moved) {
        auto const stands = found.find(gone.likeness);
        if (stands == found.end()) {
            add(DifferenceKind::deleted, gone.place, gone.source_uid, gone.destination_uid,
                "its copy is nowhere at the destination any more");
            return;
        }
        auto const& stray = *stands->second;
        add(DifferenceKind::moved, gone.place, gone.source_uid, gone.destination_uid,
            "its copy stands in \"" + places_[stray.place].mapped.destination.utf8 + "\" by now, as UID " +
                std::to_string(stray.uid.value()));
        moved.insert(&stray);
        found.erase(stands);
    }

    Connections& connections_;
    Journal& journal_;
    VerifyOptions const& options_;
    Reading reading_;
    Connected connected_;
    std::vector<Place> places_;  ///< Folders that are copied into, then the others of the destination.
    std::vector<Stray> strays_;
    std::vector<Gone> gone_;
    std::array<std::uint32_t, difference_kinds> listed_{};
    VerifyResult result_;
};

std::uint64_t sum(VerifyResult const& result, bool explained) {
    std::uint64_t total = 0;
    for (std::size_t kind = 0; kind < difference_kinds; ++kind) {
        if (is_explained(static_cast<DifferenceKind>(kind)) == explained) total += result.totals.at(kind);
    }
    return total;
}

}  // namespace

std::uint64_t VerifyResult::differences() const {
    return sum(*this, false);
}

std::uint64_t VerifyResult::explained() const {
    return sum(*this, true);
}

Task<VerifyResult> verify_pass(Context context, Connections& connections, Journal& journal,
                               VerifyOptions options) {
    Verifier verifier(context, connections, journal, options);
    auto result = co_await verifier.run();
    co_return result;
}

}  // namespace imapcopy::copy
