#include "daemon/copy/mailbox_map.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "common/text.hpp"

namespace imapcopy::copy {
namespace {

using Levels = std::vector<std::string>;

struct UsualName {
    std::string_view name;
    Role role;
};

// What mail programs and providers call these folders in English, French, Spanish, Portuguese, Finnish,
// Lithuanian.
constexpr std::array usual_names = {
    UsualName{"Sent", Role::sent},
    UsualName{"Sent Items", Role::sent},
    UsualName{"Sent Messages", Role::sent},
    UsualName{"Sent Mail", Role::sent},
    UsualName{"OUTBOX", Role::sent},
    UsualName{"Éléments envoyés", Role::sent},
    UsualName{"Messages envoyés", Role::sent},
    UsualName{"Envoyés", Role::sent},
    UsualName{"Enviados", Role::sent},
    UsualName{"Elementos enviados", Role::sent},
    UsualName{"Itens enviados", Role::sent},
    UsualName{"Lähetetyt", Role::sent},
    UsualName{"Išsiųsti", Role::sent},
    UsualName{"Drafts", Role::drafts},
    UsualName{"Brouillons", Role::drafts},
    UsualName{"Borradores", Role::drafts},
    UsualName{"Rascunhos", Role::drafts},
    UsualName{"Luonnokset", Role::drafts},
    UsualName{"Juodraščiai", Role::drafts},
    UsualName{"Trash", Role::trash},
    UsualName{"Deleted Items", Role::trash},
    UsualName{"Deleted Messages", Role::trash},
    UsualName{"Corbeille", Role::trash},
    UsualName{"Éléments supprimés", Role::trash},
    UsualName{"Papelera", Role::trash},
    UsualName{"Elementos eliminados", Role::trash},
    UsualName{"Lixo", Role::trash},
    UsualName{"Itens excluídos", Role::trash},
    UsualName{"Roskakori", Role::trash},
    UsualName{"Šiukšliadėžė", Role::trash},
    UsualName{"Junk", Role::junk},
    UsualName{"Junk E-mail", Role::junk},
    UsualName{"Junk Email", Role::junk},
    UsualName{"Spam", Role::junk},
    UsualName{"Indésirables", Role::junk},
    UsualName{"Courrier indésirable", Role::junk},
    UsualName{"Correo no deseado", Role::junk},
    UsualName{"Roskaposti", Role::junk},
    UsualName{"Archive", Role::archive},
    UsualName{"Archives", Role::archive},
    UsualName{"Archivo", Role::archive},
    UsualName{"Arquivo", Role::archive},
    UsualName{"Arkisto", Role::archive},
};

bool announces_roles(AccountView const& account) {
    return std::ranges::any_of(account.mailboxes, [](Mailbox const& mailbox) {
        return mailbox.role != Role::none && mailbox.role != Role::inbox;
    });
}

/// The announced role; for a side that announces none, the usual role of a folder at the top level.
Role role_of(Mailbox const& mailbox, Levels const& levels, bool announced) {
    if (mailbox.role != Role::none || announced || levels.size() != 1) return mailbox.role;
    return usual_role(levels.front());
}

bool starts_with(Levels const& levels, Levels const& prefix) {
    return levels.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), levels.begin());
}

Levels replace_prefix(Levels const& levels, std::size_t count, Levels prefix) {
    prefix.insert(prefix.end(), levels.begin() + static_cast<std::ptrdiff_t>(count), levels.end());
    return prefix;
}

bool is_selected(std::string const& path, FolderOptions const& options) {
    auto const matches = [&](std::string const& pattern) {
        // "Lists" also means everything below it.
        return glob_match(pattern, path) || glob_match(pattern + "/*", path);
    };
    if (!options.include.empty() && std::ranges::none_of(options.include, matches)) return false;
    return std::ranges::none_of(options.exclude, matches);
}

