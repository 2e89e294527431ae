"""The test of the tests: breaks the copy engine on purpose, one line of thought at a time, and demands that some test notices.

Used by tests/torture, which is the program to call. A mutant is a list of (file, old text, new text) over the sources; a text
that is not found exactly once is an error, so that the table grows old with nobody unaware.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
from collections import namedtuple

from torture_faults import PRESET, ROOT, build

TREE = ROOT / 'build' / 'mutants'
# Every this-many-th fault, until one is noticed: all of them would find the same later.
SAMPLE = 101

Mutant = namedtuple('Mutant', 'name edits program', defaults=['fault_explorer'])

HALF = 'daemon/copy/destination_half.cpp'
SETTLE = 'daemon/copy/settle.cpp'
PLAN = 'daemon/copy/plan.cpp'
SOURCE = 'daemon/copy/source_half.cpp'
MERGE = 'daemon/copy/flag_merge.cpp'
ENDPOINT = 'daemon/copy/imap_endpoint.cpp'
COMMAND = 'daemon/imap/codec/command.cpp'
CONNECTION = 'daemon/imap/connection.cpp'

BEGIN = '    co_await parts_.journal.begin(folder_->record.id, std::move(intents));\n'

MUTANTS = [
    Mutant('no intent', [(HALF, BEGIN, '    co_return intents.clear();\n')]),
    Mutant('intent after the last byte', [
        (HALF, '        co_await announce(batch.messages);\n', ''),
        (HALF, '        co_await batch.append->commit();\n',
         '        co_await batch.append->commit();\n        co_await announce(batch.messages);\n')]),
    Mutant('intent after OK', [
        (HALF, BEGIN, '    co_return intents.clear();\n'),
        (HALF, '    folder.has_unknown_uids |= uids.empty();\n', '''
    std::vector<Intent> intents;
    for (auto const& message : answered.messages) {
        intents.push_back({message.meta.uid, message.identity, message.size_bytes, message.meta.internal_date,
                           message.meta.flags, {}, folder.destination.uid_validity, folder.destination.uid_next, {}, {}});
    }
    co_await parts_.journal.begin(folder.record.id, std::move(intents));
    folder.has_unknown_uids |= uids.empty();
''')]),
    Mutant('no settle wait', [(SETTLE, 'auto const end = context.clock.now() + wait;',
                               'auto const end = context.clock.now() + 0 * wait;')]),
    Mutant('look once', [(SETTLE, 'for (auto const share : {2, 1}) {', 'for (auto const share : {2}) {')]),
    Mutant('look at what was seen before', [(SETTLE, '    destination.reopen_at_next_use();\n', '')]),
    Mutant('no probe', [('daemon/copy/execute.cpp', '    co_await probe(parts, folders);\n', '')]),
    Mutant('SEARCH as proof of absence', [
        (COMMAND, '    put(" UID FETCH ");\n', '''
    if (command.mod_seq) {
        put(" UID SEARCH UID ");
        return uids(command.uids);
    }
    put(" UID FETCH ");
'''),
        ('daemon/imap/codec/response.cpp', 'return Other{std::move(name)};', 'return Other{std::string(in.rest())};'),
        ('daemon/imap/interest.cpp', 'bool operator()(response::Other const&) const { return false; }',
         'bool operator()(response::Other const&) const { return interest.kind == Kind::fetch; }'),
        (ENDPOINT, '    command::UidFetch fetch;\n    fetch.uids = UidSet(range.first, range.last);\n    fetch.flags = true;\n'
         '    fetch.internal_date = listing', '''
    command::UidFetch fetch;
    fetch.uids = UidSet(range.first, range.last);
    fetch.flags = true;
    fetch.mod_seq = listing == Listing::identity && range.last == Uid(UINT32_MAX);
    fetch.internal_date = listing'''),
        (ENDPOINT, '    auto const ticket = session_->start(std::move(fetch), handlers);\n    lease->let_go();\n', '''
    std::string found = " ";
    if (std::exchange(fetch.mod_seq, false)) {
        co_await lease->confirm();
        auto search = fetch;
        search.mod_seq = true;
        imap::Handlers const finding{[&found](response::Response const& said) {
            if (auto const* const other = std::get_if<response::Other>(&said)) found += other->name + " ";
        }};
        auto const searching = session_->start(std::move(search), finding);
        (void)co_await searching->reply();
    }
    auto const believe = [&found, inner = std::move(sink)](MessageMeta meta) {
        if (found == " " || found.find(" " + std::to_string(meta.uid.value()) + " ") != std::string::npos) inner(meta);
    };
    auto const ticket = session_->start(std::move(fetch), handlers);
    lease->let_go();
'''),
        (ENDPOINT, 'for (auto& meta : listed) sink(std::move(meta));', 'for (auto& meta : listed) believe(std::move(meta));')]),
    Mutant('base advanced on retry', [
        ('daemon/store/ledger.cpp', '"base_uid_next = CASE WHEN state IN (0, 1) AND base_uid_next > 0 AND '
         'destination_uid_validity = "\n        "excluded.destination_uid_validity THEN base_uid_next ELSE '
         'excluded.base_uid_next END, "', '"base_uid_next = excluded.base_uid_next, "')], 'store_test'),
    Mutant('size and date as key', [
        (PLAN, '    auto const coarse = [](Slot const& slot) { return slot.nominee.identity.coarse; };\n', ''),
        (PLAN, 'std::ranges::equal_range(slots_, identity.coarse, {}, coarse)', 'slots_'),
        (PLAN, ': slot.nominee.identity.fingerprint == identity.fingerprint;', ': slot.nominee.internal_date.same_instant(date);')]),
    Mutant('equal messages dropped', [
        (PLAN, 'plan.copy.insert(plan.copy.end(), group.messages.begin(), group.messages.end());',
         'plan.copy.push_back(first);'),
        (PLAN, '} else if (nominees.empty() || !message.identity) {', '} else if (!message.identity) {'),
        (SOURCE, 'bool const needs_identity = !planning.nominees.empty() || !planning.heirs.empty() || hides_reports;',
         'bool const needs_identity = !planning.nominees.empty() || !planning.heirs.empty() || hides_reports || true;')]),
    Mutant('one copy claimed by two', [(PLAN, '        by_digest.erase(match);\n', '')]),
    Mutant('claims ignored when settling', [(SETTLE, 'if (!claimed.contains(meta.uid)) listed', 'listed')]),
    Mutant('UIDVALIDITY of the destination unchecked', [
        (PLAN, 'case MessageState::adopted: return entry.destination_uid_validity == destination;',
         'case MessageState::adopted: return destination.value() > 0;')]),
    Mutant('UIDVALIDITY of the source unchecked', [
        (SOURCE, 'folder.record.source_uid_validity != folder.source.uid_validity;',
         'folder.record.source_uid_validity.value() == 0;')]),
    Mutant('"done" on EXISTS', [
        (CONNECTION, '        auto const pending = find(untagged->recipient);\n', '''
        auto const* const count = std::get_if<response::Count>(&untagged->response);
        for (auto const& [id, each] : under_way_) {
            if (count == nullptr || count->kind != response::Count::Kind::exists || !each->writes_itself || each->reply)
                continue;
            each->reply = Reply{};
            each->changed.set();
        }
        auto const pending = find(untagged->recipient);
''')]),
    Mutant('RST on stop', [
        (HALF, '        if (sent_.empty()) break;\n', '''
        if (parts_.context.stop.requested() && !sent_.empty()) {
            parts_.destination.abort();
            break;
        }
        if (sent_.empty()) break;
''')]),
    Mutant('RST when the source breaks off', [
        (HALF, '            co_await wait_before_dropping();\n            co_return false;', '            co_return false;')]),
    Mutant('a broken literal padded', [
        (HALF, '            co_await wait_before_dropping();\n            co_return false;', '''
            if (batch_->accepted) co_await batch_->append->write(std::string(left, ' '));
            break;''')]),
    Mutant('flags overwritten at the destination', [
        (SOURCE, '    for (auto const uid : plan.gone) {\n', '''
    for (auto const& adoption : plan.adopt) {
        auto const flags = find_meta(window, adoption.source_uid)->flags;
        UidSet const one(adoption.destination_uid, adoption.destination_uid);
        (void)co_await parts_.destination.store_flags(folder.mapped.destination, one, flags, {});
    }
    for (auto const uid : plan.gone) {
''')]),
    Mutant('flags overwritten when the source changes them', [
        (MERGE, '        auto remove = permitted.allowed(lost);\n',
         '        auto remove = permitted.flags.without(message.flags);\n')]),
    Mutant('a reduced copy told as a whole one', [
        (HALF, 'auto remark = remark_on(*folder_, message.meta, reduction_);',
         'auto remark = remark_on(*folder_, message.meta, {});'),
        (HALF, 'auto remark = remark_on(folder, message.meta, answered.reduction);',
         'auto remark = remark_on(folder, message.meta, {});')]),
    Mutant('what APPEND forgot taken for set', [
        ('daemon/copy/appended_flags.cpp', '        keeping = FlagKeeping::forgets;\n',
         '        keeping = FlagKeeping::keeps;\n')]),
    Mutant('source opened for writing', [
        (ENDPOINT, 'command::Command open = command::Examine{mailbox, traits_.condstore};',
         'command::Command open = command::Select{mailbox, traits_.condstore};')]),
    Mutant('reading marks as read', [(COMMAND, 'put(" BODY.PEEK[]");', 'put(" BODY[]");')]),
    Mutant('a refused batch given up whole', [
        (HALF, '    if (answered.messages.size() > 1) co_return retry(answered);\n', '')]),
    Mutant('several lanes append where no UIDs are told', [
        ('daemon/copy/pass.cpp', 'lane.shares_folders = destination.uid_plus;', 'lane.shares_folders = true;')],
        'copy_test'),
    Mutant('taken with OK and lost, and nobody says so', [
        (SETTLE, '            stored.contains(entry.source_uid) &&', '            entry.source_uid == Uid() &&')], 'copy_test'),
    Mutant('a stalled server waited for without end', [
        ('daemon/imap/progress_watch.cpp', '    if (!servers_turn()) return std::nullopt;\n    auto const next',
         '    if (!servers_turn() || !in_body_) return std::nullopt;\n    auto const next')]),
]


def copy_tree():
    """The files that git knows, as they are now; unchanged ones keep their times, so that little is built again."""
    listed = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=ROOT, check=True,
                            capture_output=True).stdout.decode().split('\0')
    names = {name for name in listed if name and (ROOT / name).is_file()}
    for name in names:
        source, copy = ROOT / name, TREE / name
        if copy.is_file() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    for path in [p for p in TREE.rglob('*') if p.is_file() and 'build' not in p.relative_to(TREE).parts[:1]]:
        if str(path.relative_to(TREE)) not in names:
            path.unlink()


def apply(mutant):
    """Writes the mutant into the copy. Returns what the files held before."""
    before = {}
    for name, old, new in mutant.edits:
        path = TREE / name
        text = path.read_text()
        before.setdefault(path, text)
        if text.count(old) != 1:
            restore(before)
            sys.exit(f'mutant "{mutant.name}" does not apply any more: {name} holds {text.count(old)} times\n{old}')
        path.write_text(text.replace(old, new))
    return before


def restore(before):
    for path, text in before.items():
        path.write_text(text)


def first_failure(program):
    """Runs the test program until its first failure. Returns its name and its words, or nothing."""
    path = TREE / 'build' / PRESET / 'bin' / program
    explores = program == 'fault_explorer'
    command = [path, 'faults', '--sample', str(SAMPLE), '--only-first', '1'] if explores else [path, '--gtest_fail_fast']
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env=os.environ | {'GTEST_BRIEF': '1'})
    if done.returncode == 0:
        return None
    shown = re.search(r'^VIOLATION (.*\n.*)' if explores else r'^\[  FAILED  \] (\S+)', done.stdout, re.MULTILINE)
    words = ' '.join(shown[1].split()) if shown else f'ended with status {done.returncode}'
    return f'{program}: {words[:150]}'


def add_mutants_arguments(parser):
    parser.add_argument('--only', metavar='WORD', help='mutants whose name contains WORD')
    parser.add_argument('--list', action='store_true', help='name them and do nothing')


def mutants(options):
    """Every mutant in its turn. Returns the exit status."""
    chosen = [m for m in MUTANTS if not options.only or options.only in m.name]
    if options.list:
        print(*(m.name for m in chosen), sep='\n')
        return 0
    started = time.monotonic()
    copy_tree()
    for mutant in chosen:
        restore(apply(mutant))
    programs = sorted({m.program for m in chosen})
    build(*programs, root=TREE)
    for program in programs:
        if failure := first_failure(program):
            sys.exit(f'without any mutant {failure}')
    caught = 0
    for mutant in chosen:
        before = apply(mutant)
        try:
            build(mutant.program, root=TREE, quiet=True)
            failure = first_failure(mutant.program)
        finally:
            restore(before)
        caught += failure is not None
        print(f'{"caught  " if failure else "SURVIVED"}  {mutant.name}\n            {failure or "no test noticed"}', flush=True)
    print(f'{caught} of {len(chosen)} caught ({time.monotonic() - started:.0f} s)', flush=True)
    return 0 if caught == len(chosen) else 1
