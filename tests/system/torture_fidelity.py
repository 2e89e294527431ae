"""imapcopyd copies what mail can be at worst between real mail servers.

In every direction between the named servers: a source is filled with a corpus of odd messages, dates, keywords and folder
names, as far as it takes them. A plain client stores what the source gives in one account of the destination, to learn
what that server can hold. imapcopyd copies it to another account, and that must hold the same: every byte, instant, flag,
keyword and subscription. What a server cannot hold must stand in the report, in the server's words, or be found by
"imapcopyctl verify" where the server altered it without a word. A second pass must copy nothing.

  lost        a message that the server can hold and that is not there
  altered     a message that is there otherwise, or more often, than the server can hold it; a folder or subscription that
              is not as it should be; a verification that says something else than the comparison made here
  unlisted    what the server cannot hold, and neither report nor verification says

Used by tests/torture, which is the program to call. Needs the release build (IMAPCOPY_RELEASE_BIN names its folder).
"""
import collections
import json
import os
import re
import shutil
import signal
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import fidelity_corpus
from fidelity_account import CREATED_OTHERWISE, Client, Place, Stored, fill, read_corpus, seed, seed_many
from stage import Stage, tool
from torture_kills import Server

CONFIGURATION = '''
[retry]
delay_min = "1s"
delay_max = "2s"
attempts_max = 3
[security]
'''
STORED_AS = re.compile(r'stored as "(.*?)"(?:$|: | by an earlier)')
NOTES_MAX = 20


class FidelityServer(Server):
    def start(self):
        # Dovecot keeps a date before 1970, but its cache makes another one of it by the second time it is asked.
        settings = ('--set', 'mail_never_cache_fields = date.received') if self.kind == 'dovecot' else ()
        tool('mailserver', 'start', '--server', self.kind, '--dir', self.directory, '--port', self.port, '--tls-port',
             self.tls_port, '--storage', 'sdbox', *settings)


class Judgement:
    """What is wrong with one direction."""

    def __init__(self):
        self.lost = self.altered = self.unlisted = 0
        self.notes = []

    def add(self, kind, text, count=1):
        setattr(self, kind, getattr(self, kind) + count)
        self.notes.append(f'{kind}: {text}')