/// FNV-1a: tells names apart, and stays the same for ever.
std::string short_hash(std::string_view text) {
    std::uint32_t hash = 2'166'136'261;
    for (char const c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619;
    std::string bytes;
    for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(hash >> shift & 0xffU);
    return hex(bytes);
}

/// Like `level` as far as letters and digits go, short, and told apart from others by its end.
std::string plain_level(std::string const& level) {
    constexpr std::size_t bytes_max = 60;
    std::string plain;
    for (char const c : level) {
        bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool const keep = letter || (!plain.empty() && (c == ' ' || c == '-' || c == '_'));
        if (keep) plain += c;
        if (!keep && (plain.empty() || plain.back() != '_')) plain += '_';
        if (plain.size() == bytes_max) break;
    }
    while (!plain.empty() && plain.back() == ' ') plain.pop_back();
    return plain;
}

/// Another name for a folder that the destination refused to create under its own.
Levels refuge(Levels levels) {
    bool changed = false;
    for (auto& level : levels) {
        auto const plain = plain_level(level);
        if (plain == level) continue;
        level = plain + "-" + short_hash(level);
        changed = true;
    }
    if (!changed) levels.back() += "-" + short_hash(levels.back());
    return levels;
}

/// Builds the map folder by folder; keeps what is taken.
class Mapper {
 public:
    Mapper(AccountView const& source, AccountView const& destination, FolderOptions const& options)
        : source_(source), destination_(destination), options_(options) {
        bool const announced = announces_roles(destination_);
        for (auto const& mailbox : destination_.mailboxes) {
            existing_.emplace(mailbox.name.wire, &mailbox);
            auto const levels = levels_of(mailbox, destination_);
            auto const role = role_of(mailbox, levels, announced);
            if (role != Role::none && mailbox.selectable) by_role_.emplace(role, levels);
        }
    }

    MailboxMap run() {
        auto const folders = selected();
        find_role_targets(folders);
        for (auto const& folder : folders) add(folder);
        std::ranges::sort(map_.folders, [](MappedFolder const& a, MappedFolder const& b) {
            return std::pair(!a.source.name.is_inbox(), a.path) <
                   std::pair(!b.source.name.is_inbox(), b.path);
        });
        return std::move(map_);
    }

 private:
    struct Selected {
        Mailbox const* mailbox = nullptr;
        Levels levels;
        std::string path;
        Role role = Role::none;
    };

    /// Selectable, chosen, sorted so that folders with a role and INBOX claim their names first.
    std::vector<Selected> selected() {
        std::vector<Selected> folders;
        bool const announced = announces_roles(source_);
        bool const copies_all = copies_all_mail();
        for (auto const& mailbox : source_.mailboxes) {
            auto levels = levels_of(mailbox, source_);
            auto path = imap::join_levels(levels, '/');
            if (!mailbox.selectable || !is_selected(path, options_)) continue;
            if (mailbox.role == Role::flagged || mailbox.role == Role::important) {
                if (!copies_all)
                    note(path, "NothingToDo", "left out: a view of messages that stand in other folders");
                continue;
            }
            auto const role = role_of(mailbox, levels, announced);
            folders.push_back({&mailbox, std::move(levels), std::move(path), role});
        }
        std::ranges::sort(folders, [](Selected const& a, Selected const& b) {
            return std::pair(a.role == Role::none, a.path) < std::pair(b.role == Role::none, b.path);
        });
        return folders;
    }

    /// Where folders are labels, and the one of all messages is copied, too, no message is in a view alone.
    bool copies_all_mail() const {
        return source_.labels && std::ranges::any_of(source_.mailboxes, [&](Mailbox const& mailbox) {
                   auto const path = imap::join_levels(levels_of(mailbox, source_), '/');
                   return mailbox.role == Role::all && mailbox.selectable && is_selected(path, options_);
               });
    }

    /// Which source folder meets which destination folder by role; only the first of a role does.
    void find_role_targets(std::vector<Selected> const& folders) {
        std::set<Role> taken;
        for (auto const& folder : folders) {
            auto const target = by_role_.find(folder.role);
            if (folder.role == Role::none || folder.role == Role::inbox || target == by_role_.end()) continue;
            if (taken.insert(folder.role).second) role_targets_.emplace_back(folder.levels, target->second);
        }
    }

    /// Levels at the destination, before --below, prefix and separator.
    Levels destination_levels(Selected const& folder) const {
        for (auto const& rule : options_.rename) {
            auto const from = imap::split_levels(rule.from, '/');
            if (starts_with(folder.levels, from)) {
                return replace_prefix(folder.levels, from.size(), imap::split_levels(rule.to, '/'));
            }
        }
        if (!options_.below.empty()) return folder.levels;  // The tree as it was, in one place.
        for (auto const& [from, to] : role_targets_) {
            if (starts_with(folder.levels, from)) return replace_prefix(folder.levels, from.size(), to);
        }
        return folder.levels;
    }

    void add(Selected const& folder) {
        auto levels = destination_levels(folder);
        if (!options_.below.empty())
            levels = replace_prefix(levels, 0, imap::split_levels(options_.below, '/'));
        bool changed = make_valid(levels);
        auto name = wire_name(levels);
        for (int number = 2; taken_.contains(name.wire); ++number) {
            auto other = levels;
            other.back() += "-" + std::to_string(number);
            name = wire_name(other);
            changed = true;
        }
        taken_.insert(name.wire);
        if (changed) note(folder.path, "FolderNameCollision", "stored as \"" + name.utf8 + "\"");
        MappedFolder mapped{*folder.mailbox, folder.path, name,  wire_name(refuge(levels)),
                            false,           true,        false, std::nullopt};
        auto found = existing_.find(name.wire);
        if (found == existing_.end()) found = find_refuge(mapped);
        if (found != existing_.end()) {
            mapped.exists = true;
            mapped.destination_selectable = found->second->selectable;
            mapped.destination_subscribed = found->second->subscribed;
            mapped.destination_status = found->second->status;
        }
        map_.folders.push_back(std::move(mapped));
    }

    /// Where an earlier pass has made the refuge, the folder stays there: under its own name, which the
    /// destination may take by now, everything would be copied once more.
    std::map<std::string, Mailbox const*>::iterator find_refuge(MappedFolder& mapped) {
        auto const found = existing_.find(mapped.refuge.wire);
        if (found == existing_.end()) return found;
        mapped.destination = mapped.refuge;
        note(mapped.path, "FolderCreateRefused",
             "stored as \"" + mapped.refuge.utf8 + "\" by an earlier pass");
        return found;
    }

    /// Replaces what the destination cannot have in a name; true if anything had to be.
    bool make_valid(Levels& levels) const {
        bool changed = false;
        for (auto& level : levels) {
            for (auto& c : level) {
                auto const byte = static_cast<unsigned char>(c);
                if (c != destination_.separator && byte >= 0x20 && byte != 0x7f) continue;
                c = '_';
                changed = true;
            }
            if (!level.empty()) continue;
            level = "_";
            changed = true;
        }
        if (destination_.separator == 0 && levels.size() > 1) {  // A flat server.
            levels = {imap::join_levels(levels, '-')};
            changed = true;
        }
        return changed;
    }

    MailboxName wire_name(Levels const& levels) const {
        if (levels.size() == 1 && ascii_iequals(levels.front(), "INBOX"))
            return MailboxName::from_wire("INBOX");
        auto const utf8 = destination_.personal_prefix + imap::join_levels(levels, destination_.separator);
        for (auto const& mailbox : destination_.mailboxes) {
            if (mailbox.name.utf8 == utf8) return mailbox.name;  // Spelled as that server spells it.
        }
        auto const name = MailboxName::from_utf8(utf8);
        if (name && destination_.utf8_names) return {name->utf8, name->utf8};
        return name ? *name : MailboxName::from_wire(imap::encode_modified_utf7(printable(utf8, 200)));
    }

    void note(std::string const& path, std::string code, std::string text) {
        map_.notes.push_back({path, Uid(), std::move(code), 0, std::move(text)});
    }

    AccountView const& source_;
    AccountView const& destination_;
    FolderOptions const& options_;
    std::map<std::string, Mailbox const*> existing_;
    std::map<Role, Levels> by_role_;
    std::vector<std::pair<Levels, Levels>> role_targets_;
    std::set<std::string> taken_;
    MailboxMap map_;
};

}  // namespace

Role usual_role(std::string_view name) {
    auto const row = std::ranges::find_if(
        usual_names, [&](UsualName const& usual) { return ascii_iequals(usual.name, name); });
    return row == usual_names.end() ? Role::none : row->role;
}

std::vector<std::string> levels_of(Mailbox const& mailbox, AccountView const& account) {
    if (mailbox.name.is_inbox()) return {"INBOX"};
    std::string_view name = mailbox.name.utf8;
    if (!account.personal_prefix.empty() && name.starts_with(account.personal_prefix)) {
        name.remove_prefix(account.personal_prefix.size());
    }
    return imap::split_levels(name, mailbox.separator);
}

MailboxMap map_mailboxes(AccountView const& source, AccountView const& destination,
                         FolderOptions const& options) {
    return Mapper(source, destination, options).run();
}

}  // namespace imapcopy::copy