class Direction:
    def __init__(self, stage, source, destination, login, login_of_calibration):
        self.stage, self.source, self.destination = stage, source, destination
        self.login, self.login_of_calibration = login, login_of_calibration
        self.judgement = Judgement()
        # Courier would need a day for it.
        self.left_out = {fidelity_corpus.LONG} if destination.kind == 'courier' else set()

    def __str__(self):
        return f'{self.source.kind} → {self.destination.kind}'

    # Doing

    def run(self, corpus):
        """`corpus` is (folders, levels → held messages) as the source gives it."""
        folders, self.at_source = corpus
        self.folders = [folder for folder in folders if folder.levels not in self.left_out]
        begin = time.monotonic()
        client = Client(self.destination, self.login_of_calibration)
        self.separator, self.prefix = client.imap.separator or '/', client.imap.prefix
        self.places = fill(client, [folder for folder in self.folders if not fidelity_corpus.is_of_many(folder)])
        # What is only many is nothing that a server could not hold.
        self.places |= {folder.levels: Place(folder.levels, None, [Stored(held, (), None) for held in
                                                                   self.at_source[folder.levels]])
                        for folder in self.folders if fidelity_corpus.is_of_many(folder)}
        self.calibrated = client.listed()
        self.calibrated_subscribed = client.listed(b'LSUB').keys()
        client.close()
        self.migrate()
        self.judge()
        self.check_second_pass()
        self.print_line(time.monotonic() - begin)
        return self.judgement

    def migrate(self):
        self.job = self.stage.submit_direction(self)
        self.items = json.loads(self.stage.ctl('report', self.job, '-o', 'json').stdout)['items']
        job = next(job for job in self.stage.jobs() if str(job['id']) == self.job)
        if job['state'] != 'finished':
            raise AssertionError(f'{self}: job {self.job} is {job["state"]}: {job["error"]}')

    # Judging

    def judge(self):
        self.found = self.stage.verify(self.job)
        client = Client(self.destination, self.login)
        self.listed, subscribed = client.listed(), client.listed(b'LSUB').keys()
        for folder in self.folders:
            self.judge_folder(client, folder, subscribed)
        client.close()
        used = [self.place_of(folder) for folder in self.folders]
        wanted = self.calibrated.keys() | {levels[:depth] for levels in used for depth in range(1, len(levels) + 1)}
        for levels in self.listed.keys() - wanted:
            self.judgement.add('altered', f'a folder too many: {levels}')
        self.judge_verification()

    def place_of(self, folder):
        """Where the report says that the folder is; else under its own name."""
        for item in self.items_of(folder, 0):
            match = STORED_AS.search(item['text'])
            if match:
                return self.destination_levels(match.group(1))
        return folder.levels

    def destination_levels(self, name):
        if name.startswith(self.prefix):
            name = name[len(self.prefix):]
        return tuple(name.split(self.separator))

    def items_of(self, folder, uid):
        path = '/'.join(folder.levels)
        return [item for item in self.items if (item['folder'], item['source_uid']) == (path, uid)]

    def found_of(self, folder, uid):
        path = '/'.join(folder.levels)
        return {row['kind'] for row in self.found['listed'] if (row['folder'], row['source_uid']) == (path, uid)}

    def judge_folder(self, client, folder, subscribed):
        place, levels = self.places[folder.levels], self.place_of(folder)
        name = '/'.join(folder.levels)
        if place.words is None and levels != folder.levels:
            self.judgement.add('altered', f'{name}: needlessly stored as {levels}')
        said = ' '.join(item['text'] for item in self.items_of(folder, 0))
        # Nobody asks a server for a level that holds its separator.
        unasked = place.words == CREATED_OTHERWISE or any(self.separator in level for level in folder.levels)
        if place.words is not None and (levels == folder.levels or not (unasked or place.words in said)):
            self.judgement.add('unlisted', f'folder {name}: "{place.words}"; the report says "{said}"')
        if levels not in self.listed:
            self.judgement.add('lost', f'folder {name}, to be stored as {levels}', max(1, len(folder.mails)))
            return
        kept = place.name in self.calibrated_subscribed
        if kept != (levels in subscribed):
            self.judgement.add('altered', f'{name}: {"not " if kept else ""}subscribed')
        self.compare(folder, place.messages, client.fetch(self.listed[levels].raw))
        for message, stored in zip(self.at_source[folder.levels], place.messages):
            self.judge_listing(folder, message, stored)

    def compare(self, folder, wanted, held):
        """Multisets of what the server can hold, and of what it holds."""
        exact = collections.Counter((s.held.digest, s.held.date, s.held.flags) for s in wanted if s.held)
        undated = {digest for digest, date, _ in exact if date is None}
        there = collections.Counter((h.digest, None if h.digest in undated else h.date, h.flags) for h in held)
        missing, surplus = list((exact - there).elements()), list((there - exact).elements())
        by_digest = collections.Counter(digest for digest, *_ in surplus)
        for digest, date, flags in missing:
            other = by_digest[digest] > 0
            by_digest[digest] -= 1 if other else 0
            self.judgement.add('altered' if other else 'lost', f'{"/".join(folder.levels)}: {digest.hex()[:8]} '
                               f'of {date} {sorted(flags)}; there are {[s[1:] for s in surplus if s[0] == digest]}')
        for digest, count in by_digest.items():
            if count:
                self.judgement.add('altered', f'{"/".join(folder.levels)}: {count} too many of {digest.hex()[:8]}', count)

    def judge_listing(self, folder, message, stored):
        """Is every difference between the source and what the server can hold listed?"""
        name = f'{"/".join(folder.levels)}, UID {message.uid}'
        said = ' '.join(item['text'] for item in self.items_of(folder, message.uid))
        if (stored.held is None or stored.dropped) and stored.words not in said:
            self.judgement.add('unlisted', f'{name}: "{stored.words}"; the report says "{said}"')
        for kind in self.alterations(message, stored):
            of_folder = [item for item in self.items_of(folder, 0) if item['code'] == 'AttributeRefused']
            if kind not in self.found_of(folder, message.uid) and not (kind == 'reflagged' and of_folder):
                self.judgement.add('unlisted', f'{name} is {kind}, of which the server said nothing')

    @staticmethod
    def alterations(message, stored):
        """What a verification should find."""
        if stored.held is None:
            return {'exception'}
        there = stored.held
        differs = {'altered': message.content != there.content, 'date': message.date != there.date,
                   'reflagged': message.flags != there.flags}
        return {kind for kind, is_true in differs.items() if is_true}

    def judge_verification(self):
        """By kind and number; judge_listing() has asked for the single messages."""
        counts = collections.Counter()
        for folder in self.folders:
            for message, stored in zip(self.at_source[folder.levels], self.places[folder.levels].messages):
                counts.update(self.alterations(message, stored))
        # A server that alters a subject makes another message of it, too: one that only the destination has.
        said = {kind: count for kind, count in self.found['totals'].items() if kind not in ('resized', 'extra')}
        if said != dict(counts):
            self.judgement.add('altered', f'the verification says {said}, the comparison {dict(counts)}')

    def check_second_pass(self):
        before = self.destination_status()
        self.stage.resync(self.job)
        job = next(job for job in self.stage.jobs() if str(job['id']) == self.job)
        if job['state'] != 'finished' or job['bytes_done'] or self.destination_status() != before:
            self.judgement.add('altered', f'the second pass: {job["state"]}, {job["bytes_done"]} bytes')
        again = json.loads(self.stage.ctl('report', self.job, '-o', 'json').stdout)['items']
        for item in self.items:
            same = any((item['folder'], item['source_uid'], item['code']) == (i['folder'], i['source_uid'], i['code'])
                       for i in again)
            if not same:
                self.judgement.add('unlisted', f'by the second pass: {item["folder"]} {item["source_uid"]} {item["text"]}')

    def destination_status(self):
        client = Client(self.destination, self.login)
        status = client.status()
        client.close()
        return status

    def print_line(self, seconds):
        judgement = self.judgement
        for note in judgement.notes[:NOTES_MAX]:
            print(f'  {self}: {note}')
        if len(judgement.notes) > NOTES_MAX:
            print(f'  … and {len(judgement.notes) - NOTES_MAX} more')
        messages = sum(len(folder.mails) for folder in self.folders)
        stored = [s for place in self.places.values() for s in place.messages]
        renamed = sum(place.words is not None for place in self.places.values())
        refused = sum(s.held is None for s in stored)
        reduced = sum(bool(s.dropped) for s in stored)
        silent = sum(bool(s.held and not s.dropped and self.alterations(m, s)) for levels, place in self.places.items()
                     for m, s in zip(self.at_source[levels], place.messages))
        print(f'{self}: {len(self.folders)} folders, {messages} messages; the server cannot hold {renamed} names, '
              f'{refused} messages, the date or keywords of {reduced}, and alters {silent}: {judgement.lost} lost, '
              f'{judgement.altered} altered, {judgement.unlisted} unlisted ({seconds:.0f} s)', flush=True)


class Fidelity(Stage):
    """Servers of some kinds, each as a source and as a destination, and imapcopyd."""

    def __init__(self, work, sources, destinations):
        self.work, self.processes = work, {}
        os.chmod(work, 0o755)
        self.servers = {(side, kind): FidelityServer(self, kind, side) for side, kinds in
                        (('source', sources), ('destination', destinations)) for kind in kinds}
        self.prepare_daemon(CONFIGURATION)
        self.keep = False

    def __exit__(self, kind, *_):
        for name in list(self.processes):
            self.stop(name, signal.SIGTERM)
        for server in self.servers.values():
            server.stop()
        if kind is None and not self.keep:
            shutil.rmtree(self.work)

    def fill_source(self, kind, corpus, many):
        """The corpus as the source gives it; says what it does not hold."""
        client = Client(self.servers['source', kind], 'user1')
        left_out = seed(client, corpus)
        if many:
            seed_many(client, fidelity_corpus.many_for(kind))
        given = read_corpus(client)
        client.close()
        return given, left_out

    def passwords(self):
        file = f'{self.work}/password'
        return '--source-password-file', file, '--destination-password-file', file

    def submit_direction(self, direction):
        """Runs the job to its end; returns its number."""
        done = self.ctl('submit', f'imap+cleartext://user1@127.0.0.1:{direction.source.port}',
                        f'imap+cleartext://{direction.login}@127.0.0.1:{direction.destination.port}', *self.passwords(),
                        *(f'--exclude={"/".join(levels)}' for levels in direction.left_out), '--no-test',
                        '--no-completion-mail', '--wait', check=False)
        jobs = self.jobs()
        if not jobs or done.returncode not in (0, 5):
            raise AssertionError(f'{direction}: exit {done.returncode}: {done.stdout}')
        return str(max(job['id'] for job in jobs))

    def verify(self, job):
        done = self.ctl('verify', job, '--level', 'digest', *self.passwords(), '-o', 'json', check=False)
        return json.loads(done.stdout)

    def resync(self, job):
        self.ctl('resync', job, *self.passwords())
        self.ctl('watch', job, check=False)


def run_fidelity(pairs, large_bytes, many=False):
    """Returns how much was lost, altered and unlisted."""
    work = tempfile.mkdtemp(prefix='imapcopy-fidelity-', dir='/tmp')
    print(f'logs in {work}, if this fails', flush=True)
    sources, destinations = (list(dict.fromkeys(kinds)) for kinds in zip(*pairs))
    stage = Fidelity(work, sources, destinations)
    with stage:
        corpus = fidelity_corpus.folders(large_bytes)
        with ThreadPoolExecutor() as pool:
            given = dict(zip(sources, pool.map(lambda kind: stage.fill_source(kind, corpus, many), sources)))
        for kind, (_, left_out) in given.items():
            print(f'{kind} as a source holds all but {len(left_out)}: ' + '; '.join(left_out), flush=True)
        totals = [0, 0, 0]
        for number, (source, destination) in enumerate(pairs):
            direction = Direction(stage, stage.servers['source', source], stage.servers['destination', destination],
                                  f'user{10 + number}', f'user{50 + number}')
            judgement = direction.run(given[source][0])
            totals = [total + getattr(judgement, kind) for total, kind in zip(totals, ('lost', 'altered', 'unlisted'))]
        stage.keep = any(totals)
    return totals


def add_fidelity_arguments(parser):
    parser.add_argument('--servers', default='dovecot,cyrus,courier', help='some of dovecot,cyrus,courier')
    parser.add_argument('--direction', metavar='SOURCE:DESTINATION', help='only this one')
    parser.add_argument('--large', type=int, default=50, metavar='MIB', help='size of the largest message (default: 50)')
    parser.add_argument('--many', action='store_true',
                        help='also 1,000 folders, and one folder of 50,000 messages; that one not into Courier')


def fidelity(options):
    """Returns the exit status."""
    kinds = options.servers.split(',')
    pairs = [(source, destination) for source in kinds for destination in kinds]
    if options.direction:
        pairs = [tuple(options.direction.split(':'))]
    totals = run_fidelity(pairs, options.large << 20, options.many)
    print('fidelity: {} directions, {} lost, {} altered, {} unlisted'.format(len(pairs), *totals))
    return 1 if any(totals) else 0
